"""The lives of a call key that comes again (specification of correlation, section 3).

A life ends at ENDED, when no connection of the key is open any more, and after a long silence; the next fact that can
open a call begins another. A key that starts anew (STARTED) after all its connections ended has lost its ENDED.
"""

from __future__ import annotations

import polars as pl

from cx_pipeline.core.calls.rules import CorrelationRules
from cx_pipeline.core.events.vocabulary import ENDING_KINDS, Kind

_OPENING = (Kind.RINGING, Kind.TALKING, Kind.HELD)
_CLOSING = (Kind.DROPPED, Kind.DISCONNECTED)
_GOES_ON = (Kind.TALKING, Kind.HELD, Kind.CONSULT, Kind.TRANSFER, Kind.CONFERENCE, Kind.MERGED)
"""What a connection that was open when observation ended may do next."""


def with_generations(facts: pl.DataFrame, rules: CorrelationRules) -> pl.DataFrame:
    """Add `generation`: the number of the key's life, from 0 over all keys; null for an ending fact of none.

    Args:
        facts: every fact (but OTHER) of some keys.
        rules: the tolerances.
    """
    silence = rules.max_silence // rules.max_silence.resolution
    grace = rules.ending_grace // rules.ending_grace.resolution
    kind = pl.col("kind")
    is_ending = kind.is_in(ENDING_KINDS)
    timeline = _with_open_connections(facts).sort("key", "moment", "extension", "terminal", "row")
    before = pl.col("time").shift().over("key")
    timeline = timeline.with_columns(
        is_ending=is_ending,
        is_silent=(pl.col("time") - before > silence).fill_null(value=False),
        # The last ENDED at which nothing was open, and whether there was any, since the last fact that opens a call.
        end_time=pl.when((kind == Kind.ENDED) & (pl.col("open_before") == 0)).then("time"),
        any_end=pl.when(kind == Kind.ENDED).then("time"),
        live=(~is_ending).cum_sum().over("key"),
    ).with_columns(
        ended_at=pl.col("end_time").cum_min().forward_fill().over("key", "live"),
        any_ended_at=pl.col("any_end").cum_min().forward_fill().over("key", "live"),
    )
    timeline = timeline.with_columns(
        ended_before=pl.col("ended_at").shift().over("key"),
        any_ended_before=pl.col("any_ended_at").shift().over("key"),
        ending_before=pl.col("is_ending").shift().over("key").fill_null(value=False),
    )
    resumes = kind.is_in(_GOES_ON) & pl.col("is_own_open")
    restarts = (kind == Kind.STARTED) & pl.col("ending_before") & (pl.col("open_before") == 0)
    ended = pl.col("ended_before").is_not_null() | (pl.col("any_ended_before").is_not_null() & ~resumes)
    is_first_live = (pl.col("live") == 1) & ~pl.col("is_ending")
    opens = ~pl.col("is_ending") & (is_first_live | ended | restarts | pl.col("is_silent_since"))
    timeline = _with_silence(timeline).with_columns(opens=opens)
    late = pl.col("is_ending") & (
        (pl.col("live") == 0)
        | pl.col("is_cut_off")
        | (pl.col("time") - pl.col("ended_before") > grace).fill_null(value=False)
    )
    generation = (pl.col("opens").cum_sum() - 1).cast(pl.UInt32)
    return timeline.with_columns(generation=pl.when(~late).then(generation)).select(
        *facts.columns, "generation"
    )


def _with_silence(timeline: pl.DataFrame) -> pl.DataFrame:
    """Add whether silence fell since the last fact that opens a call, and whether an ending fact comes after it."""
    silent = pl.col("is_silent")
    # The silence before the fact that opens a life is not one within it.
    cut = (silent & pl.col("is_ending")).cum_max().over("key", "live")
    return timeline.with_columns(is_cut_off=cut).with_columns(
        is_silent_since=silent | pl.col("is_cut_off").shift().over("key").fill_null(value=False)
    )


def _with_open_connections(facts: pl.DataFrame) -> pl.DataFrame:
    """Add how many connections of the key are open before each fact, and whether the fact's own extension has one.

    A DISCONNECTED ends all terminals of its extension; it counts for each.
    """
    kind = pl.col("kind")
    steps = facts.filter(kind.is_in([*_OPENING, *_CLOSING]) & (pl.col("extension") != 0)).select(
        "key", "extension", "terminal", "moment", "row", is_opening=kind.is_in(_OPENING)
    )
    terminals = (
        steps.select("key", "extension", "terminal")
        .unique()
        .group_by("key", "extension")
        .agg(all=pl.col("terminal"))
    )
    several = steps.join(terminals.filter(pl.col("all").list.len() > 1), on=["key", "extension"])
    spread = (
        several.filter(~pl.col("is_opening") & (pl.col("terminal") == 0))
        .with_columns(terminal=pl.col("all"))
        .explode("terminal")
    )
    known = pl.concat([steps, spread.select(steps.columns)]).unique(["row", "terminal"], maintain_order=True)
    changes = known.sort("key", "extension", "terminal", "moment", "row").with_columns(
        was_open=pl.col("is_opening").shift().over("key", "extension", "terminal").fill_null(value=False)
    )
    delta = changes.with_columns(step=pl.col("is_opening").cast(pl.Int32) - pl.col("was_open").cast(pl.Int32))
    by_row = delta.group_by("row").agg(pl.sum("step"))
    own = _own_state(facts)
    return (
        facts.join(by_row, on="row", how="left")
        .join(own, on="row", how="left")
        .with_columns(pl.col("step").fill_null(0), pl.col("is_own_open").fill_null(value=False))
        .sort("key", "moment", "extension", "terminal", "row")
        .with_columns(open_before=pl.col("step").cum_sum().over("key") - pl.col("step"))
        .drop("step")
    )


def _own_state(facts: pl.DataFrame) -> pl.DataFrame:
    """For each fact about an extension: whether the extension's last step before it opened a connection."""
    kind = pl.col("kind")
    state = pl.when(kind.is_in(_OPENING)).then(True).when(kind.is_in(_CLOSING)).then(False)
    return (
        facts.filter(pl.col("extension") != 0)
        .sort("key", "extension", "moment", "row")
        .select(
            "row", is_own_open=state.forward_fill().shift().over("key", "extension").fill_null(value=False)
        )
    )
