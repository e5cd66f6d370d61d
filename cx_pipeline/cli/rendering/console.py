"""The terminal, as the commands write to it: one width rule, and moments and durations as text."""

from datetime import datetime, timedelta

from rich.console import Console

WIDTH_WITHOUT_A_TERMINAL = 100
_SECOND = timedelta(seconds=1)


def open_console() -> Console:
    """Standard output; 100 columns wide where no terminal watches (`COLUMNS` says otherwise)."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in console._environ:
        console.width = WIDTH_WITHOUT_A_TERMINAL
    return console


def time_of_day(moment: datetime | None, *, with_date: bool = False, with_ms: bool = True) -> str:
    """`09:00:05.250`, with the date before it where wanted; a dash for none."""
    if moment is None:
        return "–"
    text = moment.strftime("%Y-%m-%d %H:%M:%S" if with_date else "%H:%M:%S")
    return f"{text}.{moment.microsecond // 1000:03d}" if with_ms else text


def duration(milliseconds: int | None) -> str:
    """`1:02:03`, `2:03`, or `0:00.250` below a second's precision; a dash for none."""
    if milliseconds is None:
        return "–"
    seconds, rest = divmod(milliseconds, 1000)
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    text = f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
    return f"{text}.{rest:03d}" if rest else text


def count_of(number: int, singular: str) -> str:
    """`1 leg`, `2,000 legs`."""
    return f"{number:,} {singular}{'s' * (number != 1)}"
