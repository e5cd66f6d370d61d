"""What a Range header asks for: every byte that it names and that there is, each once."""

from hypothesis import given
from hypothesis import strategies as st

from cx_pipeline.gateway.audio.parts import parts_of
from cx_pipeline.gateway.audio.ranges import MOST_RANGES, Span, asked_spans
from cx_pipeline.gateway.audio.streaming import BLOCK_BYTES, first_block_of

SIZES = st.integers(0, 2000)
SPECS = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 2500), st.integers(0, 500)).map(lambda pair: (pair[0], pair[0] + pair[1])),
        st.integers(0, 2500).map(lambda start: (start, None)),
        st.integers(1, 2500).map(lambda count: (-count, None)),
    ),
    min_size=1,
    max_size=MOST_RANGES,
)


def text_of(spec: tuple[int, int | None]) -> str:
    start, last = spec
    return f"{start}" if start < 0 else f"{start}-{'' if last is None else last}"


def bytes_of(spec: tuple[int, int | None], size: int) -> set[int]:
    start, last = spec
    if start < 0:
        return set(range(max(0, size + start), size))
    return set(range(start, size if last is None else min(size, last + 1)))


@given(SIZES, SPECS)
def test_all_that_is_asked_for_and_there_is_comes_and_nothing_twice(
    size: int, specs: list[tuple[int, int | None]]
) -> None:
    spans = asked_spans("bytes=" + ", ".join(map(text_of, specs)), size)
    assert spans is not None
    found = [place for span in spans for place in range(*span)]
    wanted = set[int]().union(*(bytes_of(spec, size) for spec in specs))
    assert len(found) == len(set(found))
    assert wanted <= set(found) <= set(range(size))
    assert bool(found) == bool(wanted)


@given(st.text(max_size=60), SIZES)
def test_no_header_breaks_anything(text: str, size: int) -> None:
    for header in (text, f"bytes={text}"):
        for span in asked_spans(header, size) or []:
            assert 0 <= span.start < span.end <= size


def test_ranges_keep_their_order_and_far_ones_stay_apart() -> None:
    assert asked_spans("bytes=900-909,0-9", 1000) == [Span(900, 910), Span(0, 10)]
    assert asked_spans("bytes=0-9,20-29", 1000) == [Span(0, 30)], "a gap that costs less than another part"


def test_numbers_without_end_are_no_range() -> None:
    assert asked_spans("bytes=" + "9" * 5000 + "-", 1000) in (None, [])


def test_the_length_that_is_told_is_that_of_the_pieces() -> None:
    parts = parts_of([Span(0, 10), Span(500_000, 900_000)], 1_000_000, "audio/wav")
    assert parts.headers["Content-Length"] == str(parts.size_bytes)
    first = first_block_of(parts)
    assert first == Span(0, 10)
    assert BLOCK_BYTES < 400_000
