"""Which call somebody means: by call id, leg id, leg key, call key in any of its spellings, or extension and time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from cx_pipeline.core.calls.correlate import Correlation
from cx_pipeline.core.events.call_keys import call_key

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ID = re.compile(_UUID, re.IGNORECASE)
_LEG_KEY = re.compile(rf"({_UUID}):.*", re.IGNORECASE)
NEAREST = 10


@dataclass(frozen=True, slots=True)
class Reference:
    """What was asked for. `uuid` for a call id, a leg id or a leg key; else `number`: a call id of Cisco's or an extension.

    `key` is the number as a normalised call key; `at` narrows numbers to one moment.
    """

    text: str
    uuid: str | None
    key: str
    at: datetime | None

    @property
    def may_be_extension(self) -> bool:
        """Whether the number may be an extension: that takes a moment."""
        return self.uuid is None and self.at is not None


@dataclass(frozen=True, slots=True)
class Found:
    """The calls (rows of `CALL_SCHEMA`) that are meant; where none is, those `near`: of the number at other times."""

    calls: pl.DataFrame
    near: pl.DataFrame


def reference_of(text: str, at: datetime | None = None) -> Reference:
    """Read what somebody typed.

    Raises:
        ValueError: it is blank.
    """
    given = text.strip()
    if not given:
        raise ValueError("the call is blank")
    leg_key = _LEG_KEY.fullmatch(given)
    uuid = leg_key.group(1) if leg_key else given if _ID.fullmatch(given) else None
    key = pl.select(call_key(pl.lit(given))).item()
    return Reference(given, uuid.lower() if uuid else None, key, at)


def find_calls(correlation: Correlation, reference: Reference) -> Found:
    """The calls that the reference means, in the order of their start; more than one where it is ambiguous."""
    calls, legs = correlation.calls.sort("start_time", "call_id"), correlation.legs
    if reference.uuid is not None:
        of_leg = legs.filter(pl.col("leg_id") == reference.uuid)["call_id"]
        is_meant = (pl.col("call_id") == reference.uuid) | pl.col("call_id").is_in(of_leg.implode())
        return Found(calls.filter(is_meant), calls.clear())
    has_key = pl.col("call_keys").list.contains(reference.key)
    of_number = calls.filter(has_key)
    if reference.at is None:
        return Found(of_number, calls.clear())
    at = reference.at
    is_then = (pl.col("start_time") <= at) & (pl.coalesce("end_time", "last_fact_time") >= at)
    is_then = is_then | ((pl.col("start_time") <= at) & pl.col("end_time").is_null())
    is_party = pl.col("participants").list.contains(reference.text)
    by_leg = calls.join(_legs_at(legs, reference.text, at), on="call_id", how="semi", maintain_order="left")
    as_party = calls.filter(is_party & is_then)
    as_extension = by_leg if len(by_leg) else as_party
    meant = pl.concat([as_extension, of_number.filter(is_then)]).unique("call_id", maintain_order=True)
    return Found(meant, _nearest(calls.filter(has_key | is_party), at))


def _legs_at(legs: pl.DataFrame, extension: str, at: datetime) -> pl.DataFrame:
    """The calls in which the extension had a leg then, its ring included."""
    began = pl.min_horizontal("ring_time", "start_time") <= at
    goes_on = pl.col("end_time").is_null() | (pl.col("end_time") >= at)
    return legs.filter((pl.col("agent_extension") == extension) & began & goes_on).select("call_id").unique()


def _nearest(calls: pl.DataFrame, at: datetime) -> pl.DataFrame:
    before = pl.col("start_time") - at
    after = at - pl.coalesce("end_time", "last_fact_time")
    return (
        calls.sort(pl.max_horizontal(before, after, pl.duration()), "call_id")
        .head(NEAREST)
        .sort("start_time", "call_id")
    )
