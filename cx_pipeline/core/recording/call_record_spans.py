"""Which spans of FusionPBX's call records are to be read: each hour until it is complete, and then never again."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from cx_pipeline.core.windows import Window, windows_between

HOUR = timedelta(hours=1)
LAG = timedelta(minutes=10)
"""So late a record may be written after its call's end."""


def spans_to_read(first: datetime, last: datetime, read_at: Mapping[datetime, datetime]) -> list[Window]:
    """The spans of ends of calls to be read for `[first, last]`, oldest first, one for each hour at most.

    Args:
        first: calls that ended before do not matter.
        last: neither do those that end later.
        read_at: when each hour was last read, by its start.
    """
    spans = []
    for hour in windows_between(first, last, HOUR):
        known = read_at.get(hour.start)
        if known is None:
            spans.append(hour)
        elif known < hour.end + LAG:
            spans.append(Window(max(hour.start, min(known, hour.end) - LAG), hour.end))
    return spans
