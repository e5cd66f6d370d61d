"""The correlation: call events in, calls and their legs out. Pure: no clock, no file, no database.

It reads as its steps: read the events as integers, clean them, group them into calls, find the connections of the
agents and from these the legs, time them, relate them, name them, and turn the integers back into texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from cx_pipeline.core.calls import classification, output, parties
from cx_pipeline.core.calls.cleaning import Cleaned, clean
from cx_pipeline.core.calls.connections import find_connections
from cx_pipeline.core.calls.directions import directions_of, open_calls_of
from cx_pipeline.core.calls.facts import Facts, quarantined, read_facts
from cx_pipeline.core.calls.grouping import Grouped, group_into_calls
from cx_pipeline.core.calls.holds import find_holds
from cx_pipeline.core.calls.legs import find_legs, merges_of
from cx_pipeline.core.calls.relations import find_relations
from cx_pipeline.core.calls.rules import CorrelationRules
from cx_pipeline.core.calls.schema import QUARANTINE_SCHEMA
from cx_pipeline.core.calls.timing import CallFacts, rona_reasons, time_legs
from cx_pipeline.core.calls.transfers_begun_elsewhere import artefacts_of, continued_talks
from cx_pipeline.core.directory import Directory
from cx_pipeline.core.events.vocabulary import Kind


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
    facts = read_facts(events, directory)
    cleaned = clean(facts, rules)
    grouped = group_into_calls(cleaned.frame, rules)
    calls, legs = _calls_and_legs(events, facts, grouped, rules, directory, as_of)
    lost = (
        quarantined(events, grouped.orphans["row"].to_numpy(), grouped.orphans["reason"])
        if len(grouped.orphans)
        else None
    )
    quarantine = pl.concat([facts.quarantine, lost]) if lost is not None else facts.quarantine
    return Correlation(
        calls,
        legs,
        quarantine.sort(*QUARANTINE_SCHEMA),
        _counts(facts, cleaned, len(quarantine)),
        cleaned.skew,
    )


def _counts(facts: Facts, cleaned: Cleaned, quarantined_count: int) -> Counts:
    used = facts.input_count - cleaned.duplicates - quarantined_count
    return Counts(facts.input_count, used, cleaned.duplicates, quarantined_count)


def _calls_and_legs(
    events: pl.LazyFrame,
    facts: Facts,
    grouped: Grouped,
    rules: CorrelationRules,
    directory: Directory,
    as_of: datetime,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    frame, dictionary = grouped.frame, facts.dictionary
    merges = merges_of(frame).join(
        grouped.references.select("row", "other"), on="row", how="left", maintain_order="left"
    )
    shares = parties.with_directory(parties.shares_of(frame), dictionary.extensions, directory)
    connections = find_connections(frame)
    around = pl.concat([merges.select("call", "time"), continued_talks(frame)])
    runs, legs = find_legs(connections, around, rules.merge_tolerance)
    of = CallFacts(frame, shares, runs, connections, merges)
    legs = time_legs(legs, of, rules, as_of)
    legs = legs.join(rona_reasons(legs, of), on="leg", how="left", maintain_order="left")
    holds = find_holds(legs, runs, connections, merges)
    relations = find_relations(legs, holds, of, rules)
    legs = legs.join(classification.roles_of(relations), on="leg", how="left", maintain_order="left")
    consults = frame.filter(pl.col("kind") == Kind.CONSULT).select("generation", "time", "extension")
    waiting = classification.unanswered_roles(legs, holds, runs, consults)
    legs = classification.classify(legs, directions_of(legs, shares), waiting)
    legs = legs.join(
        artefacts_of(frame, connections, runs), on="leg", how="left", maintain_order="left"
    ).with_columns(pl.col("is_artefact").fill_null(value=False))
    roots = output.with_call_ids(output.call_roots(frame), dictionary)
    roots = roots.with_columns(event_count=pl.col("fact_count") + pl.Series(grouped.others))
    listed = output.party_lists(
        parties.with_ends(shares, frame, dictionary, directory), len(roots), dictionary
    )
    told = output.evidence_frame(
        legs.with_columns(first_row=connections.steps["row"].gather(legs["first"])),
        frame,
        dictionary,
        _passengers(events),
    )
    open_calls = open_calls_of(legs, frame, rules, as_of)
    keys = frame.select("call", "key").unique(maintain_order=True).sort("call", "key")
    call_frame = output.calls_frame(roots, keys, legs, listed, open_calls, dictionary)
    leg_frame = output.legs_frame(legs, roots, listed, holds, told, dictionary, rules)
    return call_frame, leg_frame


def _passengers(events: pl.LazyFrame) -> pl.DataFrame:
    """The columns that legs carry along from their events, by position in the input."""
    present = events.collect_schema().names()
    wanted = [name for name in ("event_id", "connection_id", "jtapi_id") if name in present]
    return events.select(wanted).collect() if wanted else pl.DataFrame()
