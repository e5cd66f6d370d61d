"""The correlation: call events in, calls and their legs out. Pure: no clock, no file, no database.

It reads as its steps: read the events as integers, clean them, group them into calls, find the connections of the
agents and from these the legs, time them, relate them, name them, and turn the integers back into texts.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import polars as pl

from cx_pipeline.core.calls import classification, output, parties
from cx_pipeline.core.calls.cleaning import clean
from cx_pipeline.core.calls.connections import find_connections
from cx_pipeline.core.calls.directions import directions_of, open_calls_of
from cx_pipeline.core.calls.facts import Dictionary, quarantined, read_facts
from cx_pipeline.core.calls.grouping import Grouped, group_into_calls
from cx_pipeline.core.calls.holds import find_holds
from cx_pipeline.core.calls.legs import find_legs, merges_of
from cx_pipeline.core.calls.parties import Listing
from cx_pipeline.core.calls.relations import find_relations
from cx_pipeline.core.calls.rules import CorrelationRules
from cx_pipeline.core.calls.schema import CALL_SCHEMA, LEG_SCHEMA, QUARANTINE_SCHEMA
from cx_pipeline.core.calls.timing import CallFacts, rona_reasons, time_legs
from cx_pipeline.core.calls.transfers_begun_elsewhere import artefacts_of, continued_talks
from cx_pipeline.core.directory import Directory


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the events: `input` = `used` + `duplicates` + `quarantined`."""

    input: int
    used: int
    duplicates: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class Correlation:
    """Calls (`CALL_SCHEMA`), legs (`LEG_SCHEMA`), what could not be used (`QUARANTINE_SCHEMA`), and the counts.

    `skew`: for each source whose events claim to be later than their arrival, `largest_skew_ms` and how many were
    `capped`.
    """

    calls: pl.DataFrame
    legs: pl.DataFrame
    quarantine: pl.DataFrame
    counts: Counts
    skew: pl.DataFrame


def correlate(
    events: pl.LazyFrame | pl.DataFrame, rules: CorrelationRules, directory: Directory, as_of: datetime
) -> Correlation:
    """Turn call events into calls and legs.

    Args:
        events: columns of `EVENT_SCHEMA`, in any order of arrival; a missing column reads as null.
        rules: tolerances and limits.
        directory: agents, numbers and tenants of the site; may be empty.
        as_of: the moment from which silence is judged, with a time zone.

    Raises:
        SchemaError: a column has another type than the schema says.
    """
    events = events.lazy()
    grouped, reading = _read_and_group(events, rules, directory)
    calls, legs = _in_parts(grouped, reading, rules, as_of)
    quarantine = reading.quarantine
    if len(grouped.orphans):
        rows = reading.rows[grouped.orphans["row"].to_numpy()]
        orphans = quarantined(events, rows, grouped.orphans["reason"])
        quarantine = pl.concat([quarantine, orphans])
    used = reading.input_count - reading.duplicates - len(quarantine)
    counts = Counts(reading.input_count, used, reading.duplicates, len(quarantine))
    return Correlation(calls, legs, quarantine.sort(*QUARANTINE_SCHEMA), counts, reading.skew)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is kept of the reading while the legs are made.

    `rows`: where each cleaned fact stands in the input; `event_ids`: of the cleaned facts.
    """

    rows: npt.NDArray[np.uint32]
    dictionary: Dictionary
    listing: Listing
    event_ids: pl.Series | None
    input_count: int
    duplicates: int
    quarantine: pl.DataFrame
    skew: pl.DataFrame


def _read_and_group(
    events: pl.LazyFrame, rules: CorrelationRules, directory: Directory
) -> tuple[Grouped, _Reading]:
    facts = read_facts(events, directory)
    cleaned = clean(facts, rules)
    # From here on facts bear their number in this order, which is the same in whatever order they arrived.
    rows = cleaned.frame["row"].to_numpy()
    frame = cleaned.frame.with_columns(row=pl.int_range(pl.len(), dtype=pl.UInt32))
    event_ids = _event_ids(events)
    reading = _Reading(
        rows=rows,
        dictionary=facts.dictionary,
        listing=Listing.of(facts.dictionary.extensions, directory),
        event_ids=None if event_ids is None else event_ids.gather(rows),
        input_count=facts.input_count,
        duplicates=cleaned.duplicates,
        quarantine=facts.quarantine,
        skew=cleaned.skew,
    )
    del facts, cleaned  # a day's worth of integers that nobody looks at again
    return group_into_calls(frame, rules), reading


def _event_ids(events: pl.LazyFrame) -> pl.Series | None:
    if "event_id" not in events.collect_schema():
        return None
    return events.select(pl.col("event_id").cast(pl.String)).collect().to_series()


PART_ROWS = 500_000
"""Facts of about this many rows are worked on at a time, in whole calls: memory stays small, and the cache warm."""

PARTS_AT_ONCE = 2
"""Parts share nothing. Two at once fill the gaps that one leaves on a second processor; more would only hold memory."""


def _in_parts(
    grouped: Grouped, reading: _Reading, rules: CorrelationRules, as_of: datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Make calls and legs of some whole calls at a time."""
    scratch = np.zeros(reading.input_count, dtype=np.uint32)

    def _of_part(span: tuple[int, int]) -> tuple[pl.DataFrame, pl.DataFrame]:
        part = grouped.frame[span[0] : span[1]]
        first, last = int(part["call"][0]), int(part["call"][-1])
        part = part.with_columns(pl.col("call") - first)
        others = grouped.others[first : last + 1]
        return _calls_and_legs(part, others, grouped.references, reading, rules, as_of, scratch)

    with ThreadPoolExecutor(PARTS_AT_ONCE) as pool:
        made = list(pool.map(_of_part, _parts(grouped.frame["call"].to_numpy())))
    calls = pl.concat([CALL_SCHEMA.to_frame(), *(calls for calls, _ in made)])
    return calls, pl.concat([LEG_SCHEMA.to_frame(), *(legs for _, legs in made)])


def _parts(call: npt.NDArray[np.uint32]) -> Iterator[tuple[int, int]]:
    """Spans of about `PART_ROWS` rows, each of whole calls."""
    start = 0
    while start < len(call):
        last = call[min(start + PART_ROWS, len(call)) - 1]
        stop = int(np.searchsorted(call, last, side="right"))
        yield start, stop
        start = stop


def _calls_and_legs(
    frame: pl.DataFrame,
    others: npt.NDArray[np.int64],
    references: pl.DataFrame,
    reading: _Reading,
    rules: CorrelationRules,
    as_of: datetime,
    scratch: npt.NDArray[np.uint32],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Calls and legs of the facts of some calls, these numbered from 0; `others`: their facts of kind OTHER."""
    dictionary = reading.dictionary
    merges = merges_of(frame).join(
        references.select("row", "other"), on="row", how="left", maintain_order="left"
    )
    shares = parties.with_listing(parties.shares_of(frame), reading.listing)
    connections = find_connections(frame)
    around = pl.concat([merges.select("call", "time"), continued_talks(frame)])
    runs, legs = find_legs(connections, around, rules.merge_tolerance)
    of = CallFacts(frame, shares, runs, connections, merges)
    legs = time_legs(legs, of, rules, as_of)
    legs = legs.join(rona_reasons(legs, of), on="leg", how="left", maintain_order="left")
    holds = find_holds(legs, runs, connections, merges)
    relations = find_relations(legs, holds, of, rules)
    legs = legs.join(classification.roles_of(relations), on="leg", how="left", maintain_order="left")
    present = parties.with_ends(shares, frame, reading.listing)
    waiting = classification.unanswered_roles(legs, holds, of)
    legs = classification.classify(legs, directions_of(legs, present), waiting)
    legs = legs.join(artefacts_of(frame, connections, runs), on="leg", how="left", maintain_order="left")
    legs = legs.with_columns(
        pl.col("is_artefact").fill_null(value=False), first_row=connections.steps["row"].gather(legs["first"])
    )
    roots = output.with_call_ids(output.call_roots(frame), dictionary)
    roots = roots.with_columns(pl.col("fact_count") + pl.Series(others))
    listed = output.party_lists(present, len(roots), dictionary)
    evidence = output.Evidence.of(frame, scratch, dictionary, reading.event_ids).of_legs(legs)
    open_calls = open_calls_of(legs, frame, rules, as_of)
    call_frame = output.calls_frame(roots, frame, legs, listed, open_calls, dictionary)
    return call_frame, output.legs_frame(legs, roots, listed, holds, evidence, dictionary, rules)
