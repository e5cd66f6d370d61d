"""Values that others wrote, in the types that we use: texts, whole numbers and moments, or a reason why not."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from cx_pipeline.core.errors import InputError

_LONGEST_TEXT = 1024
_LONGEST_TIME = 64
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[0-9]{9,17}(\.[0-9]{0,9})?", re.ASCII)
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SHORT_FRACTION = re.compile(r"([.,][0-9]{6})[0-9]+")
_MOST_SECONDS, _MOST_MILLISECONDS = 1e11, 1e14
"""What is larger counts in thousandths; what is larger still in millionths."""
_LARGEST_NUMBER = 1e17


class ManifestRefusedError(InputError):
    """A manifest that cannot be used; `reason` begins with a stable word, and says what is wrong with which field."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def first_of(payload: Mapping[str, object], names: tuple[str, ...]) -> tuple[str, object] | None:
    """The first of the named fields that holds something, and under which name."""
    for name in names:
        value = payload.get(name)
        if value is not None and not (isinstance(value, str) and not value.strip()):
            return name, value
    return None


def told_text(payload: Mapping[str, object], names: tuple[str, ...]) -> str | None:
    """A text. Whole numbers are taken too, as extensions are often written so; control characters are left out.

    Raises:
        ManifestRefusedError: it is neither, or too long.
    """
    found = first_of(payload, names)
    if found is None:
        return None
    name, value = found
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        return str(value)
    if not isinstance(value, str):
        raise wrong_type(name, "a text", value)
    if len(value) > _LONGEST_TEXT:
        raise ManifestRefusedError(f"TOO_LONG: {name} has {len(value)} characters")
    return _UNPRINTABLE.sub("", value).strip() or None


def told_count(payload: Mapping[str, object], names: tuple[str, ...], largest: int) -> int | None:
    """A whole number from 0 to `largest`, also where it is written as a text.

    Raises:
        ManifestRefusedError: it is none.
    """
    found = first_of(payload, names)
    if found is None:
        return None
    name, value = found
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, float) and value.is_integer():  # Lua before 5.3 has no other numbers
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(name, "a whole number", value)
    if not 0 <= value <= largest:
        raise ManifestRefusedError(f"WRONG_VALUE: {name} is not between 0 and {largest}")
    return value


def told_moment(payload: Mapping[str, object], names: tuple[str, ...]) -> datetime | None:
    """A moment, in UTC: ISO 8601 with any offset, or seconds, milliseconds or microseconds since 1970.

    Raises:
        ManifestRefusedError: it is none, has no zone, or lies before 2000 or after 2099.
    """
    found = first_of(payload, names)
    if found is None:
        return None
    name, value = found
    moment = moment_of(value)
    if moment is None:
        if isinstance(value, str) and _is_without_zone(value):
            raise ManifestRefusedError(f"TIME_WITHOUT_ZONE: {name} has no offset from UTC")
        raise ManifestRefusedError(
            f"WRONG_TIME: {name} is neither an ISO 8601 time nor a number since 1970, of 2000 to 2099"
        )
    return moment


def moment_of(value: object) -> datetime | None:
    """The moment that a text or number says; null where it says none."""
    if isinstance(value, str):
        text = value.strip()
        if len(text) > _LONGEST_TIME:
            return None
        if not _NUMBER.fullmatch(text):
            return _of_iso(text)
        value = float(text) if "." in text else int(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _of_number(value)


def wrong_type(name: str, wanted: str, value: object) -> ManifestRefusedError:
    """The refusal of a value of another type. The value itself is not told: it may be long."""
    kinds = {bool: "a truth value", int: "a number", float: "a number", str: "a text", list: "a list"}
    kind = kinds.get(type(value), "an object")
    return ManifestRefusedError(f"WRONG_TYPE: {name} is {kind}, not {wanted}")


def _of_number(number: float) -> datetime | None:
    if not 0 < number < _LARGEST_NUMBER:  # neither is no number
        return None
    if number >= _MOST_MILLISECONDS:
        span = timedelta(microseconds=number)
    elif number >= _MOST_SECONDS:
        span = timedelta(milliseconds=number)
    else:
        span = timedelta(seconds=number)
    return _in_range(_EPOCH + span)


def _of_iso(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(_SHORT_FRACTION.sub(r"\1", text.upper().replace(" +", "+")))
        return None if moment.tzinfo is None else _in_range(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def _in_range(moment: datetime) -> datetime | None:
    return moment if _EARLIEST <= moment < _LATEST else None


def _is_without_zone(text: str) -> bool:
    try:
        return datetime.fromisoformat(text.strip()[:_LONGEST_TIME]).tzinfo is None
    except ValueError:
        return False
