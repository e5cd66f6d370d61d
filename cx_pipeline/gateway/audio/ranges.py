"""Which bytes a request asks for (RFC 9110, section 14)."""

from typing import NamedTuple

from werkzeug.http import parse_range_header

MOST_RANGES = 32
"""A request for more is refused: nobody who plays asks for so many."""
_GAP_BYTES = 128
"""What lies between two ranges and is shorter than this costs less than the head of another part."""


class Span(NamedTuple):
    """Bytes from `start` up to and without `end`."""

    start: int
    end: int

    @property
    def size_bytes(self) -> int:
        """How many."""
        return self.end - self.start


def asked_spans(header: str | None, size_bytes: int) -> list[Span] | None:
    """The spans of a file that a Range header asks for, those that meet each other joined.

    Args:
        header: the header's value, if there is one.
        size_bytes: of the whole file.

    Returns:
        None for the whole file: no header, of another unit, or one that cannot be read, which is as none (RFC 9110,
        14.2). An empty list if nothing of it lies within the file, or if it asks for too many ranges.
    """
    unit, _, listed = (header or "").partition("=")
    if unit.strip().lower() != "bytes":
        return None
    specs = [spec for each in listed.split(",") if (spec := each.strip(" \t"))]
    if len(specs) > MOST_RANGES:
        return []
    spans: list[Span] = []
    for spec in specs:
        if spec.startswith("-") and spec[1:] and not spec[1:].strip("0"):
            continue  # the last no bytes: lawful, and nowhere
        parsed = parse_range_header(f"bytes={spec}")
        if parsed is None:
            return None
        begin, end = parsed.ranges[0]
        span = _within(begin, end, size_bytes)
        if span is not None:
            spans = _joined(spans, span)
    return spans if specs else None


def _within(begin: int, end: int | None, size_bytes: int) -> Span | None:
    start = max(0, size_bytes + begin) if begin < 0 else begin
    stop = size_bytes if end is None else min(end, size_bytes)
    return Span(start, stop) if start < stop else None


def _joined(spans: list[Span], new: Span) -> list[Span]:
    """The spans with a new one at the end, which takes in all that it meets."""
    while met := [span for span in spans if _meet(span, new)]:
        new = Span(min(new.start, *(span.start for span in met)), max(new.end, *(span.end for span in met)))
        spans = [span for span in spans if span not in met]
    return [*spans, new]


def _meet(one: Span, other: Span) -> bool:
    return one.start <= other.end + _GAP_BYTES and other.start <= one.end + _GAP_BYTES
