"""The records as UCCE writes them: Termination_Call_Detail, Agent, Dialer_Detail."""

import polars as pl

from cx_pipeline.simulator.cisco.draws import between, drawn, one_of
from cx_pipeline.simulator.cisco.local_time import local_time, zone_minutes
from cx_pipeline.simulator.cisco.numbering import serial_numbers
from cx_pipeline.simulator.cisco.plan import CiscoPlan
from cx_pipeline.simulator.cisco.rows import agents_of, shaped
from cx_pipeline.simulator.cisco.shares import (
    ABANDONED_WHILE_RINGING,
    CALL,
    CONSULTED,
    FIRST_PERIPHERAL_ID,
    ONE_LEG,
    REDIRECTED,
    RESERVATION,
    TRANSFERRED,
)
from cx_pipeline.simulator.cisco.tables import TABLES, UTC_END

FIRST_SKILL_TARGET_ID, PERIPHERALS = 5_000, 30_000
MOST_AGENTS = 60_000
"""Of a tenant: so many skill target ids lie between two peripherals."""
RESERVATION_TYPES = (18, 27, 28, 29, 30, 31)
DIALLED_TYPES = (7, 17, 32, 35, 41)
OUT_TYPES = (8, 9)
ACD_IN, PREROUTE_ACD_IN, TRANSFER_IN, AGENT_INSIDE, CONSULT_OFFERED, CONFERENCE = 1, 2, 4, 10, 13, 15
FIRST_ROUTER_DAY = 140_000
FLAG_HANDLED, FLAG_ABANDONED, FLAG_REDIRECTED = 1, 2, 5
CAMPAIGN = 5003
LANGUAGES = ("de", "en", "fr", "it", "rm: Rätoromanisch")

_DRAWS = ("reservation_type", "dialled_type", "out_type", "in_type", "skill_group", "call_type", "language")


def ucce_tables(
    records: pl.DataFrame, shares: pl.DataFrame, plan: CiscoPlan
) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    """The tables by name, and the records with their `record_key`.

    Args:
        records: rows of `troubled`.
        shares: what they come of, the missing ones too: their agents and their dialler's rows are there.
        plan: the version and the seed.
    """
    records = drawn(records.sort("ended_at", *ONE_LEG, "kind"), plan.seed, *_DRAWS).with_columns(
        recoverykey=serial_numbers()
    )
    agents = _agents(shares)
    calls = (
        records.join(agents, on=["tenant_id", "agent_extension"], how="left", maintain_order="left")
        .with_columns(*_of_the_router())
        .with_columns(*_of_the_call(), *_of_the_agent(), *_lengths(), **_times(records, plan))
    )
    tables = {
        "termination_call_detail": calls,
        "agent": agents,
        "dialer_detail": _dialler(shares, agents, plan),
    }
    told = records.with_columns(record_key=pl.col("recoverykey").cast(pl.String))
    return {name: shaped(TABLES["ucce"][name], frame) for name, frame in tables.items()}, told


def _agents(shares: pl.DataFrame) -> pl.DataFrame:
    """One row for each agent: the columns of Agent, and tenant and extension."""
    place = pl.int_range(pl.len(), dtype=pl.Int64).over("tenant_id")
    block = (pl.col("peripheralid") - FIRST_PERIPHERAL_ID) % PERIPHERALS
    return agents_of(shares).with_columns(
        skilltargetid=block * MOST_AGENTS + FIRST_SKILL_TARGET_ID + place,
        personid=FIRST_SKILL_TARGET_ID + place,
        peripheralnumber="agent_id",
        peripheralname="agent_name",
        enterprisename="agent_name",
        deleted=pl.lit("N"),
    )


def _times(records: pl.DataFrame, plan: CiscoPlan) -> dict[str, pl.Expr | pl.Series]:
    """Ends in local time with their zone, and in UTC where the release has it."""
    end_in_utc = pl.col("ended_at").dt.replace_time_zone(None)
    return {
        "datetime": local_time(records, "ended_at"),
        "timezone": zone_minutes(records, "ended_at"),
        "dbdatetime": local_time(records, "replicated_at"),
        "startdatetimeutc": pl.col("began_at").dt.replace_time_zone(None),
        UTC_END: end_in_utc if plan.version == "12.5" else pl.lit(None, pl.Datetime("us")),
    }


def _of_the_router() -> list[pl.Expr]:
    """The router's key: restarts at midnight, and is a key with its day only; all agents of a call share it."""
    day = pl.col("first_fact_time").dt.epoch("d")
    return [
        (FIRST_ROUTER_DAY + day).alias("routercallkeyday"),
        (200 + pl.col("call_number").rank("dense").over("tenant_id", day)).alias("routercallkey"),
        pl.col("ended_at").rank("ordinal").over(*CALL, "kind").alias("routercallkeysequencenumber"),
        pl.int_range(1_000, pl.len() + 1_000).alias("icrcallkey"),
    ]


def _of_the_call() -> list[pl.Expr]:
    return [
        pl.col("cti_key").alias("peripheralcallkey"),
        pl.col("peripheral_id").alias("peripheralid"),
        pl.col("digits").alias("digitsdialed"),
        _call_type().alias("peripheralcalltype"),
        pl.col("disposition").alias("calldisposition"),
        pl.col("disposition")
        .replace_strict(
            {ABANDONED_WHILE_RINGING: FLAG_ABANDONED, REDIRECTED: FLAG_REDIRECTED},
            default=FLAG_HANDLED,
            return_dtype=pl.Int64,
        )
        .alias("calldispositionflag"),
        between("call_type", 5_000, 5_020).alias("calltypeid"),
        one_of("language", *LANGUAGES).alias("variable1"),
        pl.col("customer").alias("variable2"),
        pl.col("call_number").cast(pl.String).alias("variable10"),
        pl.col("wrap_up").alias("wrapupdata"),
    ]


def _call_type() -> pl.Expr:
    """PeripheralCallType, by how the agent came into the call."""
    role = pl.col("role")
    return (
        pl.when(pl.col("kind") == RESERVATION)
        .then(one_of("reservation_type", *RESERVATION_TYPES))
        .when(pl.col("is_dialled"))
        .then(one_of("dialled_type", *DIALLED_TYPES))
        # Who takes over an outbound call talks on an outbound call.
        .when(pl.col("direction") == "OUTBOUND")
        .then(one_of("out_type", *OUT_TYPES))
        .when(pl.col("direction") == "INTERNAL")
        .then(AGENT_INSIDE)
        .when(pl.col("start_reason") == "CONSULT_CONFERENCE")
        .then(CONFERENCE)
        .when(role == CONSULTED)
        .then(CONSULT_OFFERED)
        .when(role == TRANSFERRED)
        .then(TRANSFER_IN)
        .otherwise(one_of("in_type", ACD_IN, PREROUTE_ACD_IN))
    )


def _of_the_agent() -> list[pl.Expr]:
    return [
        pl.col("extension").alias("instrumentportnumber"),
        pl.col("skilltargetid").alias("agentskilltargetid"),
        pl.col("peripheralnumber").alias("agentperipheralnumber"),
        between("skill_group", 5_000, 5_009).alias("skillgroupskilltargetid"),
        pl.lit(5_100).alias("serviceskilltargetid"),
        pl.lit(1).alias("networktargetid"),
    ]


def _lengths() -> list[pl.Expr]:
    """The parts and their sum; talk is without hold."""
    parts = {
        "localqtime": "queue_s",
        "ringtime": "ring_s",
        "talktime": "talk_s",
        "worktime": "work_s",
        "holdtime": "hold_s",
        "delaytime": "delay_s",
    }
    abandoned = pl.when(pl.col("disposition") == ABANDONED_WHILE_RINGING).then("ring_s").otherwise(0)
    return [
        *(pl.col(seconds).alias(name) for name, seconds in parts.items()),
        pl.sum_horizontal(*parts.values()).alias("duration"),
        abandoned.alias("timetoaband"),
        pl.lit(0).alias("netqtime"),
        pl.lit(0).alias("conferencetime"),
    ]


def _dialler(shares: pl.DataFrame, agents: pl.DataFrame, plan: CiscoPlan) -> pl.DataFrame:
    """A row for each call that the dialler made, whether its agent's record is there or not."""
    dialled = drawn(shares.filter("is_dialled").sort("ended_at", *ONE_LEG), plan.seed, *_DRAWS)
    return dialled.join(
        agents, on=["tenant_id", "agent_extension"], how="left", maintain_order="left"
    ).with_columns(
        recoverykey=serial_numbers(),
        datetime=local_time(dialled, "ended_at"),
        dbdatetime=local_time(dialled, "replicated_at"),
        timezone=zone_minutes(dialled, "ended_at"),
        peripheralcallkey="cti_key",
        peripheralcalltype=one_of("dialled_type", *DIALLED_TYPES),
        campaignid=CAMPAIGN,
        queryruleid=1,
        dialinglistid=pl.int_range(1, pl.len() + 1),
        dialingmode=1,
        agentperipheralnumber="peripheralnumber",
        accountnumber=pl.col("customer").str.slice(2),
        firstname=pl.lit("CX"),
        lastname="dialler_call_id",
        phone="customer",
        callresult="call_result",
        callduration=pl.col("talk_s") + pl.col("hold_s"),
        wrapupdata="wrap_up",
    )
