"""What Cisco knows of each agent's share in a call, before a flavour writes it down and before anything goes wrong.

One row for each completed true leg, in the order of tenants, calls and legs. Times are UTC, by Cisco's clock in
`began_at` and `ended_at` and true in `start_time` and `end_time`; lengths are whole seconds, as the real columns are.
"""

from zlib import crc32

import polars as pl

from cx_pipeline.core.identity import name_of, uuid_of
from cx_pipeline.simulator.cisco.draws import between, drawn, happens, one_of
from cx_pipeline.simulator.cisco.plan import CiscoPlan
from cx_pipeline.simulator.cisco.wrap_ups import ODD_WRAP_UPS, WRAP_UPS
from cx_pipeline.simulator.frames import COMPLETED
from cx_pipeline.simulator.phones import NODE_SHIFT

LEG, SECOND, RESERVATION, FOREIGN = "LEG", "SECOND", "RESERVATION", "FOREIGN"
"""Kinds of records: the leg's own; another one of the same agent, key and end; and those of no leg."""
FIRST, TRANSFERRED, CONSULTED, DIALLING, CALLING = "FIRST", "TRANSFERRED", "CONSULTED", "DIALLING", "CALLING"
"""How the agent came into the call. DIALLING: called a customer; CALLING: called a colleague."""
CALL = ("tenant_id", "call_number")
ONE_LEG = (*CALL, "leg_number")

FIRST_PERIPHERAL_ID, PERIPHERAL_IDS = 5_000, 25_000
CONSULTS_ON_THEIR_OWN_KEY = 0.6
HANDLED, HANDLED_BY_ANOTHER, RING_NO_ANSWER, NO_ANSWER = 13, 14, 19, 10
ABANDONED_WHILE_RINGING, REDIRECTED = 3, 15
BLIND_TRANSFER, ANNOUNCED_TRANSFER, CONFERENCED = 28, 29, 30
VOICE, UNANSWERED = 10, 8
"""Values of a dialler's CallResult."""

_DISPOSITIONS_OF_RONA = {
    "NO_ANSWER": RING_NO_ANSWER,
    "REJECTED": RING_NO_ANSWER,
    "ABANDONED": ABANDONED_WHILE_RINGING,
    "ANSWERED_ELSEWHERE": REDIRECTED,
}
_DISPOSITIONS_OF_END = {
    "DIRECT_TRANSFER": BLIND_TRANSFER,
    "CONSULT_TRANSFER": ANNOUNCED_TRANSFER,
    "CONFERENCE_ENDED": CONFERENCED,
    "NO_ANSWER": NO_ANSWER,
}
_DRAWS = (
    *("key", "which_key", "customer", "jitter", "lag", "queue", "work", "delay"),
    *("wrap_up", "which_wrap_up", "odd_wrap_up", "which_odd_wrap_up", "dialler", "variable"),
)


def peripheral_ids(tenants: list[str], plan: CiscoPlan) -> dict[str, int]:
    """The peripheral id of each tenant: the plan's, else one made of its name, so that tenants added later keep apart."""
    ids = dict(plan.peripheral_ids or {})
    for tenant in sorted(tenants):
        place = crc32(tenant.encode()) % PERIPHERAL_IDS
        while tenant not in ids:
            if FIRST_PERIPHERAL_ID + place not in ids.values():
                ids[tenant] = FIRST_PERIPHERAL_ID + place
            place = (place + 1) % PERIPHERAL_IDS
    return {tenant: ids[tenant] for tenant in sorted(tenants)}


def shares_of(legs: pl.DataFrame, plan: CiscoPlan) -> pl.DataFrame:
    """The shares of the completed legs (columns of `TRUE_LEG_SCHEMA`), nothing missing and nothing wrong."""
    completed = legs.filter(pl.col("status") == COMPLETED).sort(ONE_LEG)
    return (
        drawn(completed, plan.seed, *_DRAWS)
        .join(_sites(completed, plan), on="tenant_id", how="left", maintain_order="left")
        .with_columns(
            kind=pl.lit(LEG),
            role=_role(),
        )
        .with_columns(call_key=_call_key(), extension=pl.col("agent_extension"), **_people())
        .with_columns(
            cti_key=_cti_key(), ani=_ani(), dnis=_dnis(), digits=_digits(), **_lengths(), **_times(plan)
        )
        .with_columns(disposition=_disposition(), wrap_up=_wrap_up(plan), **_dialler(plan))
        .with_columns(
            replicated_at=pl.col("end_time") + pl.duration(seconds=between("lag", *plan.trouble.lag_s)),
            has_unseen_hold=pl.lit(value=False),
            has_wrong_talk_time=pl.lit(value=False),
        )
        .pipe(_with_dialler_call_ids, plan.seed)
    )


def _sites(legs: pl.DataFrame, plan: CiscoPlan) -> pl.DataFrame:
    """The peripheral id and the zone of each tenant."""
    ids = peripheral_ids(legs["tenant_id"].unique().to_list(), plan)
    zones = [plan.time_zones[place % len(plan.time_zones)] for place in range(len(ids))]
    columns = {"tenant_id": list(ids), "peripheral_id": list(ids.values()), "zone": zones}
    return pl.DataFrame(
        columns, schema={"tenant_id": pl.String, "peripheral_id": pl.Int64, "zone": pl.String}
    )


def _role() -> pl.Expr:
    is_originator = pl.col("start_reason") == "OUTBOUND"
    return (
        pl.when(is_originator & (pl.col("direction") == "OUTBOUND"))
        .then(pl.lit(DIALLING))
        .when(is_originator)
        .then(pl.lit(CALLING))
        .when(pl.col("consult_source").is_not_null())
        .then(pl.lit(CONSULTED))
        .when(pl.col("start_reason").is_in(["DIRECT_TRANSFER", "CONSULT_TRANSFER"]))
        .then(pl.lit(TRANSFERRED))
        .otherwise(pl.lit(FIRST))
    )


def _call_key() -> pl.Expr:
    """The root key; for a consulted agent now and then one of the consults' keys."""
    others = pl.col("call_keys").list.set_difference(pl.concat_list("root_call_key")).list.sort()
    is_consults = (pl.col("role") == CONSULTED) & happens("key", CONSULTS_ON_THEIR_OWN_KEY)
    place = between("which_key", 0, others.list.len().cast(pl.Int64) - 1)
    return (
        pl.when(is_consults & (others.list.len() > 0))
        .then(others.list.get(place, null_on_oob=True))
        .otherwise(pl.col("root_call_key"))
    )


def _cti_key() -> pl.Expr:
    """The key as the CTI server numbers it: the node in the upper 8 bits, if there is one, and the 24 of the call."""
    parts = pl.col("call_key").str.split("_").list.reverse()
    node = parts.list.get(1, null_on_oob=True).cast(pl.Int64).fill_null(0)
    return node * (1 << NODE_SHIFT) + parts.list.get(0).cast(pl.Int64)


def _people() -> dict[str, pl.Expr]:
    """The customer, of whom Cisco knows where the events show the dialled number alone; and the other agent."""
    unknown = pl.concat_str(
        pl.lit("+1556"), between("customer", 0, 9_999_999).first().over(CALL).cast(pl.String).str.zfill(7)
    )
    is_service = pl.col("other_party").eq_missing(pl.col("service_number"))
    customer = pl.when(is_service | pl.col("other_party").is_null()).then(unknown).otherwise("other_party")
    colleagues = pl.col("participants").list.set_difference(pl.concat_list("agent_extension")).list.sort()
    return {
        "customer": pl.when(pl.col("direction") != "INTERNAL").then(customer),
        "colleague": pl.coalesce(
            "consult_source", "transferred_from", colleagues.list.get(0, null_on_oob=True)
        ),
    }


def _ani() -> pl.Expr:
    return (
        pl.when(pl.col("role").is_in([DIALLING, CALLING]))
        .then(pl.col("agent_extension"))
        .when(pl.col("direction") == "INBOUND")
        .then(pl.col("customer"))
        .otherwise(pl.col("colleague"))
    )


def _dnis() -> pl.Expr:
    return pl.when(pl.col("direction") == "INBOUND").then(pl.col("service_number"))


def _digits() -> pl.Expr:
    """What was dialled: the service number, the customer's, or the extension of the agent who was called."""
    return (
        pl.when(pl.col("direction") == "OUTBOUND")
        .then(pl.col("customer"))
        .when(pl.col("role") == CALLING)
        .then(pl.col("colleague"))
        .when(pl.col("direction") == "INTERNAL")
        .then(pl.col("agent_extension"))
        .otherwise(pl.col("service_number"))
    )


def _lengths() -> dict[str, pl.Expr]:
    """Seconds of talk (without hold), hold, ring, queue, work and delay."""
    is_answered = pl.col("is_answered")
    hold = _seconds(pl.col("held_ms"))
    rang = _seconds((pl.col("start_time") - pl.col("ring_time")).dt.total_milliseconds())
    whole = _seconds(pl.col("duration_ms"))
    is_dialling = pl.col("role").is_in([DIALLING, CALLING])
    is_queued = (pl.col("role") == FIRST) & (pl.col("direction") == "INBOUND")
    return {
        "talk_s": pl.when(is_answered).then(_seconds(pl.col("duration_ms")) - hold).otherwise(0),
        "hold_s": pl.when(is_answered).then(hold).otherwise(0),
        "ring_s": pl.when(is_answered).then(rang).when(~is_dialling).then(whole).fill_null(0),
        "queue_s": pl.when(is_queued).then(between("queue", 0, 90)).otherwise(0),
        "work_s": pl.when(is_answered).then(between("work", 0, 45)).otherwise(0),
        "delay_s": pl.when(is_dialling & ~is_answered).then(whole).otherwise(between("delay", 0, 2)),
    }


def _seconds(milliseconds: pl.Expr) -> pl.Expr:
    return (milliseconds + 500) // 1000


def _times(plan: CiscoPlan) -> dict[str, pl.Expr]:
    """When the share began and ended by Cisco's clock, to the millisecond."""
    jitter = pl.duration(milliseconds=between("jitter", -plan.trouble.jitter_ms, plan.trouble.jitter_ms))
    return {
        "began_at": (pl.col("start_time") + plan.clock_skew).dt.truncate("1ms"),
        "ended_at": (pl.col("end_time") + plan.clock_skew + jitter).dt.truncate("1ms"),
    }


def _disposition() -> pl.Expr:
    of_rona = pl.col("rona_reason").replace_strict(_DISPOSITIONS_OF_RONA, default=None, return_dtype=pl.Int64)
    of_end = pl.col("end_reason").replace_strict(_DISPOSITIONS_OF_END, default=None, return_dtype=pl.Int64)
    handled = pl.when(pl.col("role") == TRANSFERRED).then(HANDLED_BY_ANOTHER).otherwise(HANDLED)
    return pl.coalesce(of_rona, of_end, handled)


def _wrap_up(plan: CiscoPlan) -> pl.Expr:
    trouble = plan.trouble
    return pl.when(pl.col("is_answered") & happens("wrap_up", trouble.wrap_up)).then(
        pl.when(happens("odd_wrap_up", trouble.odd_wrap_up))
        .then(one_of("which_odd_wrap_up", *ODD_WRAP_UPS))
        .otherwise(one_of("which_wrap_up", *WRAP_UPS))
    )


def _dialler(plan: CiscoPlan) -> dict[str, pl.Expr]:
    """Whether a dialler made the agent's call, and what came of it."""
    is_dialled = (pl.col("role") == DIALLING) & happens("dialler", plan.trouble.dialler)
    return {
        "is_dialled": is_dialled,
        "call_result": pl.when(is_dialled)
        .then(pl.when(pl.col("is_answered")).then(VOICE).otherwise(UNANSWERED))
        .cast(pl.Int64),
    }


def _with_dialler_call_ids(shares: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The CX call id of each call that the dialler made."""
    names = shares.select(
        name_of(pl.lit("dialler"), pl.lit(seed), *(pl.col(name) for name in (*ONE_LEG, "start_time")))
    ).to_series()
    ids = pl.Series("dialler_call_id", uuid_of(names))
    return shares.with_columns(dialler_call_id=pl.when("is_dialled").then(ids))
