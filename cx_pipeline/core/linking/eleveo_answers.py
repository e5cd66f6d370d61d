"""What Eleveo answers, read: sessions and tokens (XML, always with status 200), couples (JSON), and its login page.

Releases name fields in their own ways, so each is looked for under the names that are known. What is not understood is an
error: never an empty answer that could be taken for "there is no recording".
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from cx_pipeline.core.errors import InputError
from cx_pipeline.core.events.call_keys import call_key
from cx_pipeline.core.linking.eleveo import Couple
from cx_pipeline.core.recording.manifest_values import moment_of

_SESSION = re.compile(r"""sessionid["']?\s*[=:]\s*["']([A-Za-z0-9._!:-]{8,200})["']""", re.IGNORECASE)
_REPLY = re.compile(r"<reply[^>]*>\s*([^<\s]{1,4096})\s*</reply>", re.IGNORECASE)
_PAGE = re.compile(r"^\s*(<!doctype html|<html|<\?xml[^>]*>\s*<!doctype html)", re.IGNORECASE)
_TEXT = 1024

_LISTS = ("conversations", "couples", "items", "content", "results", "data")
_COUPLE_LISTS = ("couples", "callLegs", "legs", "segments")
_NAMES: Mapping[str, tuple[str, ...]] = {
    "couple_id": ("id", "coupleId", "couple_id", "cplid", "sid"),
    "sid": ("sid", "callSid", "coupleSid", "id", "couple_id"),
    "start_time": ("startTime", "start", "start_ts", "startTs", "created_ts"),
    "end_time": ("endTime", "end", "stop_ts", "stopTs", "end_ts"),
    "calling": ("callingParty", "calling", "callingnr", "callingNr", "callingPartyPhone"),
    "called": ("calledParty", "called", "finalcallednr", "originalcallednr", "calledPartyPhone"),
    "agent_extension": ("agentExtension", "extension", "agent_extension", "recordedExtension"),
    "start_reason": ("COUPLE_START_REASON", "startReason", "coupleStartReason"),
    "end_reason": ("COUPLE_END_REASON", "endReason", "coupleEndReason"),
}
_EXTERNAL = ("externalData", "external_data", "extData")


@dataclass(frozen=True, slots=True)
class CouplePage:
    """One page of a search."""

    couples: tuple[Couple, ...]
    item_count: int
    """Of what the server pages by: conversations, or couples."""
    total: int | None = None
    """Of all pages, where it is told."""
    unreadable: int = 0
    """Couples without an id, a start, or something to download them by."""


def is_login_page(content_type: str, beginning: str) -> bool:
    """Whether this is a page for people where data was asked for: a server that wants a login sends it with status 200."""
    return "text/html" in content_type.lower() or _PAGE.match(beginning) is not None


def session_of(text: str) -> str | None:
    """The session that a login brought; None: it was refused, which is told with status 200 as well."""
    found = _SESSION.search(text)
    return found[1] if found else None


def download_token_of(text: str) -> str | None:
    """The token for one download: in `<reply>`, as JSON's `token`, or alone; None: there is none for this couple."""
    if found := _REPLY.search(text):
        return found[1]
    stripped = text.strip()
    if stripped.startswith("{"):
        fields = _parsed(stripped)
        token = fields.get("token") if isinstance(fields, dict) else None
        return token if isinstance(token, str) and token else None
    return stripped if re.fullmatch(r"[A-Za-z0-9._~+/=-]{8,4096}", stripped) else None


def couples_of(text: str, asked_id: str, id_field: str) -> CouplePage:
    """The couples of one page of a search.

    Args:
        text: JSON: a list, or an object that holds one; of couples, or of conversations that hold them.
        asked_id: a couple that tells no id of its own was found by this one.
        id_field: external data that is a couple's id.

    Raises:
        InputError: it is nothing of this.
    """
    value = _parsed(text)
    found = value if isinstance(value, list) else _first(value, _LISTS) if isinstance(value, dict) else None
    if not isinstance(found, list):
        raise InputError("Eleveo's answer to a search is no list of couples: check search_path of CX_ELEVEO")
    raw = [couple for item in found if isinstance(item, dict) for couple in _couples_in(item)]
    ids = [_external_id(each, id_field) or asked_id for each in raw]
    keys = call_keys_of(ids)
    couples = [_couple(each, key) for each, key in zip(raw, keys, strict=True)]
    readable = tuple(couple for couple in couples if couple is not None)
    strange = sum(not isinstance(item, dict) for item in found)
    return CouplePage(readable, len(found), _total(value), len(couples) - len(readable) + strange)


def call_keys_of(ids: Sequence[str]) -> list[str | None]:
    """Calls' ids in the form of our call keys."""
    if not ids:
        return []
    frame = pl.DataFrame({"id": list(ids)}, schema={"id": pl.String()})
    return frame.select(call_key(pl.col("id"))).to_series().to_list()


def _parsed(text: str) -> object:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError("Eleveo's answer is no JSON: check the paths of CX_ELEVEO") from None
    return value


def _couples_in(item: Mapping[str, object]) -> list[dict[str, object]]:
    """The couples of a conversation, with the external data that it tells for all of them; or the couple that it is."""
    inner = _first(item, _COUPLE_LISTS)
    if not isinstance(inner, list):
        return [dict(item)]
    couples = [each if isinstance(each, dict) else {} for each in inner]
    return [{**couple, _EXTERNAL[0]: {**_external(item), **_external(couple)}} for couple in couples]


def _couple(raw: Mapping[str, object], key: str | None) -> Couple | None:
    couple_id, sid = _text(raw, "couple_id"), _text(raw, "sid")
    start, told_end = moment_of(_value(raw, "start_time")), _value(raw, "end_time")
    end = None if told_end is None else moment_of(told_end)
    if couple_id is None or sid is None or start is None or (told_end is not None and end is None):
        return None
    if end is not None and end < start:
        return None
    return Couple(
        couple_id=couple_id,
        sid=sid,
        start_time=start,
        end_time=end,
        calling=_text(raw, "calling"),
        called=_text(raw, "called"),
        agent_extension=_text(raw, "agent_extension"),
        call_key=key,
        start_reason=_text(raw, "start_reason"),
        end_reason=_text(raw, "end_reason"),
    )


def _external_id(raw: Mapping[str, object], id_field: str) -> str | None:
    return _as_text(raw.get(id_field)) or _as_text(_external(raw).get(id_field))


def _external(raw: Mapping[str, object]) -> Mapping[str, object]:
    """External data, written as an object or as a list of keys and values."""
    found = _first(raw, _EXTERNAL)
    if isinstance(found, dict):
        return found
    if not isinstance(found, list):
        return {}
    pairs = [each for each in found if isinstance(each, dict)]
    return {str(each.get("key", each.get("name"))): each.get("value") for each in pairs}


def _value(raw: Mapping[str, object], field: str) -> object:
    found = _first(raw, _NAMES[field])
    return _first(_external(raw), _NAMES[field]) if found is None else found


def _text(raw: Mapping[str, object], field: str) -> str | None:
    return _as_text(_value(raw, field))


def _as_text(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        return str(value)
    return value.strip() or None if isinstance(value, str) and len(value) <= _TEXT else None


def _first(raw: Mapping[str, object], names: Sequence[str]) -> object:
    return next((raw[name] for name in names if raw.get(name) is not None), None)


def _total(value: object) -> int | None:
    total = _first(value, ("total", "totalCount", "totalElements")) if isinstance(value, dict) else None
    return total if isinstance(total, int) and not isinstance(total, bool) else None
