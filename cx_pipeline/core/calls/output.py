"""From numbers back to texts: the frames of calls and legs that others read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from cx_pipeline.core.calls.classification import CALL_TYPES, Directions
from cx_pipeline.core.calls.connections import NEVER
from cx_pipeline.core.calls.facts import Dictionary
from cx_pipeline.core.calls.rules import CorrelationRules
from cx_pipeline.core.calls.schema import (
    CALL_SCHEMA,
    COMPLETED,
    EVIDENCE,
    HOLD_SEGMENT,
    IN_PROGRESS,
    LEG_SCHEMA,
)
from cx_pipeline.core.calls.segments import Segments
from cx_pipeline.core.calls.timing import END_RULES, START_RULES
from cx_pipeline.core.events.encoding import TextCodes
from cx_pipeline.core.events.schema import UTC_MICROSECONDS
from cx_pipeline.core.events.vocabulary import Kind
from cx_pipeline.core.identity import name_of, uuid_of

_KINDS = pl.Series([None, *(kind.name for kind in sorted(Kind))], dtype=pl.String)


def call_roots(facts: pl.DataFrame) -> pl.DataFrame:
    """One row for each call: `call`, `key` (of the first fact), `started`, `last` (times) and `fact_count`."""
    calls = Segments.of(facts["call"].to_numpy())
    moment, time, key = (facts[name].to_numpy() for name in ("moment", "time", "key"))
    started = calls.smallest(moment)
    # Of keys that begin at one instant the first in order is the root.
    is_first = moment == calls.spread(started)
    rooted = np.where(is_first, key, np.iinfo(key.dtype).max)
    return pl.DataFrame(
        {
            "call": np.arange(calls.count, dtype=np.uint32),
            "key": calls.smallest(rooted),
            "started": started // 32,
            "last": calls.largest(time),
            "fact_count": calls.lengths,
        }
    )


def with_call_ids(roots: pl.DataFrame, dictionary: Dictionary) -> pl.DataFrame:
    """Add `tenant_id`, `root_call_key` and `call_id` to the roots."""
    keys = roots["key"]
    texts = roots.with_columns(
        tenant_id=dictionary.tenants.texts.gather(pl.Series(dictionary.key_tenants[keys.to_numpy()])),
        root_call_key=dictionary.key_texts.gather(keys),
    )
    names = texts.select(
        name_of(pl.lit("call"), pl.col("tenant_id"), pl.col("root_call_key"), pl.col("started"))
    )
    return texts.with_columns(uuid_of(names.to_series()).alias("call_id"))


def legs_frame(
    legs: pl.DataFrame,
    roots: pl.DataFrame,
    parties: pl.DataFrame,
    holds: pl.DataFrame,
    evidence: pl.DataFrame,
    dictionary: Dictionary,
    rules: CorrelationRules,
) -> pl.DataFrame:
    """The legs as `LEG_SCHEMA`.

    Args:
        legs: classified legs, in the order of calls and numbers.
        roots: with ids.
        parties: `call`, `participants`, `other` (extension as number).
        holds: of `find_holds`.
        evidence: the columns of `LEG_SCHEMA` that come from single events: `evidence`, `agent_terminal`, ….
        dictionary: texts of the numbers.
        rules: for the shortest reportable leg.
    """
    of_call = legs["call"]
    root = roots.select("call_id", "tenant_id", "root_call_key")[of_call]
    extension = dictionary.extensions
    shown = legs.select(
        leg_number="number",
        agent_extension=extension.decode(legs["extension"]),
        status="status",
        call_type=_named(legs["call_type"], CALL_TYPES),
        direction=_named(legs["direction"], tuple(Directions.categories)),
        start_reason="start_reason",
        end_reason="end_reason",
        rona_reason="rona_reason",
        ring_time=_time(pl.when(pl.col("ring_time") != NEVER).then("ring_time")),
        start_time=_time(pl.col("start")),
        end_time=_time(pl.col("end")),
        duration_ms=(pl.col("end") - pl.col("start")) // 1000,
        is_answered="is_answered",
        is_artefact="is_artefact",
        is_reportable=_reportable(rules),
        is_start_estimated="is_start_estimated",
        is_end_estimated="is_end_estimated",
        consult_source=extension.decode(legs["consult_source"].fill_null(0)),
        consult_target=extension.decode(legs["consult_target"].fill_null(0)),
        consult_result="consult_result",
        transferred_from=extension.decode(legs["transferred_from"].fill_null(0)),
        transferred_to=extension.decode(legs["transferred_to"].fill_null(0)),
        is_conference=pl.col("is_conference").fill_null(value=False),
    )
    of_parties = parties.select("participants", other_party=extension.decode(parties["other"].fill_null(0)))[
        of_call
    ]
    frame = pl.concat([shown, root, of_parties, evidence, _hold_lists(legs, holds)], how="horizontal")
    frame = frame.with_columns(
        conference_id=pl.when("is_conference").then(pl.concat_str(pl.col("root_call_key"), pl.lit("_CONF")))
    )
    names = frame.select(
        name_of(pl.lit("leg"), pl.col("call_id"), pl.col("agent_extension"), pl.col("leg_number"))
    )
    frame = frame.with_columns(uuid_of(names.to_series()).alias("leg_id"), leg_key=_leg_key())
    return frame.select(pl.col(name).cast(dtype) for name, dtype in LEG_SCHEMA.items())


def _reportable(rules: CorrelationRules) -> pl.Expr:
    long_enough = (
        pl.col("end") - pl.col("start") >= rules.min_reportable // rules.min_reportable.resolution
    ).fill_null(value=True)
    return pl.col("is_answered") & long_enough & ~pl.col("is_artefact")


def _leg_key() -> pl.Expr:
    started = pl.col("start_time").dt.epoch("ms").cast(pl.String)
    parts = [pl.col("call_id"), pl.col("agent_extension"), pl.col("other_party").fill_null(""), started]
    return pl.concat_str(parts, separator=":")


def _time(microseconds: pl.Expr) -> pl.Expr:
    return microseconds.cast(UTC_MICROSECONDS)


def _named(numbers: pl.Series, names: tuple[str, ...]) -> pl.Series:
    return pl.Series(list(names), dtype=pl.String).gather(numbers.cast(pl.UInt32))


def _hold_lists(legs: pl.DataFrame, holds: pl.DataFrame) -> pl.DataFrame:
    """`hold_segments` and `held_ms` for each leg, in its order; a hold that lasts has no end."""
    empty = pl.lit([], dtype=pl.List(HOLD_SEGMENT))
    if holds.is_empty():
        return legs.select("leg", hold_segments=empty, held_ms=pl.lit(0, pl.Int64)).drop("leg")
    ended = pl.when(pl.col("hold_end") != NEVER).then("hold_end")
    each = holds.select(
        "leg",
        segment=pl.struct(start_time=_time(pl.col("hold_start")), end_time=_time(ended)),
        ms=(ended - pl.col("hold_start")) // 1000,
    )
    lists = each.group_by("leg", maintain_order=True).agg(hold_segments="segment", held_ms=pl.sum("ms"))
    joined = legs.select("leg").join(lists, on="leg", how="left", maintain_order="left")
    return joined.select(pl.coalesce("hold_segments", empty), pl.col("held_ms").fill_null(0))


def party_lists(parties: pl.DataFrame, count: int, dictionary: Dictionary) -> pl.DataFrame:
    """For each call its `participants`, and the `other` party: the number outside.

    Of several numbers outside: one that no directory lists as a service number, and of these the one that came first.
    """
    texts = dictionary.extensions.decode(parties["extension"])
    lists = (
        parties.select("call", participants=texts)
        .with_columns(pl.col("call").set_sorted())
        .group_by("call", maintain_order=True)
        .agg("participants")
    )
    outside = parties.filter(~pl.col("is_internal") & ~pl.col("is_agent"))
    calls = Segments.of(outside["call"].to_numpy())
    if calls.count < len(outside):
        outside = outside.sort("call", "rank", "is_service", "joined", "extension")
        calls = Segments.of(outside["call"].to_numpy())
    others = outside[calls.starts].select("call", other="extension")
    every = pl.DataFrame({"call": np.arange(count, dtype=np.uint32)})
    joined = every.join(lists, on="call", how="left", maintain_order="left").join(
        others, on="call", how="left", maintain_order="left"
    )
    return joined.with_columns(pl.col("participants").fill_null([]))


def calls_frame(
    roots: pl.DataFrame,
    facts: pl.DataFrame,
    legs: pl.DataFrame,
    parties: pl.DataFrame,
    open_calls: pl.DataFrame,
    dictionary: Dictionary,
) -> pl.DataFrame:
    """The calls as `CALL_SCHEMA`.

    Args:
        roots: with ids.
        facts: `call` and `key` of every fact.
        legs: classified legs.
        parties: of `party_lists`.
        open_calls: `call`: those that have not ended.
        dictionary: texts of the numbers.
    """
    keys = facts.select("call", "key")[Segments.of(facts["call"].to_numpy(), facts["key"].to_numpy()).starts]
    keys = keys.unique().sort("call", "key")
    key_lists = (
        keys.select("call", call_keys=dictionary.key_texts.gather(keys["key"]))
        .with_columns(pl.col("call").set_sorted())
        .group_by("call", maintain_order=True)
        .agg("call_keys")
    )
    of_legs = (
        legs.select("call", "call_type", "direction")
        .with_columns(pl.col("call").set_sorted())
        .group_by("call", maintain_order=True)
        .agg(pl.min("call_type"), pl.first("direction"), leg_count=pl.len().cast(pl.Int32))
    )
    joined = (
        roots.join(key_lists, on="call", how="left", maintain_order="left")
        .join(of_legs, on="call", how="left", maintain_order="left")
        .join(parties.select("call", "participants"), on="call", how="left", maintain_order="left")
        .join(
            open_calls.with_columns(is_open=pl.lit(value=True)), on="call", how="left", maintain_order="left"
        )
        .with_columns(pl.col("is_open").fill_null(value=False))
    )
    types = pl.Series(list(CALL_TYPES), dtype=pl.String)
    frame = joined.with_columns(
        call_type=types.gather(joined["call_type"].fill_null(CALL_TYPES.index("SIMPLE")).cast(pl.UInt32)),
        direction=_named(joined["direction"].fill_null(0), tuple(Directions.categories)),
        status=pl.when("is_open").then(pl.lit(IN_PROGRESS)).otherwise(pl.lit(COMPLETED)),
        start_time=_time(pl.col("started")),
        end_time=_time(pl.when(~pl.col("is_open")).then("last")),
        last_fact_time=_time(pl.col("last")),
        leg_count=pl.col("leg_count").fill_null(0),
        event_count=pl.col("fact_count").cast(pl.Int32),
    )
    return frame.select(pl.col(name).cast(dtype) for name, dtype in CALL_SCHEMA.items()).sort(
        "tenant_id", "call_id"
    )


@dataclass(frozen=True, slots=True)
class Evidence:
    """The events that decided something, looked up by their row in the input.

    `positions` is a scratch: for each row of the input, where the fact stands in `facts`.
    """

    facts: pl.DataFrame
    positions: npt.NDArray[np.uint32]
    dictionary: Dictionary
    event_ids: pl.Series | None

    @classmethod
    def of(
        cls,
        facts: pl.DataFrame,
        scratch: npt.NDArray[np.uint32],
        dictionary: Dictionary,
        event_ids: pl.Series | None,
    ) -> Evidence:
        """Make the facts' rows known to the look-up."""
        scratch[facts["row"].to_numpy()] = np.arange(len(facts), dtype=np.uint32)
        return cls(facts, scratch, dictionary, event_ids)

    def of_legs(self, legs: pl.DataFrame) -> pl.DataFrame:
        """What single events say of each leg: `evidence`, its phone and join keys, and `has_clock_skew`.

        `legs` bear `first_row`, and the rows and rules that decided their start, end and type.
        """
        no_end = legs["end_rule"].is_in([END_RULES.index("OPEN"), END_RULES.index("SILENCE")])
        end_row = legs.select(pl.when(~no_end).then("end_row"))["end_row"]
        decisions = pl.DataFrame(
            {
                "start": self._decision(_named(legs["start_rule"], START_RULES), legs["start_row"]),
                "end": self._decision(_named(legs["end_rule"], END_RULES), end_row),
                "type": self._decision(legs["type_rule"], legs["type_row"]),
            }
        )
        first = self.facts[pl.Series(self.positions[legs["first_row"].to_numpy()])]
        return decisions.select(
            evidence=pl.struct("start", "end", "type").cast(EVIDENCE),
            agent_terminal=self.dictionary.terminals.decode(first["terminal"]),
            connection_id=_decoded(first, "connection", self.dictionary.connections),
            jtapi_id=_decoded(first, "jtapi", self.dictionary.jtapis),
            has_clock_skew=self._skewed(legs["first_row"], legs["start_row"], end_row),
        )

    def _skewed(self, *deciding: pl.Series) -> pl.Series:
        """Whether one of the events that decided had its time capped."""
        if "is_skewed" not in self.facts.columns:
            return pl.Series([False], dtype=pl.Boolean).new_from_index(0, len(deciding[0]))
        skewed = np.zeros(len(deciding[0]), dtype=np.bool_)
        flags = self.facts["is_skewed"].to_numpy()
        for rows in deciding:
            known = rows.is_not_null().to_numpy()
            skewed |= known & flags[np.where(known, self.positions[rows.fill_null(0).to_numpy()], 0)]
        return pl.Series(skewed)

    def _decision(self, rule: pl.Series, rows: pl.Series) -> pl.Series:
        """Structs of the rule and the event at each row; a null row: decided by absence."""
        known = rows.is_not_null()
        numbers = rows.fill_null(0)
        positions = np.where(known.to_numpy(), self.positions[numbers.to_numpy()], 0)
        fact = self.facts.select("time", "kind", "extension", "key")[positions]
        no_ids = pl.Series([None], dtype=pl.String).new_from_index(0, len(rows))
        told = pl.DataFrame(
            {
                "rule": rule.cast(pl.String),
                "event_time": fact["time"].cast(UTC_MICROSECONDS),
                "kind": _KINDS.gather(fact["kind"].cast(pl.UInt32)),
                "extension": self.dictionary.extensions.decode(fact["extension"]),
                "call_key": self.dictionary.key_texts.gather(fact["key"]),
                "event_id": no_ids if self.event_ids is None else self.event_ids.gather(numbers),
                "known": known,
            }
        )
        if not known.all():
            fields = ("event_time", "kind", "extension", "call_key", "event_id")
            told = told.with_columns(pl.when("known").then(name).alias(name) for name in fields)
        return told.drop("known").to_struct("decision")


def _decoded(facts: pl.DataFrame, name: str, codes: TextCodes) -> pl.Series:
    if name in facts.columns:
        return codes.decode(facts[name])
    return pl.Series([None], dtype=pl.String).new_from_index(0, len(facts))
