"""Half-open spans of whole numbers, `[start, end)`: microseconds of a clock, or frames."""

from collections.abc import Iterable, Sequence

Span = tuple[int, int]


def union(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The spans put together: sorted, disjoint, not touching; empty ones are left out."""
    joined: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return tuple(joined)


def without(spans: Iterable[Span], removed: Iterable[Span]) -> tuple[Span, ...]:
    """What is left of the spans where those removed are not; sorted and disjoint."""
    gone = union(removed)
    return tuple(part for span in union(spans) for part in _parts(span, gone))


def _parts(span: Span, gone: Sequence[Span]) -> Iterable[Span]:
    start, end = span
    for first, last in gone:
        if last <= start:
            continue
        if first >= end:
            break
        if start < first:
            yield start, first
        start = max(start, last)
    if start < end:
        yield start, end


def common(spans: Iterable[Span], others: Iterable[Span]) -> tuple[Span, ...]:
    """Where both are; sorted and disjoint."""
    mine, theirs = union(spans), union(others)
    return tuple(
        (max(start, first), min(end, last))
        for start, end in mine
        for first, last in theirs
        if max(start, first) < min(end, last)
    )


def length(spans: Iterable[Span]) -> int:
    """How much the spans cover together."""
    return sum(end - start for start, end in union(spans))
