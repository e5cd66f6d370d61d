"""What goes wrong with records: each trouble of the plan, done to the shares."""

from datetime import timedelta

import polars as pl

from cx_pipeline.simulator.cisco.draws import between, drawn, happens, one_of
from cx_pipeline.simulator.cisco.plan import CiscoPlan, Trouble
from cx_pipeline.simulator.cisco.shares import CALL, FIRST, FOREIGN, HANDLED, RESERVATION, SECOND
from cx_pipeline.simulator.cisco.wrap_ups import WRAP_UPS
from cx_pipeline.simulator.phones import NODE_SHIFT

TOGETHER_MS = 100
"""Legs that end this close to each other end together: the phones of one call go down one after the other."""
AWAY_FROM_ITS_LEG_S = (3600, 6 * 3600)
KEY_REST = timedelta(minutes=45)
"""A key is not given out again within this time, at either side: 24 bits do not wrap so soon."""

_DRAWS = (
    *(
        "missing",
        "late",
        "late_s",
        "ambiguous",
        "no_extension",
        "other_extension",
        "reservations",
        "reused_keys",
    ),
    *("wrong_talk_time", "wrong_s", "unseen_hold", "unseen_s", "is_on_same_key", "foreign_s", "is_before"),
    *("foreign_talk_s", "is_of_same_agent", "other_wrap_up", "reservation_s"),
)


def troubled(shares: pl.DataFrame, legs: pl.DataFrame, plan: CiscoPlan) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The records that come of the shares, of all kinds, and the shares that have none.

    Args:
        shares: as `shares_of` makes them.
        legs: all true legs, for the times in which a call key is in use.
        plan: what goes wrong, and how often.
    """
    trouble = plan.trouble
    shares = drawn(shares, plan.seed, *_DRAWS).with_columns(ends_together=_ends_together())
    is_missing = happens("missing", trouble.missing)
    records = shares.filter(~is_missing).with_columns(
        extension=_extension(trouble), replicated_at=_replicated_at(trouble), **_lengths(trouble)
    )
    others = [_second(records, trouble), _foreign(records, legs, plan)]
    if plan.flavour == "ucce":
        others.append(_reservations(records, trouble))
    return pl.concat([records, *others]), shares.filter(is_missing)


def _ends_together() -> pl.Expr:
    """Whether another leg of the call ends at the same moment."""
    end = pl.col("end_time")
    is_near = (end.diff().over(CALL, order_by="end_time").dt.total_milliseconds() <= TOGETHER_MS).fill_null(
        value=False
    )
    return is_near | is_near.shift(-1).over(CALL, order_by="end_time").fill_null(value=False)


def _extension(trouble: Trouble) -> pl.Expr:
    are_unknown_together = pl.col("ends_together") & (
        pl.col("u_ambiguous").first().over(CALL, order_by="leg_number") < trouble.ambiguous
    )
    return (
        pl.when(are_unknown_together | happens("no_extension", trouble.no_extension))
        .then(None)
        .when(happens("other_extension", trouble.other_extension))
        .then(pl.concat_str(pl.lit("9"), "agent_extension"))
        .otherwise("agent_extension")
    )


def _replicated_at(trouble: Trouble) -> pl.Expr:
    least, greatest = trouble.late_minutes
    late = pl.col("end_time") + pl.duration(seconds=between("late_s", least * 60, greatest * 60))
    return pl.when(happens("late", trouble.late)).then(late).otherwise("replicated_at")


def _lengths(trouble: Trouble) -> dict[str, pl.Expr]:
    """Talk and hold: Cisco saw a hold that the events do not tell, or is wrong about the talk."""
    talk, hold = pl.col("talk_s"), pl.col("hold_s")
    is_hold_unseen = happens("unseen_hold", trouble.unseen_hold) & (hold == 0) & (talk >= 20)
    unseen = between("unseen_s", 5, talk // 2)
    wrong = pl.when(pl.col("is_answered") & happens("wrong_talk_time", trouble.wrong_talk_time)).then(
        between("wrong_s", 7, 60)
    )
    return {
        "talk_s": pl.when(is_hold_unseen).then(talk - unseen).otherwise(talk) + wrong.fill_null(0),
        "hold_s": pl.when(is_hold_unseen).then(unseen).otherwise(hold),
        "has_unseen_hold": is_hold_unseen,
        "has_wrong_talk_time": wrong.is_not_null(),
    }


def _second(records: pl.DataFrame, trouble: Trouble) -> pl.DataFrame:
    """The same row again, with another wrap-up."""
    return records.filter(happens("ambiguous", trouble.ambiguous) & ~pl.col("ends_together")).with_columns(
        kind=pl.lit(SECOND), wrap_up=pl.concat_str(pl.lit("again: "), one_of("other_wrap_up", *WRAP_UPS))
    )


def _reservations(records: pl.DataFrame, trouble: Trouble) -> pl.DataFrame:
    """Just before the leg an agent was held for a dialler, on the leg's call key or on one of its own."""
    seconds = between("reservation_s", 1, 20)
    own_key = pl.col("cti_key") + (1 << (NODE_SHIFT - 1))
    return records.filter(pl.col("is_answered") & happens("reservations", trouble.reservations)).with_columns(
        *_zero("hold_s", "ring_s", "queue_s", "work_s", "delay_s"),
        *_null("wrap_up", "call_result", "dialler_call_id"),
        kind=pl.lit(RESERVATION),
        cti_key=pl.when(happens("is_on_same_key", 0.5)).then("cti_key").otherwise(own_key),
        extension="agent_extension",
        began_at=pl.col("began_at") - pl.duration(seconds=seconds),
        ended_at="began_at",
        talk_s=seconds,
        disposition=pl.lit(HANDLED, pl.Int64),
        is_dialled=pl.lit(value=False),
    )


def _foreign(records: pl.DataFrame, legs: pl.DataFrame, plan: CiscoPlan) -> pl.DataFrame:
    """A call on the leg's key, hours away, that the listener did not see."""
    away = between("foreign_s", *AWAY_FROM_ITS_LEG_S) * pl.when(happens("is_before", 0.5)).then(-1).otherwise(
        1
    )
    shift = pl.duration(seconds=away)
    number = pl.concat_str(pl.lit("+1557"), pl.col("customer").fill_null("+15550000000").str.slice(5))
    foreign = records.filter(happens("reused_keys", plan.trouble.reused_keys)).with_columns(
        *_zero("hold_s", "ring_s", "queue_s", "work_s", "delay_s"),
        *_null("wrap_up", "call_result", "dialler_call_id"),
        kind=pl.lit(FOREIGN),
        role=pl.lit(FIRST),
        direction=pl.lit("INBOUND"),
        extension=pl.when(happens("is_of_same_agent", 0.5))
        .then("agent_extension")
        .otherwise(pl.concat_str(pl.lit("4"), "agent_extension")),
        customer=number,
        ani=number,
        ended_at=pl.col("ended_at") + shift,
        replicated_at=pl.col("replicated_at") + shift,
        talk_s=between("foreign_talk_s", 10, 300),
        disposition=pl.lit(HANDLED, pl.Int64),
        is_dialled=pl.lit(value=False),
    )
    foreign = foreign.with_columns(began_at=pl.col("ended_at") - pl.duration(seconds="talk_s"))
    return foreign.join(_in_use(foreign, legs), on=["tenant_id", "call_key", "began_at"], how="anti")


def _in_use(foreign: pl.DataFrame, legs: pl.DataFrame) -> pl.DataFrame:
    """The foreign calls at a time when the switch would not have given out their key."""
    use = legs.select(
        "tenant_id", pl.col("call_keys").alias("call_key"), begin="first_fact_time", finish="end_time"
    ).explode("call_key")
    near = foreign.select("tenant_id", "call_key", "began_at", "ended_at").join(
        use, on=["tenant_id", "call_key"]
    )
    return near.filter(
        pl.col("ended_at") > pl.col("begin") - KEY_REST,
        (pl.col("began_at") < pl.col("finish") + KEY_REST).fill_null(value=True),
    )


def _zero(*names: str) -> list[pl.Expr]:
    return [pl.lit(0, pl.Int64).alias(name) for name in names]


def _null(*names: str) -> list[pl.Expr]:
    return [pl.when(pl.lit(value=False)).then(name).alias(name) for name in names]
