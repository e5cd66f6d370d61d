"""What is asked of the search for calls, read from the query of an address; and what is wrong with it, in words."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from cx_pipeline.adapters.database.call_search import CALL_TYPES, CallFilter, Place

NAMES = ("agent", "number", "from", "to", "type", "wrap_up", "missing", "page")
DEFAULT_SPAN = timedelta(hours=24)
LONGEST_SPAN = timedelta(days=366)
LONGEST_TEXT = 100
FEWEST_DIGITS = 3

_TIME_HELP = "write a time as 2026-03-31T14:30Z or 2026-03-31"
_NUMBER = re.compile(r"[0-9A-Za-z+*#@.:_-]{3,64}")
_SPACING = re.compile(r"[\s()/]")
_Value = TypeVar("_Value")
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "")


@dataclass(frozen=True, slots=True)
class CallQuery:
    """A search as it was understood. What is wrong is left out of `wanted` and told in `errors`."""

    given: Mapping[str, str]
    """The query as it came, for the form."""
    wanted: CallFilter
    is_missing_only: bool = False
    after: Place | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    """By the name of the field."""

    def link(self, after: Place | None = None) -> dict[str, str]:
        """The query of the same search, of the page behind `after`; its times are fixed, so that pages fit together."""
        wanted = self.wanted
        found = {
            "agent": wanted.agent,
            "number": wanted.number,
            "type": wanted.call_type,
            "wrap_up": wanted.wrap_up,
            "missing": "1" if self.is_missing_only else None,
            "from": _iso(wanted.start),
            "to": _iso(wanted.end),
            "page": None if after is None else page_of(after),
        }
        return {name: value for name, value in found.items() if value is not None}

    def described(self) -> list[str]:
        """What was searched for, in words; the times are told apart from these."""
        wanted = self.wanted
        found = (
            (wanted.agent, "agent {}"),
            (wanted.number, "a number that begins or ends with {}"),
            (wanted.call_type, "type {}"),
            (wanted.wrap_up, "wrap-up with “{}”"),
        )
        words = [words.format(value) for value, words in found if value is not None]
        return [*words, "no recording although there should be one"] if self.is_missing_only else words


def read_call_query(query: Mapping[str, str], now: datetime, lost_after: timedelta) -> CallQuery:
    """Read the query of an address; unknown names are nobody's business.

    Args:
        query: names and values as they came.
        now: the time; the default is the 24 hours before.
        lost_after: how long after a leg's end its recording is waited for.
    """
    given = {name: query[name].strip() for name in NAMES if query.get(name, "").strip()}
    reading = _Reading(given)
    start, end = reading.span(now)
    wanted = CallFilter(
        start=start,
        end=end,
        agent=reading.text("agent"),
        number=reading.of("number", _number),
        call_type=reading.of("type", _call_type),
        wrap_up=reading.text("wrap_up"),
    )
    is_missing_only = reading.of("missing", _flag) or False
    if is_missing_only:
        wanted = replace(wanted, lacks_recording_before=now - lost_after)
    return CallQuery(given, wanted, is_missing_only, reading.of("page", place_of), reading.errors)


class _Reading:
    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self.errors: dict[str, str] = {}

    def of(self, name: str, reader: Callable[[str], _Value]) -> _Value | None:
        if name not in self._given:
            return None
        try:
            return reader(self._given[name])
        except ValueError as error:
            self.errors[name] = str(error)
            return None

    def text(self, name: str) -> str | None:
        return self.of(name, _text)

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        end_given, start_given = self.of("to", _end), self.of("from", _moment)
        end = end_given or (now if start_given is None or start_given < now else start_given + DEFAULT_SPAN)
        start = start_given or end - DEFAULT_SPAN
        if start >= end:
            self.errors.setdefault("to", "the end has to be after the begin")
        elif end - start > LONGEST_SPAN:
            self.errors.setdefault("from", f"search at most {LONGEST_SPAN.days} days at once")
        return start, end


def _text(value: str) -> str:
    if len(value) > LONGEST_TEXT or "\0" in value or not value.isprintable():
        raise ValueError(f"write at most {LONGEST_TEXT} signs")
    return value


def _number(value: str) -> str:
    number = _SPACING.sub("", value)
    if not _NUMBER.fullmatch(number):
        raise ValueError(f"write at least {FEWEST_DIGITS} digits of the begin or end of a number")
    return number


def _call_type(value: str) -> str:
    if value.upper() not in CALL_TYPES:
        raise ValueError(f"no such type: choose one of {', '.join(CALL_TYPES)}")
    return value.upper()


def _flag(value: str) -> bool:
    if value.lower() not in (*_YES, *_NO):
        raise ValueError("write 1 or leave it out")
    return value.lower() in _YES


def _end(value: str) -> datetime:
    """A day as an end is its last moment."""
    return _moment(value) + (timedelta(days=1) if len(value) == len("2026-03-31") else timedelta())


def _moment(value: str) -> datetime:
    """A moment; one without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(value.replace(" ", "+") if "T" in value else value)
        told = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        found = told.astimezone(UTC)
        found - LONGEST_SPAN, found + LONGEST_SPAN
    except (ValueError, OverflowError):
        raise ValueError(_TIME_HELP) from None
    return found


def page_of(place: Place) -> str:
    """A place as a page's name in an address."""
    text = json.dumps([_iso(place.start_time), place.leg_id], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def place_of(page: str) -> Place:
    """The place that a page's name means. Raises ValueError where it is none of ours."""
    try:
        text = base64.b64decode(page + "=" * (-len(page) % 4), altchars=b"-_", validate=True)
        moment, leg_id = json.loads(text)
        return Place(_moment(moment), str(UUID(leg_id)))
    except (ValueError, TypeError, AttributeError, binascii.Error):
        raise ValueError("this page is not known: search again") from None


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
