"""The records as UCCX writes them: ContactCallDetail, and what hangs on it.

An agent who was routed to has an AgentConnectionDetail on the call leg of the contact; all agents who were rung before
the first transfer share that leg. A consulted colleague, and one whom an agent called, has a ConsultLegDetail; an agent
who dialled has no more than the call leg, whose originator that agent is: talk and hold of these are not told.
"""

import polars as pl

from cx_pipeline.simulator.cisco.draws import drawn, one_of
from cx_pipeline.simulator.cisco.local_time import zone_minutes
from cx_pipeline.simulator.cisco.numbering import serial_numbers
from cx_pipeline.simulator.cisco.plan import CiscoPlan
from cx_pipeline.simulator.cisco.rows import ALWAYS, agents_of, shaped
from cx_pipeline.simulator.cisco.shares import (
    CALL,
    CALLING,
    CONSULTED,
    DIALLING,
    FIRST,
    FOREIGN,
    LEG,
    ONE_LEG,
    PERIPHERAL_IDS,
    TRANSFERRED,
)
from cx_pipeline.simulator.cisco.tables import TABLES

NODE = 1
INCOMING, OUTGOING, INTERNAL, TRANSFER_IN, AGENT_OUTBOUND = 1, 2, 3, 5, 8
"""Values of contactType."""
ABANDONED, HANDLED = 1, 2
"""Values of contactDisposition."""
AGENT, DEVICE, UNKNOWN = 1, 2, 3
"""Values of originatorType and destinationType."""
CONNECTION, CONSULT_LEG, CALL_LEG = "CONNECTION", "CONSULT_LEG", "CALL_LEG"
"""Which row tells of an agent's share."""
RESOURCES_AN_AGENT = 4
MOST_DIALLED = 80_000
"""Calls that a tenant's dialler makes: so many numbers of dialling lists lie between two tenants."""
ISO = "%Y-%m-%dT%H:%M:%S%.6f"
CAMPAIGN = 7
LANGUAGES = ("de", "en", "fr", "it", "rm: Rätoromanisch")
_SESSION_KEY = ("sessionid", "sessionseqnum", "nodeid", "profileid")


def uccx_tables(
    records: pl.DataFrame, shares: pl.DataFrame, plan: CiscoPlan
) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    """The tables by name, and the records with their `record_key`; arguments as for `ucce_tables`."""
    agents = _agents(shares)
    dialled = _dialled(shares)
    records = drawn(records.sort("ended_at", *ONE_LEG, "kind"), plan.seed, "language")
    parts = (
        _in_sessions(records.with_columns(told_by=_told_by(), gmtoffset=-zone_minutes(records, "ended_at")))
        .join(agents, on=["tenant_id", "agent_extension"], how="left", maintain_order="left")
        .join(dialled.select(*ONE_LEG, "dialinglistid"), on=ONE_LEG, how="left", maintain_order="left")
        .with_columns(
            resourceid=pl.col("first_resource") + _variant(),
            dialinglistid=pl.when("is_dialled").then("dialinglistid"),
        )
    )
    tables = {
        "contactcalldetail": _call_legs(parts),
        "agentconnectiondetail": _connections(parts.filter(told_by=CONNECTION)),
        "consultlegdetail": _consult_legs(parts.filter(told_by=CONSULT_LEG)),
        "resource": _resources(parts, agents),
        "dialinglist": dialled,
    }
    return {name: shaped(TABLES["uccx"][name], frame) for name, frame in tables.items()}, _told(parts)


def _agents(shares: pl.DataFrame) -> pl.DataFrame:
    place = pl.int_range(pl.len(), dtype=pl.Int64).over("tenant_id")
    agents = agents_of(shares).with_columns(first_resource=place * RESOURCES_AN_AGENT + 1)
    return agents.rename({"peripheralid": "profileid"}).drop("replicated_at")


def _told_by() -> pl.Expr:
    role, is_internal = pl.col("role"), pl.col("direction") == "INTERNAL"
    has_own_key = pl.col("call_key") != pl.col("root_call_key")
    return (
        pl.when(pl.col("kind") == FOREIGN)
        .then(pl.lit(CONNECTION))
        .when((role == CONSULTED) & has_own_key | (role == FIRST) & is_internal)
        .then(pl.lit(CONSULT_LEG))
        .when((role == CALLING) | (role == DIALLING) & ~pl.col("is_dialled"))
        .then(pl.lit(CALL_LEG))
        .otherwise(pl.lit(CONNECTION))
    )


def _in_sessions(records: pl.DataFrame) -> pl.DataFrame:
    """The records with the key of their call leg: a session for each call, a leg of the session for each hand-over."""
    is_foreign = pl.col("kind") == FOREIGN
    records = records.with_columns(is_foreign=is_foreign)
    session = (*CALL, "is_foreign")
    sessions = (
        records.group_by(*session)
        .agg(pl.col("peripheral_id").first(), pl.col("ended_at").min())
        .sort("ended_at", *session)
        .select(*session, sessionid=serial_numbers())
    )
    is_on_first_leg = (pl.col("kind") == LEG) & (pl.col("told_by") == CONNECTION) & (pl.col("role") == FIRST)
    return (
        records.join(sessions, on=session, how="left", maintain_order="left")
        .with_columns(is_on_first_leg=is_on_first_leg)
        .with_columns(
            sessionseqnum=pl.when("is_on_first_leg")
            .then(0)
            .otherwise((~pl.col("is_on_first_leg")).cum_sum().over("sessionid").cast(pl.Int64)),
            nodeid=pl.lit(NODE),
        )
    )


def _variant() -> pl.Expr:
    """Which of the agent's resources: the agent's own, or one with another extension, or none."""
    extension, own = pl.col("extension"), pl.col("agent_extension")
    return (
        pl.when(extension.is_null())
        .then(1)
        .when(extension == pl.concat_str(pl.lit("9"), own))
        .then(2)
        .when(extension != own)
        .then(3)
        .otherwise(0)
    )


def _call_legs(parts: pl.DataFrame) -> pl.DataFrame:
    """ContactCallDetail: there as soon as the first of its records is."""
    return (
        parts.group_by(*_SESSION_KEY, maintain_order=True)
        .agg(
            pl.all().exclude("began_at", "ended_at", "replicated_at").first(),
            pl.col("began_at").min(),
            pl.col("ended_at").max(),
            pl.col("replicated_at").min(),
        )
        .with_columns(*_of_the_contact(), *_times())
    )


def _of_the_contact() -> list[pl.Expr]:
    is_originator = pl.col("told_by") == CALL_LEG
    has_agent_there = pl.col("told_by") == CONSULT_LEG
    is_transfer = pl.col("role") == TRANSFERRED
    return [
        pl.col("cti_key").cast(pl.String).alias("contactid"),
        _contact_type().alias("contacttype"),
        pl.when(pl.col("is_answered")).then(HANDLED).otherwise(ABANDONED).alias("contactdisposition"),
        pl.when(is_originator | has_agent_there).then(AGENT).otherwise(UNKNOWN).alias("originatortype"),
        pl.when(is_originator).then("resourceid").alias("originatorid"),
        pl.col("ani").alias("originatordn"),
        pl.when(has_agent_there).then(AGENT).otherwise(DEVICE).alias("destinationtype"),
        pl.when(has_agent_there).then("resourceid").alias("destinationid"),
        pl.coalesce("dnis", "digits").alias("destinationdn"),
        pl.col("digits").alias("callednumber"),
        pl.col("digits").alias("origcallednumber"),
        pl.lit(1).alias("applicationid"),
        pl.concat_str(pl.lit("Line "), pl.col("service_number")).alias("applicationname"),
        ((pl.col("ended_at") - pl.col("began_at")).dt.total_seconds()).clip(0, 32_767).alias("connecttime"),
        one_of("language", *LANGUAGES).alias("customvariable1"),
        pl.col("customer").alias("customvariable2"),
        pl.col("call_number").cast(pl.String).alias("customvariable10"),
        is_transfer.alias("transfer"),
        pl.col("conference_id").is_not_null().alias("conference"),
        (pl.col("role") == CONSULTED).alias("redirect"),
        pl.when("is_dialled").then(CAMPAIGN).alias("campaignid"),
    ]


def _contact_type() -> pl.Expr:
    return (
        pl.when(pl.col("is_dialled"))
        .then(AGENT_OUTBOUND)
        .when(pl.col("direction") == "OUTBOUND")
        .then(OUTGOING)
        .when(pl.col("direction") == "INTERNAL")
        .then(INTERNAL)
        .when(pl.col("role") == TRANSFERRED)
        .then(TRANSFER_IN)
        .otherwise(INCOMING)
    )


def _times() -> list[pl.Expr]:
    return [
        pl.col("began_at").dt.replace_time_zone(None).alias("startdatetime"),
        pl.col("ended_at").dt.replace_time_zone(None).alias("enddatetime"),
    ]


def _lengths() -> list[pl.Expr]:
    return [
        pl.col(f"{name}_s").clip(0, 32_767).alias(f"{name}time") for name in ("ring", "talk", "hold", "work")
    ]


def _connections(parts: pl.DataFrame) -> pl.DataFrame:
    return parts.with_columns(
        *_times(),
        *_lengths(),
        contactid=pl.col("cti_key").cast(pl.String),
        qindex=1,
        callwrapupdata="wrap_up",
        callresult="call_result",
    )


def _consult_legs(parts: pl.DataFrame) -> pl.DataFrame:
    return parts.with_columns(
        *_times(),
        *_lengths(),
        contactid=pl.col("cti_key").cast(pl.String),
        destinationresourceid="resourceid",
        destinationdn="agent_extension",
    )


def _resources(parts: pl.DataFrame, agents: pl.DataFrame) -> pl.DataFrame:
    """Every agent as a resource, and once more for each other extension, or none, that a record says."""
    others = parts.filter(_variant() > 0).select("tenant_id", "agent_extension", "extension", "resourceid")
    return (
        pl.concat(
            [
                agents.select(
                    "tenant_id", "agent_extension", extension="agent_extension", resourceid="first_resource"
                ),
                others.unique(),
            ]
        )
        .join(agents, on=["tenant_id", "agent_extension"], how="left")
        .sort("tenant_id", "resourceid")
        .with_columns(
            resourceloginid="agent_id",
            resourcename="agent_name",
            active=pl.lit(value=True),
            replicated_at=ALWAYS,
        )
    )


def _dialled(shares: pl.DataFrame) -> pl.DataFrame:
    """DialingList: a row for each call that the dialler made."""
    dialled = shares.filter("is_dialled").sort("ended_at", *ONE_LEG)
    place = pl.int_range(pl.len(), dtype=pl.Int64).over("tenant_id")
    return dialled.with_columns(
        dialinglistid=pl.col("peripheral_id") % PERIPHERAL_IDS * MOST_DIALLED + place,
        campaignid=CAMPAIGN,
        accountnumber=pl.col("customer").str.slice(2),
        firstname=pl.lit("CX"),
        lastname="dialler_call_id",
        phone01="customer",
        callresult01="call_result",
        callstatus=3,
    )


def _told(parts: pl.DataFrame) -> pl.DataFrame:
    """The records with their key, and without what only an agent connection tells where there is none."""
    began = pl.col("began_at").dt.strftime(ISO)
    is_told = pl.col("told_by") == CONNECTION
    of_a_connection = ("talk_s", "hold_s", "wrap_up")
    call_leg = [pl.col(name).cast(pl.String) for name in _SESSION_KEY]
    connection = [pl.when(is_told).then(value) for value in (pl.col("resourceid").cast(pl.String), began)]
    return parts.with_columns(
        *(pl.when(is_told).then(name).alias(name) for name in of_a_connection),
        *(pl.col(name) & is_told for name in ("has_unseen_hold", "has_wrong_talk_time")),
        record_key=pl.concat_str(*call_leg, *connection, separator="-", ignore_nulls=True),
    )
