"""Windows: the half-open spans of time, `[start, end)`, by which everything is computed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

KEY_FORMAT = "%Y-%m-%d-%H:%M"
"""How a window is named: Dagster's own format of hourly partition keys."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The span `[start, end)`, in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window's times bear a time zone")
        if self.start >= self.end:
            raise ValueError(f"a window ends after it starts, not {self.start} to {self.end}")

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    @property
    def length(self) -> timedelta:
        """How long the window is."""
        return self.end - self.start

    @property
    def key(self) -> str:
        """The window's name, as Dagster's partition key."""
        return self.start.strftime(KEY_FORMAT)

    def is_open(self, now: datetime) -> bool:
        """Whether `now` lies in the window: more of its events may come."""
        return now in self


def window_of(moment: datetime, length: timedelta) -> Window:
    """The window of `length` (a divisor of a day) in which `moment` lies; windows begin at midnight UTC."""
    midnight = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = midnight + ((moment - midnight) // length) * length
    return Window(start, start + length)


def window_from_key(key: str, length: timedelta) -> Window:
    """The window that a partition key names.

    Raises:
        ValueError: the key is not of the form `2026-01-31-23:00`.
    """
    start = datetime.strptime(key, KEY_FORMAT).replace(tzinfo=UTC)
    return Window(start, start + length)


def windows_between(start: datetime, end: datetime, length: timedelta) -> Iterator[Window]:
    """The windows that together cover `[start, end)`, oldest first."""
    window = window_of(start, length)
    while window.start < end:
        yield window
        window = Window(window.end, window.end + length)


def as_mark(moment: datetime) -> int:
    """A moment as a number that grows: microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of_mark(mark: int) -> datetime:
    """The moment of `as_mark`."""
    return _EPOCH + timedelta(microseconds=mark)
