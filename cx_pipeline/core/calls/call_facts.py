"""The facts of one call as the engine sees them: cleaned, translated to kinds, and grouped; texts, not numbers."""

from __future__ import annotations

import polars as pl

from cx_pipeline.core.calls.cleaning import clean
from cx_pipeline.core.calls.facts import read_facts
from cx_pipeline.core.calls.grouping import group_into_calls
from cx_pipeline.core.calls.output import call_roots, with_call_ids
from cx_pipeline.core.calls.rules import CorrelationRules
from cx_pipeline.core.directory import Directory
from cx_pipeline.core.events.schema import UTC_MICROSECONDS
from cx_pipeline.core.events.vocabulary import Kind

CALL_FACT_SCHEMA = pl.Schema(
    {
        "event_time": UTC_MICROSECONDS,
        "kind": pl.String(),
        "extension": pl.String(),
        "terminal": pl.String(),
        "call_key": pl.String(),
        "event_name": pl.String(),
        "source": pl.String(),
        "event_id": pl.String(),
    }
)
"""One row for each fact of a call, in the engine's order. `extension` is the one that the fact is about."""

_KINDS = {kind.value: kind.name for kind in Kind}
_PASSENGERS = ("event_name", "source", "event_id")


def facts_of_call(
    events: pl.DataFrame, call_id: str, rules: CorrelationRules, directory: Directory
) -> pl.DataFrame:
    """The facts of the call among `events` (`CALL_FACT_SCHEMA`); none if it is not there.

    Duplicates are gone and facts of kind OTHER left out: this is what start, end, holds and type are decided from.
    """
    read = read_facts(events.lazy(), directory)
    frame = group_into_calls(clean(read, rules).frame, rules).frame
    roots = with_call_ids(call_roots(frame), read.dictionary)
    call = roots.filter(pl.col("call_id") == call_id).select("call")
    own = frame.join(call, on="call", how="semi").sort("moment", "key", "extension", "terminal", "row")
    rows = own["row"]
    columns = [
        own["time"].cast(UTC_MICROSECONDS).alias("event_time"),
        own["kind"].cast(pl.Int64).replace_strict(_KINDS, return_dtype=pl.String).alias("kind"),
        read.dictionary.extensions.decode(own["extension"]).alias("extension"),
        read.dictionary.terminals.decode(own["terminal"]).alias("terminal"),
        read.dictionary.key_texts.gather(own["key"]).alias("call_key"),
    ]
    columns += [
        events[name].gather(rows).cast(pl.String) if name in events.columns else _nothing(name, len(rows))
        for name in _PASSENGERS
    ]
    return pl.DataFrame(columns).cast(CALL_FACT_SCHEMA)


def _nothing(name: str, count: int) -> pl.Series:
    return pl.Series(name, [None] * count, dtype=pl.String)
