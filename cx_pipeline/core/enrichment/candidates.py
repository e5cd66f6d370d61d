"""Which records may be a leg's own: one call key, near in time, physically possible, no other leg's extension."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from cx_pipeline.core.calls.schema import COMPLETED
from cx_pipeline.core.enrichment.clocks import clocks_of
from cx_pipeline.core.enrichment.rules import EnrichmentRules
from cx_pipeline.core.enrichment.schema import RESERVATION
from cx_pipeline.core.enrichment.shared_keys import pairs_of

CANDIDATE_SCHEMA = pl.Schema(
    {"leg": pl.UInt32(), "record": pl.UInt32(), "is_own": pl.Boolean(), "distance": pl.Int64()}
)
"""`is_own`: the record bears the leg's extension. `distance`: between their ends, in microseconds, clocks corrected."""

_SECOND = 1_000_000


def numbered_legs(legs: pl.DataFrame) -> pl.DataFrame:
    """What the matching needs of each leg, with its number `leg` and the number `call` of its call; in their order.

    `begin` and `end` are microseconds since 1970 (ring included; `end` null while in progress).
    """
    call = legs.select("call_id").unique(maintain_order=True).with_row_index("call")
    return (
        legs.select(
            "leg_id",
            "call_id",
            "tenant_id",
            "root_call_key",
            "jtapi_id",
            "is_end_estimated",
            extension="agent_extension",
            begin=pl.min_horizontal("ring_time", "start_time").dt.epoch("us"),
            start=pl.col("start_time").dt.epoch("us"),
            end=pl.col("end_time").dt.epoch("us"),
            is_open=(pl.col("status") != COMPLETED) | pl.col("end_time").is_null(),
        )
        .with_row_index("leg")
        .join(call, on="call_id", how="left", maintain_order="left")
    )


def numbered_records(records: pl.DataFrame) -> pl.DataFrame:
    """What the matching needs of each record that may belong to a leg, with its number `record`.

    Durations and `record_end` are microseconds; an unknown duration is 0. Reservation calls are left out.
    """
    return (
        records.with_row_index("record")
        .filter(
            pl.col("conversation_type").ne_missing(RESERVATION),
            pl.col("ended_at").is_not_null(),
        )
        .select(
            "record",
            "record_id",
            "source",
            "tenant_id",
            "call_key",
            pl.col("extension").alias("its_extension"),
            record_end=pl.col("ended_at").dt.epoch("us"),
            work=_microseconds("work_s"),
            length=_microseconds("talk_s") + _microseconds("hold_s"),
            ring=_microseconds("ring_s"),
        )
    )


def _microseconds(seconds: str) -> pl.Expr:
    return pl.col(seconds).fill_null(0).clip(lower_bound=0) * _SECOND


def paired(legs: pl.DataFrame, calls: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """The numbered legs beside the numbered records that share a call key with them, whenever they ended.

    Adds `is_own`: the record bears the leg's extension.
    """
    pairs = pairs_of(legs, calls, records)
    of_legs = legs.drop("leg_id", "call_id", "tenant_id", "root_call_key", "jtapi_id")
    of_records = records.drop("record_id", "tenant_id", "call_key")
    return (
        pairs.join(of_legs, on="leg", how="left")
        .join(of_records, on="record", how="left")
        .with_columns(is_own=pl.col("extension").eq_missing(pl.col("its_extension")))
    )


def clocks_of_pairs(pairs: pl.DataFrame, records: pl.DataFrame, rules: EnrichmentRules) -> pl.DataFrame:
    """The clock of each source, `CLOCK_SCHEMA`.

    Told by the legs and records of one key and extension that have no other of it; and by those of a key that has but
    one leg and one record, where the record bears no extension.
    """
    alone = (pl.len().over("leg") == 1) & (pl.len().over("record") == 1)
    ended = pairs.filter(~pl.col("is_open"))
    own = ended.filter("is_own").filter(alone)
    only = ended.filter(alone).filter(pl.col("its_extension").is_null())
    columns = ["source", "record_end", "work"]
    clear = pl.concat([own, only]).filter(~pl.col("is_end_estimated")).select(*columns, leg_end="end")
    return clocks_of(clear, records["source"], rules)


def on_our_clock(pairs: pl.DataFrame, clocks: pl.DataFrame) -> pl.DataFrame:
    """The pairs with `record_end` corrected by the offset of its source's clock."""
    offset = pl.col("offset_ms").fill_null(0) * 1000
    return (
        pairs.join(clocks.select("source", "offset_ms"), on="source", how="left")
        .with_columns(record_end=pl.col("record_end") - offset)
        .drop("offset_ms")
    )


def candidates_of(pairs: pl.DataFrame, legs: pl.DataFrame, rules: EnrichmentRules) -> pl.DataFrame:
    """The pairs that may be a match (`CANDIDATE_SCHEMA`), in no order.

    Args:
        pairs: of `paired`, on our clock.
        legs: all numbered legs, those in progress too: their extensions are known to the call.
        rules: the tolerances.
    """
    before_work = pl.col("record_end") - pl.col("work")
    # The database may note the end of the talk or that of the work after it: the nearer one counts.
    distance = pl.min_horizontal(
        (pl.col("record_end") - pl.col("end")).abs(), (before_work - pl.col("end")).abs()
    )
    near = (pl.col("record_end") >= pl.col("begin") - _us(rules.match_slack)) & (
        before_work <= pl.col("end") + _us(rules.match_slack)
    )
    possible = pairs.filter(~pl.col("is_open"), near).with_columns(distance=distance)
    possible = possible.filter(_is_possible(rules))
    stranger = ~pl.col("is_own") & pl.col("its_extension").is_not_null()
    known = _extensions(legs)
    others = possible.filter(stranger, pl.col("distance") <= _us(rules.other_extension_tolerance)).join(
        known, left_on=["call", "its_extension"], right_on=["call", "extension"], how="anti"
    )
    columns = list(CANDIDATE_SCHEMA)
    return pl.concat([possible.filter(~stranger).select(columns), others.select(columns)])


def _extensions(legs: pl.DataFrame) -> pl.DataFrame:
    """`call`, `extension` of every leg."""
    return legs.select("call", "extension").unique()


def _is_possible(rules: EnrichmentRules) -> pl.Expr:
    """Whether record and leg can be the same talk: they overlap, or end at about the same time.

    The record's own span goes back from its end over talk, hold and ring, and over the work where that may lie in it.
    """
    first = pl.col("record_end") - pl.col("work") - pl.col("length") - pl.col("ring")
    overlap = pl.min_horizontal("record_end", "end") - pl.max_horizontal(first, "begin")
    shorter = pl.min_horizontal(pl.col("record_end") - first, pl.col("end") - pl.col("begin"))
    overlaps = overlap >= pl.min_horizontal(shorter, pl.lit(_us(rules.least_overlap)))
    return overlaps | (pl.col("distance") <= _us(rules.overlap_tolerance))


def _us(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
