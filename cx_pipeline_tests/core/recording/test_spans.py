"""Arithmetic of spans, held against sets of numbers."""

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cx_pipeline.core.recording.spans import Span, common, length, union, without

spans = st.lists(st.tuples(st.integers(-20, 20), st.integers(-20, 20)), max_size=6)


def numbers(of: Iterable[Span]) -> set[int]:
    return {number for start, end in of for number in range(start, end)}


@given(spans, spans)
def test_spans_are_added_taken_away_and_met_as_sets_are(one: list[Span], other: list[Span]) -> None:
    assert numbers(union(one)) == numbers(one)
    assert numbers(without(one, other)) == numbers(one) - numbers(other)
    assert numbers(common(one, other)) == numbers(one) & numbers(other)
    assert length(one) == len(numbers(one))


@given(spans, spans)
def test_what_comes_out_is_sorted_disjoint_and_never_empty(one: list[Span], other: list[Span]) -> None:
    for result in (union(one), without(one, other), common(one, other)):
        assert all(start < end for start, end in result)
        assert all(before[1] <= after[0] for before, after in pairwise(result))
