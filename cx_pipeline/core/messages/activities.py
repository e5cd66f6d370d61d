"""The conversation manager's list of voice activities: its pages, and a row for each voice leg in it.

The shape of the list is nowhere written down. Met are a page of Spring's (`content`, `last`), a page with a link to
the next one, and all at once; an activity bears its fields beside each other, or is a message with header and body.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from cx_pipeline.core.errors import InputError
from cx_pipeline.core.events.schema import UTC_MICROSECONDS

CCM_VOICE_ACTIVITY_SCHEMA = pl.Schema(
    {
        "activity_id": pl.String(),
        "conversation_id": pl.String(),
        "channel_session_id": pl.String(),
        "call_id": pl.String(),
        "leg": pl.String(),
        "leg_id": pl.String(),
        "agent_extension": pl.String(),
        "agent_id": pl.String(),
        "start_time": UTC_MICROSECONDS,
        "end_time": UTC_MICROSECONDS,
        "raw": pl.String(),
    }
)
"""One row for each voice activity. `call_id` is the CX call id; `raw` is the activity as it came, a JSON object."""

_TEXTS = {
    "conversation_id": "conversationId",
    "channel_session_id": "channelSessionId",
    "call_id": "callId",
    "leg": "leg",
    "leg_id": "legId",
    "agent_extension": "agentExtension",
    "agent_id": "agentId",
}
_TIMES = {"start_time": "startTime", "end_time": "endTime"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AS_MILLISECONDS = 1e11
"""Numbers from here on are milliseconds after 1970: as seconds they would lie beyond the year 5000."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the list, and where the next one is."""

    items: list[Any]
    next_number: int | None = None
    """Number of the next page, for a list that is asked by number."""
    next_link: str | None = None
    """Address of the next page, for a list that tells it."""


def page_of(answer: object, number: int) -> Page:
    """What an answer holds that was asked as page `number`, from 0.

    Raises:
        InputError: it is no list of activities, or another page than was asked.
    """
    if isinstance(answer, list):
        return Page(answer)
    if not isinstance(answer, dict) or not isinstance(answer.get("content"), list):
        raise InputError("the conversation manager's list is neither a JSON list nor a page with content")
    items = answer["content"]
    link = _link(answer)
    if link is not None:
        return Page(items, next_link=link)
    told = _page_number(answer)
    if told not in (None, number):
        raise InputError(f"the conversation manager's list answers page {told} where page {number} was asked")
    return Page(items) if _is_last(answer, number) else Page(items, next_number=number + 1)


def activities_of(items: Iterable[object]) -> pl.DataFrame:
    """The activities of a list; one that was told twice counts once, as it was told last.

    Returns:
        CCM_VOICE_ACTIVITY_SCHEMA.

    Raises:
        InputError: one is no object, has no id of any kind, or a field that cannot be read; the message names the
            activity's place and the field.
    """
    rows = {}
    for place, item in enumerate(items, start=1):
        try:
            row = _row(item)
        except ValueError as error:
            raise InputError(f"voice activity {place} of the conversation manager's list: {error}") from None
        rows[row["activity_id"]] = row
    return pl.DataFrame(list(rows.values()), schema=CCM_VOICE_ACTIVITY_SCHEMA, orient="row")


def _link(answer: Mapping[str, Any]) -> str | None:
    """The next page's address: `next`, or that of `links` or `_links`, a text or an object with `href`."""
    for holder in (answer, answer.get("links"), answer.get("_links")):
        link = holder.get("next") if isinstance(holder, dict) else None
        link = link.get("href") if isinstance(link, dict) else link
        if isinstance(link, str) and link:
            return link
    return None


def _page_number(answer: Mapping[str, Any]) -> object:
    """The page's number, as Spring writes it: beside the content, or below `page`."""
    below = answer.get("page")
    return answer.get("number", below.get("number") if isinstance(below, dict) else None)


def _is_last(answer: Mapping[str, Any], number: int) -> bool:
    below = answer.get("page")
    total = answer.get("totalPages", below.get("totalPages") if isinstance(below, dict) else None)
    if isinstance(answer.get("last"), bool):
        return bool(answer["last"])
    return not isinstance(total, int) or number + 1 >= total


def _row(item: object) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise ValueError("it is no JSON object")
    fields = _fields(item)
    row = {column: _text(fields, name) for column, name in _TEXTS.items()}
    times = {column: _time(fields, name) for column, name in _TIMES.items()}
    activity_id = _text(item, "id") or row["leg_id"] or row["leg"]
    if activity_id is None:
        raise ValueError("it has neither id, legId nor leg")
    return {"activity_id": activity_id, **row, **times, "raw": json.dumps(item, ensure_ascii=False)}


def _fields(item: Mapping[str, Any]) -> dict[str, Any]:
    """All fields of an activity, whether they stand beside each other or in header, body and detail."""
    body = _object(item, "body")
    return {**_object(body, "additionalDetail"), **body, **_object(item, "header"), **item}


def _object(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{name} is neither text nor a number")
    return str(value)


def _time(fields: Mapping[str, Any], name: str) -> datetime | None:
    """A time, written as ISO 8601 with a zone, or as seconds or milliseconds after 1970."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None:
                raise ValueError("no zone")
            return moment.astimezone(UTC)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError("no number")
        return _EPOCH + timedelta(seconds=value / 1000 if abs(value) >= _AS_MILLISECONDS else value)
    except (ValueError, OverflowError):
        raise ValueError(f"{name} is no time with a zone") from None
