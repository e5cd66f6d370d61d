"""Our calls as Eleveo is asked for them, and its recorded legs as candidates of links."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from cx_pipeline.core.identity import SEPARATOR, uuid_of
from cx_pipeline.core.linking.eleveo import RecordedLeg
from cx_pipeline.core.linking.eleveo_answers import call_keys_of
from cx_pipeline.core.linking.eleveo_matching import IdForm, MatchedLeg, OurCall, OurLeg, eleveo_id
from cx_pipeline.core.linking.schema import LINK_CANDIDATE_SCHEMA, VOICE

ELEVEO = "eleveo"
"""Value of a candidate's `backend`."""
LEG_COLUMNS = (
    "leg_id",
    "leg_key",
    "call_id",
    "cx_call_id",
    "tenant_id",
    "root_call_key",
    "jtapi_id",
    "agent_extension",
    "start_time",
    "end_time",
    "hold_segments",
)
"""What of `ENRICHED_LEG_SCHEMA` is used."""


def calls_of(legs: pl.DataFrame, tenant_id: str, form: IdForm) -> list[OurCall]:
    """The calls of some legs, in the order of their ids; without those that have no id that could be asked for.

    Args:
        legs: `LEG_COLUMNS` at least. Legs of other tenants, and those without a start, are left out.
        tenant_id: whose recordings Eleveo holds.
        form: how it writes a call's id.
    """
    own = legs.select(LEG_COLUMNS).filter(
        pl.col("tenant_id") == tenant_id, pl.col("start_time").is_not_null()
    )
    by_call: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in own.sort("call_id", "start_time", "leg_id").iter_rows(named=True):
        by_call[row["call_id"]].append(row)
    calls = (_call(rows, form) for rows in by_call.values())
    return [call for call in calls if call.wanted_ids]


def candidates_of(matched: Iterable[tuple[OurCall, Sequence[MatchedLeg]]], tenant_id: str) -> pl.DataFrame:
    """The recorded legs that are whole as candidates, `LINK_CANDIDATE_SCHEMA`.

    Where nothing decides of which leg of ours one is, `leg_id` is null, and its key is made of its own start.
    """
    rows = [
        _row(call, each, tenant_id)
        for call, legs in matched
        for each in legs
        if each.recorded.end_time is not None
    ]
    return pl.DataFrame(rows, schema=LINK_CANDIDATE_SCHEMA, orient="row").unique(
        "candidate_id", keep="first", maintain_order=True
    )


def recording_id_of(recorded: RecordedLeg, tenant_id: str) -> str:
    """The id of a recorded leg: its first couple's."""
    return _id("eleveo recording", tenant_id, recorded.couples[0].couple.couple_id)


def version_of(recorded: RecordedLeg, tenant_id: str) -> str:
    """Changes whenever its couples, or their places, do. The files of couples that ended do not change."""
    parts = [
        f"{placed.couple.couple_id}={placed.couple.sid}@{placed.offset_ms}+{placed.couple.end_time}"
        for placed in recorded.couples
    ]
    return _id("eleveo version", tenant_id, *parts)


def _call(rows: Sequence[dict[str, Any]], form: IdForm) -> OurCall:
    first = rows[0]
    wanted = _wanted_ids(rows, form)
    moments = [row[name] for row in rows for name in ("start_time", "end_time") if row[name] is not None]
    return OurCall(
        call_id=first["call_id"],
        cx_call_id=first["cx_call_id"],
        root_call_key=first["root_call_key"],
        wanted_ids=tuple(wanted.values()),
        call_keys=frozenset(wanted),
        legs=tuple(_leg(row) for row in rows),
        span=(min(moments), max(moments)),
    )


def _wanted_ids(rows: Sequence[dict[str, Any]], form: IdForm) -> dict[str, str]:
    """By call key, how Eleveo has it: each leg's own id (that of its consultation, say), and the call's."""
    told = [row["jtapi_id"] for row in rows if row["jtapi_id"]]
    roots = [row["root_call_key"] for row in rows if row["root_call_key"]]
    wanted: dict[str, str] = {}
    for text, key in zip([*told, *roots], call_keys_of([*told, *roots]), strict=True):
        if key is not None:
            wanted.setdefault(key, eleveo_id(text, key, form) or text)
    return wanted


def _leg(row: dict[str, Any]) -> OurLeg:
    holds = (
        (hold["start_time"], hold["end_time"])
        for hold in row["hold_segments"] or ()
        if hold["start_time"] is not None and hold["end_time"] is not None
    )
    return OurLeg(
        row["leg_id"],
        row["leg_key"],
        row["agent_extension"] or "",
        row["start_time"],
        row["end_time"],
        tuple(holds),
    )


def _row(call: OurCall, matched: MatchedLeg, tenant_id: str) -> tuple[Any, ...]:
    recorded, leg = matched.recorded, matched.leg
    start, end = recorded.start_time, recorded.end_time
    own_key = f"{call.call_id}:{recorded.agent_extension}:{recorded.other_party or ''}:{_epoch_ms(recorded)}"
    recording_id = recording_id_of(recorded, tenant_id)
    return (
        recording_id,
        VOICE,
        ELEVEO,
        tenant_id,
        recording_id,
        leg.leg_id if leg else None,
        leg.leg_key if leg else own_key,
        call.cx_call_id,
        call.root_call_key,
        None,
        recorded.agent_extension,
        start,
        end,
        None if end is None else round((end - start).total_seconds() * 1000),
        None,
        version_of(recorded, tenant_id),
    )


def _epoch_ms(recorded: RecordedLeg) -> int:
    return round(recorded.start_time.timestamp() * 1000)


def _id(*parts: str) -> str:
    uuid: str = uuid_of(pl.Series([SEPARATOR.join(parts)]))[0]
    return uuid
