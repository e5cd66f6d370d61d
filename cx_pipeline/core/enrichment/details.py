"""What a record tells of its leg, and what stands in where there is none."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from cx_pipeline.core.directory import Directory
from cx_pipeline.core.enrichment.rules import ANY_TENANT, EnrichmentRules
from cx_pipeline.core.enrichment.schema import ENRICHED_HOLD_SEGMENT, OUTBOUND

OF_THE_RECORD = (
    "record_id",
    "agent_id",
    "agent_name",
    "wrap_up",
    "call_result",
    "disposition",
    "talk_s",
    "hold_s",
    "work_s",
    "ring_s",
    "queue_s",
    "custom_variables",
)
"""Columns that are taken over as they are."""
_LOOKED_AT = ("conversation_type", "ani", "dialled_number", "extension", "dialler_call_id")


def with_record(legs: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """The legs beside the columns of their record, null where they have none.

    Args:
        legs: with `record`, the number of the record.
        records: `CISCO_RECORD_SCHEMA`, in the order of their numbers.
    """
    columns = [*OF_THE_RECORD, *_LOOKED_AT]
    if records.is_empty():
        return legs.with_columns(pl.lit(None, records.schema[name]).alias(name) for name in columns)
    return legs.with_columns(records[name].gather(legs["record"]).alias(name) for name in columns)


def with_details(legs: pl.DataFrame, directory: Directory, rules: EnrichmentRules) -> pl.DataFrame:
    """Add what follows from the record: identifiers, agent, durations, holds, and the call id of all messages."""
    told = _with_identifiers(_with_agents(legs, directory), rules)
    return _with_cx_call_ids(_with_holds(_with_durations(told, rules)))


def _with_agents(legs: pl.DataFrame, directory: Directory) -> pl.DataFrame:
    """Agent id and name of the record, else of the directory as it was when the leg began."""
    listed = _listed_agents(legs, directory)
    joined = legs.join(listed, on="leg_id", how="left", maintain_order="left")
    # The record's agent may be another than the one that the directory has at this extension.
    is_same = pl.col("agent_id").is_null() | (pl.col("agent_id") == pl.col("listed_id"))
    return joined.with_columns(
        pl.coalesce("agent_id", "listed_id").alias("agent_id"),
        pl.coalesce("agent_name", pl.when(is_same).then("listed_name")).alias("agent_name"),
    )


def _listed_agents(legs: pl.DataFrame, directory: Directory) -> pl.DataFrame:
    """`leg_id`, `listed_id`, `listed_name`: whom the directory has at the leg's extension when it began.

    Of several the one at the leg's phone, else the one who came last.
    """
    agents = directory.agents.select(
        "tenant_id",
        "device",
        "valid_from",
        "valid_to",
        agent_extension="extension",
        listed_id="agent_id",
        listed_name="agent_name",
    )
    begun = legs.select("leg_id", "tenant_id", "agent_extension", "agent_terminal", "start_time")
    found = begun.join(agents, on=["tenant_id", "agent_extension"]).filter(
        (pl.col("valid_from") <= pl.col("start_time")).fill_null(value=True),
        (pl.col("valid_to") > pl.col("start_time")).fill_null(value=True),
    )
    at_the_phone = pl.col("device").eq_missing(pl.col("agent_terminal"))
    ordered = found.select(
        "leg_id", "listed_id", "listed_name", "valid_from", at_the_phone=at_the_phone
    ).sort(
        "leg_id",
        "at_the_phone",
        "valid_from",
        "listed_id",
        descending=[False, True, True, False],
        nulls_last=True,
    )
    return ordered.unique("leg_id", keep="first", maintain_order=True).select(
        "leg_id", "listed_id", "listed_name"
    )


def _with_identifiers(legs: pl.DataFrame, rules: EnrichmentRules) -> pl.DataFrame:
    """Service and customer: dialled number and ANI; outbound the tenant's service and the digits dialled.

    A number of the call's own agents is no customer where the call has a number outside: on a consult the ANI is that
    of the agent who asks.
    """
    is_outbound = pl.coalesce("conversation_type", "direction") == OUTBOUND
    customer = pl.when(is_outbound).then("dialled_number").otherwise("ani")
    named = legs.with_columns(its_customer=customer, is_outbound=is_outbound.fill_null(value=False))
    own = legs.select("call_id", number="agent_extension").unique()
    for name in ("its_customer", "other_party"):
        flagged = own.rename({"number": name}).with_columns(pl.lit(value=True).alias(f"{name}_is_own"))
        named = named.join(flagged, on=["call_id", name], how="left", maintain_order="left")
    # Of an internal call the other party is an agent, whether it has a leg or not.
    is_outside = (pl.col("direction").ne_missing("INTERNAL")) & pl.col("other_party_is_own").is_null()
    outside = pl.when(is_outside).then("other_party")
    true_customer = pl.when(pl.col("its_customer_is_own").is_null()).then("its_customer")
    return named.with_columns(
        customer_identifier=pl.coalesce(true_customer, outside, "its_customer"),
        service_identifier=pl.when("is_outbound").then(_outbound_service(rules)).otherwise("dialled_number"),
    )


def _outbound_service(rules: EnrichmentRules) -> pl.Expr:
    named = dict(rules.outbound_service_identifiers)
    others = pl.lit(named.pop(ANY_TENANT, None), pl.String())
    if not named:
        return others
    return pl.col("tenant_id").replace_strict(named, default=others, return_dtype=pl.String)


def _with_durations(legs: pl.DataFrame, rules: EnrichmentRules) -> pl.DataFrame:
    """Cisco's duration and whether it differs. Of a leg that nobody answered there is no talk to compare."""
    known = pl.col("talk_s").is_not_null() | pl.col("hold_s").is_not_null()
    seconds = pl.col("talk_s").fill_null(0) + pl.col("hold_s").fill_null(0)
    cisco = pl.when(known).then(seconds * 1000)
    apart = (cisco - pl.col("duration_ms")).abs() > rules.duration_tolerance // timedelta(milliseconds=1)
    other = pl.col("extension").is_not_null() & (pl.col("extension") != pl.col("agent_extension"))
    return legs.with_columns(
        cisco_duration_ms=cisco,
        has_duration_mismatch=(apart & pl.col("is_answered")).fill_null(value=False),
        has_extension_mismatch=other,
    )


def _with_holds(legs: pl.DataFrame) -> pl.DataFrame:
    """The holds with their lengths; where Cisco tells of hold and none was seen, one without a place."""
    hold = pl.element().struct
    start, end = hold.field("start_time"), hold.field("end_time")
    seen = pl.col("hold_segments").list.eval(
        pl.struct(
            start_time=start,
            end_time=end,
            duration_ms=(end - start).dt.total_milliseconds(),
            is_synthetic=pl.lit(value=False),
        ).cast(ENRICHED_HOLD_SEGMENT)
    )
    synthetic = pl.concat_list(
        pl.struct(
            start_time=pl.lit(None),
            end_time=pl.lit(None),
            duration_ms=pl.col("hold_s") * 1000,
            is_synthetic=pl.lit(value=True),
        ).cast(ENRICHED_HOLD_SEGMENT)
    )
    unseen = (pl.col("hold_segments").list.len() == 0) & (pl.col("hold_s") > 0)
    return legs.with_columns(hold_segments=pl.when(unseen).then(synthetic).otherwise(seen))


def _with_cx_call_ids(legs: pl.DataFrame) -> pl.DataFrame:
    """The dialler's call id of the first leg whose record bears one, for all legs of the call; else the call's own."""
    of_call = (
        legs.filter(pl.col("dialler_call_id").is_not_null())
        .sort("call_id", "leg_number", "leg_id")
        .unique("call_id", keep="first", maintain_order=True)
        .select("call_id", cx_call_id="dialler_call_id")
    )
    joined = legs.join(of_call, on="call_id", how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("cx_call_id", "call_id").alias("cx_call_id"))
