"""What each kind of rule may ask of a call (guide 19.5.2, 19.7.1), validated.

Several fields of one condition hold together; several values of one field are alternatives.
"""

import re
from datetime import time
from decimal import Decimal
from functools import cache
from itertools import chain
from typing import Annotated, Any, ClassVar, Self
from zoneinfo import available_timezones

import polars as pl
from polars.exceptions import PolarsError
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)

LONGEST_PATTERN = 200
MOST_VALUES = 10_000
LARGEST_REPEAT = 64
_REPEAT = re.compile(r"(?<!\\)\{(\d*),?(\d*)\}")
DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_LONG_DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_SECONDS_OF_A_DAY = 24 * 3600


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _known_zone(name: str) -> str:
    try:
        is_known = name in _zones()
        # Polars has its own list of them, and it is Polars that asks what time it is there.
        pl.Series([0], dtype=pl.Datetime("us", "UTC")).dt.convert_time_zone(name if is_known else "UTC")
    except PolarsError:
        is_known = False
    if not is_known:
        raise ValueError("is no IANA time zone, such as Europe/Zurich")
    return name


def _linear_pattern(pattern: str) -> str:
    """Refuse what Polars' engine cannot run in time linear in the text: look-arounds, references back, huge counts."""
    counts = chain.from_iterable(_REPEAT.findall(pattern))
    if any(count and (len(count) > 3 or int(count) > LARGEST_REPEAT) for count in counts):
        raise ValueError(f"repeats something more than {LARGEST_REPEAT} times")
    try:
        pl.Series([""]).str.contains(pattern)
    except PolarsError as error:
        lines = [
            line.removeprefix("error: ") for line in str(error).splitlines() if line.startswith("error: ")
        ]
        reason = lines[0] if lines else str(error).splitlines()[0].removeprefix("regex error: ")
        raise ValueError(f"is no pattern that can be used: {reason}") from None
    return pattern


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else (value,)


def _range_of(text: str) -> str:
    first, dash, last = text.partition("-")
    is_right = dash and first.isascii() and last.isascii() and first.isdigit() and last.isdigit()
    if not is_right or len(first) != len(last) or len(first) > 18 or first > last:
        raise ValueError("is no range: write 1000-1999, two numbers of as many digits")
    return text


def _moment_of_day(value: Any) -> Any:
    """Seconds after midnight of `HH:MM` or `HH:MM:SS`; 24:00 is the day's end."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _SECONDS_OF_A_DAY:
        return value
    if value in {"24:00", "24:00:00"}:
        return _SECONDS_OF_A_DAY
    if not re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", str(value)):
        raise ValueError("is no time of day, such as 09:00 or 17:30")
    try:
        moment = time.fromisoformat(
            str(value).zfill(5) if str(value).count(":") == 1 else str(value).zfill(8)
        )
    except ValueError:
        raise ValueError("is no time of day, such as 09:00 or 17:30") from None
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def _day_number(text: str) -> int:
    name = text.strip().upper()
    for names in (DAYS, _LONG_DAYS):
        if name in names:
            return names.index(name)
    raise ValueError(f"{text!r} is no day: write {', '.join(DAYS)}, or MON-FRI")


def _weekdays(value: Any) -> Any:
    """The days that texts such as `SAT` and `MON-FRI` name, in the week's order."""
    numbers: set[int] = set()
    for text in chain.from_iterable(str(each).split(",") for each in _as_list(value)):
        first, dash, last = text.partition("-")
        start = _day_number(first)
        end = _day_number(last) if dash else start
        numbers |= {(start + step) % 7 for step in range((end - start) % 7 + 1)}
    return tuple(DAYS[number] for number in sorted(numbers))


Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_as_list), Field(min_length=1, max_length=MOST_VALUES)]
Ranges = Annotated[
    tuple[Annotated[Text, AfterValidator(_range_of)], ...],
    BeforeValidator(_as_list),
    Field(min_length=1, max_length=100),
]
Pattern = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST_PATTERN, pattern=r"^[^\x00]*$"),
    AfterValidator(_linear_pattern),
]
TimeZone = Annotated[str, AfterValidator(_known_zone)]
TimeOfDay = Annotated[int, BeforeValidator(_moment_of_day)]
Weekdays = Annotated[tuple[str, ...], BeforeValidator(_weekdays), Field(min_length=1)]
Percentage = Annotated[
    Decimal,
    Field(ge=0, le=100, max_digits=5, decimal_places=2),
    PlainSerializer(lambda value: f"{value.normalize():f}", when_used="json"),
]
Seconds = Annotated[float, Field(ge=0, le=7 * _SECONDS_OF_A_DAY, allow_inf_nan=False)]


class Condition(BaseModel):
    """What all conditions are: frozen, complete, of no unknown field."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, str_strip_whitespace=True, coerce_numbers_to_str=True
    )
    other_names: ClassVar[dict[str, str]] = {}
    """Names under which a field may be given, too (those in camel case apart)."""
    needs_one_of: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if self.needs_one_of and not self.model_fields_set & set(self.needs_one_of):
            raise ValueError(f"asks for nothing: give {' or '.join(self.needs_one_of)}")
        return self


class AgentCondition(Condition):
    """AGENT: who talked. Teams are those of the directory."""

    other_names = {
        "extension": "extensions",
        "extension_range": "extension_ranges",
        "range": "extension_ranges",
        "ranges": "extension_ranges",
        "agent_id": "ids",
        "agent_ids": "ids",
        "id": "ids",
        "agent_name": "names",
        "agent_names": "names",
        "name": "names",
        "team": "teams",
    }
    needs_one_of = ("extensions", "extension_ranges", "ids", "names", "teams")
    extensions: Texts = ()
    extension_ranges: Ranges = ()
    """`1000-1999`, both ends included. With `extensions` they are one field: an extension of either."""
    ids: Texts = ()
    names: Texts = ()
    teams: Texts = ()


class DialledNumberCondition(Condition):
    """DN: the number that was dialled, as the legs' `service_identifier`."""

    other_names = {"dn": "dns", "number": "dns", "numbers": "dns"}
    needs_one_of = ("dns", "pattern")
    dns: Texts = ()
    pattern: Pattern | None = None


class TimeCondition(Condition):
    """TIME: when the leg began, on the clock of its tenant.

    From `start` to before `end`, over midnight where `end` is before `start`; `days` are those on which the span
    begins. Whole days without a span, every day without `days`.
    """

    other_names = {"from": "start", "to": "end", "until": "end", "day": "days", "zone": "time_zone"}
    needs_one_of = ("start", "end", "days")
    start: TimeOfDay = 0
    end: TimeOfDay = _SECONDS_OF_A_DAY
    """Seconds after midnight."""
    days: Weekdays = DAYS
    time_zone: TimeZone | None = None
    """In place of the tenant's."""

    @model_validator(mode="after")
    def _has_a_span(self) -> Self:
        if self.start == self.end or self.start == _SECONDS_OF_A_DAY or self.end == 0:
            raise ValueError("from and to enclose nothing: leave both out for the whole day")
        return self


class PercentageCondition(Condition):
    """PERCENTAGE: a share of the calls, always the same ones; of certain dialled numbers where `dns` names them."""

    other_names = {"percent": "percentage", "dn": "dns", "number": "dns", "numbers": "dns"}
    percentage: Percentage
    dns: Texts = ()


class CallerCondition(Condition):
    """ANI: the number at the other end, as the legs' `customer_identifier`, else `other_party`."""

    other_names = {"ani": "anis", "number": "anis", "numbers": "anis"}
    needs_one_of = ("anis", "pattern")
    anis: Texts = ()
    pattern: Pattern | None = None


class DurationCondition(Condition):
    """DURATION: how long the leg was, from `min_s` to below `max_s`."""

    other_names = {
        "min": "min_s",
        "min_seconds": "min_s",
        "min_duration": "min_s",
        "max": "max_s",
        "max_seconds": "max_s",
        "max_duration": "max_s",
    }
    needs_one_of = ("min_s", "max_s")
    min_s: Seconds = 0
    max_s: Seconds | None = None

    @model_validator(mode="after")
    def _has_a_span(self) -> Self:
        if self.max_s is not None and self.max_s <= self.min_s:
            raise ValueError("no duration is at least min_s and below max_s")
        return self


class DefaultCondition(Condition):
    """DEFAULT: no condition, but the zone of the tenant's clock."""

    other_names = {"zone": "time_zone"}
    time_zone: TimeZone = "UTC"


DEFAULT = "DEFAULT"
CONDITIONS: dict[str, type[Condition]] = {
    "AGENT": AgentCondition,
    "DN": DialledNumberCondition,
    "TIME": TimeCondition,
    "PERCENTAGE": PercentageCondition,
    "ANI": CallerCondition,
    "DURATION": DurationCondition,
    DEFAULT: DefaultCondition,
}
"""The condition of each kind of rule."""
