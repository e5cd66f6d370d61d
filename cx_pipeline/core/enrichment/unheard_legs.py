"""Legs of calls that no listener heard, made of their records alone."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from cx_pipeline.core.calls.schema import COMPLETED, HOLD_SEGMENT, LEG_SCHEMA
from cx_pipeline.core.enrichment.rules import EnrichmentRules
from cx_pipeline.core.enrichment.schema import OUTBOUND
from cx_pipeline.core.events.tenancy import DEFAULT_TENANT
from cx_pipeline.core.identity import name_of, uuid_of


def legs_of(unheard: pl.DataFrame, records: pl.DataFrame, rules: EnrichmentRules) -> pl.DataFrame:
    """One leg for each record (`LEG_SCHEMA`, and `record`: the record's number), by call and number.

    A leg begins where its record's talk and hold begin, and is SIMPLE or OUTBOUND; of a record without talk it rang
    and is RONA. Records of one key that follow each other within the match slack are one call.

    Args:
        unheard: rows of `outages.unheard`.
        records: `CISCO_RECORD_SCHEMA`, in the order of the records' numbers.
        rules: the match slack.
    """
    told = records.select("conversation_type", "ani", "dialled_number", "jtapi_id")[unheard["record"]]
    legs = pl.concat([unheard, told], how="horizontal").with_columns(
        pl.col("tenant_id").fill_null(DEFAULT_TENANT),
        is_answered=pl.col("length") > 0,
        is_outbound=pl.col("conversation_type").eq_missing(OUTBOUND),
        start_time=pl.col("end_time") - _span(pl.col("length") + _unanswered_ring()),
    )
    return _shown(_in_calls(legs, rules.match_slack))


def _unanswered_ring() -> pl.Expr:
    return pl.when(pl.col("length") == 0).then("ring").otherwise(0)


def _span(microseconds: pl.Expr) -> pl.Expr:
    return microseconds.cast(pl.Duration("us"))


def _in_calls(legs: pl.DataFrame, slack: timedelta) -> pl.DataFrame:
    """Add `call_id`, `leg_number` and `leg_id`, and sort by them."""
    by_key = ["tenant_id", "call_key"]
    ordered = legs.sort(*by_key, "start_time", "end_time", "record_id")
    ended = pl.col("end_time").cum_max().shift(1).over(by_key)
    begins = (pl.col("start_time") > ended + slack).fill_null(value=True)
    grouped = ordered.with_columns(life=begins.cast(pl.UInt32).cum_sum())
    first = pl.col("start_time").min().over("life")
    names = grouped.select(
        # As the engine names a call, so that ids of both kinds are of one form.
        call=name_of(pl.lit("call"), pl.col("tenant_id"), pl.col("call_key"), first.dt.epoch("us")),
        leg=name_of(pl.lit("leg"), pl.col("record_id")),
    )
    return grouped.with_columns(
        uuid_of(names["call"]).alias("call_id"),
        uuid_of(names["leg"]).alias("leg_id"),
        leg_number=pl.int_range(1, pl.len() + 1).over("life"),
    ).sort("tenant_id", "call_id", "leg_number")


def _shown(legs: pl.DataFrame) -> pl.DataFrame:
    """The legs with all columns of `LEG_SCHEMA`, and `record`."""
    direction = pl.when("is_outbound").then(pl.lit(OUTBOUND)).otherwise(pl.lit("INBOUND"))
    other = pl.when("is_outbound").then("dialled_number").otherwise("ani")
    started = pl.col("start_time").dt.epoch("ms").cast(pl.String)
    key = [pl.col("call_id"), pl.col("its_extension"), other.fill_null(""), started]
    call_type = (
        pl.when("is_outbound")
        .then(pl.lit(OUTBOUND))
        .when("is_answered")
        .then(pl.lit("SIMPLE"))
        .otherwise(pl.lit("RONA"))
    )
    known = legs.select(
        "record",
        "leg_id",
        "call_id",
        "tenant_id",
        "leg_number",
        "jtapi_id",
        "start_time",
        "end_time",
        "is_answered",
        leg_key=pl.concat_str(key, separator=":"),
        root_call_key="call_key",
        agent_extension="its_extension",
        status=pl.lit(COMPLETED),
        call_type=call_type,
        direction=direction,
        start_reason=direction,
        end_reason=pl.when("is_answered").then(pl.lit("UNKNOWN")).otherwise(pl.lit("NO_ANSWER")),
        rona_reason=pl.when(call_type == "RONA").then(pl.lit("NO_ANSWER")),
        ring_time=pl.when(pl.col("ring") > 0).then(
            pl.col("end_time") - _span(pl.col("length") + pl.col("ring"))
        ),
        duration_ms=(pl.col("end_time") - pl.col("start_time")).dt.total_milliseconds(),
        held_ms=pl.lit(0),
        hold_segments=pl.lit([], dtype=pl.List(HOLD_SEGMENT)),
        is_reportable="is_answered",
        is_artefact=pl.lit(value=False),
        is_start_estimated=pl.lit(value=True),
        is_end_estimated=pl.lit(value=True),
        has_clock_skew=pl.lit(value=False),
        participants=pl.concat_list("its_extension", other).list.drop_nulls(),
        other_party=other,
    )
    missing = [
        pl.lit(None, dtype).alias(name) for name, dtype in LEG_SCHEMA.items() if name not in known.schema
    ]
    complete = known.with_columns(missing)
    return complete.select("record", *(pl.col(name).cast(dtype) for name, dtype in LEG_SCHEMA.items()))
