"""To which leg each simulated record belongs, and which of them cannot be told apart."""

import polars as pl

from cx_pipeline.core.events.schema import UTC_MICROSECONDS
from cx_pipeline.simulator.cisco.shares import CALL, LEG, ONE_LEG, SECOND

TRUTH_SCHEMA = pl.Schema(
    {
        "record_key": pl.String(),
        "kind": pl.String(),
        "tenant_id": pl.String(),
        "root_call_key": pl.String(),
        "agent_extension": pl.String(),
        "start_time": UTC_MICROSECONDS,
        "end_time": UTC_MICROSECONDS,
        "is_ambiguous": pl.Boolean(),
        "is_clear": pl.Boolean(),
        "replicated_at": UTC_MICROSECONDS,
        "call_key": pl.String(),
        "extension": pl.String(),
        "ended_at": UTC_MICROSECONDS,
        "customer_identifier": pl.String(),
        "service_identifier": pl.String(),
        "wrap_up": pl.String(),
        "dialler_call_id": pl.String(),
        "talk_s": pl.Int64(),
        "hold_s": pl.Int64(),
        "has_unseen_hold": pl.Boolean(),
        "has_wrong_talk_time": pl.Boolean(),
    }
)
"""One row for each record.

`record_key` is what follows the source's name in a record id: the RecoveryKey; of UCCX session, sequence, node, profile
and, where there is an agent connection, resource and start. Tenant to `end_time` are those of the true leg; both
times are null for a record of no leg (`kind` SECOND, RESERVATION, FOREIGN). `is_ambiguous`: nobody can tell whose it is.
`is_clear`: it bears its leg's extension, and no other record may be taken for it, so that every good matching finds it;
one that is neither may be found or left. `extension` and what follows is what the record says, times by Cisco's clock;
blanks around a wrap-up are as written. `dialler_call_id` stands with the agent for whom the dialler called.
"""

MISSING_SCHEMA = pl.Schema(
    {
        name: TRUTH_SCHEMA[name]
        for name in ("tenant_id", "root_call_key", "agent_extension", "start_time", "end_time")
    }
)
"""The completed legs that have no record."""

TOGETHER_MS = 400
"""Ends this close to each other cannot be told apart, as clocks are off by some tenths of a second."""
APART_MS = 60_000
"""Records of one agent that are further apart can be told from each other, whatever a clock's skew of some seconds, and
whether the reader takes the end for that of the talk or of the work after it, which is up to 45 s."""


def truth_of(records: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    """The truth of records (rows of `troubled`, with `record_key`) that come of the shares."""
    is_leg = pl.col("kind") == LEG
    own = records.filter(is_leg & _is_own())
    unsure = pl.concat([_doubled(records), _among_equals(records, shares, own)]).unique()
    return (
        records.join(unsure.with_columns(is_ambiguous=True), on=ONE_LEG, how="left", maintain_order="left")
        .join(_crowded(own).with_columns(is_crowded=True), on=ONE_LEG, how="left", maintain_order="left")
        .with_columns(
            is_ambiguous=pl.col("is_ambiguous").fill_null(value=False) & pl.col("kind").is_in([LEG, SECOND])
        )
        .select(
            "record_key",
            "kind",
            "tenant_id",
            "root_call_key",
            "agent_extension",
            pl.when(is_leg).then("start_time"),
            pl.when(is_leg).then("end_time"),
            "is_ambiguous",
            is_clear=is_leg
            & _is_own()
            & ~pl.col("is_ambiguous")
            & pl.col("is_crowded").is_null()
            & ~pl.col("is_artefact"),
            **{name: pl.col(name) for name in ("replicated_at", "call_key", "extension", "ended_at")},
            customer_identifier="customer",
            service_identifier="service_number",
            **{name: pl.col(name) for name in ("wrap_up", "dialler_call_id", "talk_s", "hold_s")},
            has_unseen_hold="has_unseen_hold",
            has_wrong_talk_time="has_wrong_talk_time",
        )
        .match_to_schema(TRUTH_SCHEMA)
    )


def missing_of(shares: pl.DataFrame) -> pl.DataFrame:
    """Shares without a record, in the columns of `MISSING_SCHEMA`."""
    return shares.select(MISSING_SCHEMA.names())


def _is_own() -> pl.Expr:
    return pl.col("extension").eq_missing(pl.col("agent_extension"))


def _doubled(records: pl.DataFrame) -> pl.DataFrame:
    """The legs whose record stands there twice."""
    return records.filter(pl.col("kind") == SECOND).select(ONE_LEG)


def _among_equals(records: pl.DataFrame, shares: pl.DataFrame, own: pl.DataFrame) -> pl.DataFrame:
    """The legs whose record does not bear their extension, and that end together with another that has none with its own."""
    lacking = shares.join(own, on=ONE_LEG, how="anti").select(*CALL, other="leg_number", other_end="end_time")
    pairs = (
        records.filter((pl.col("kind") == LEG) & ~_is_own())
        .join(lacking, on=CALL)
        .filter(pl.col("other") != pl.col("leg_number"))
    )
    apart = (pl.col("end_time") - pl.col("other_end")).dt.total_milliseconds().abs()
    return pairs.filter(apart <= TOGETHER_MS).select(ONE_LEG)


def _crowded(own: pl.DataFrame) -> pl.DataFrame:
    """The legs near to another one of the same agent in the same call."""
    gap = pl.col("end_time").diff().over(*CALL, "agent_extension", order_by="end_time")
    is_near = (gap.dt.total_milliseconds() < APART_MS).fill_null(value=False)
    is_before_another = (
        is_near.shift(-1).over(*CALL, "agent_extension", order_by="end_time").fill_null(value=False)
    )
    return own.filter(is_near | is_before_another).select(ONE_LEG)
