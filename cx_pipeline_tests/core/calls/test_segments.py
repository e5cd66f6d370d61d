from itertools import groupby
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cx_pipeline.core.calls.segments import NOWHERE, Segments, at

STABLE = settings(derandomize=True, database=None, deadline=None)

ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(-50, 50), st.booleans()), max_size=40
)
"""Two columns by which the rows are sorted, a value and a mask."""

Rows = list[tuple[int, int, int, bool]]


def columns(rows: Rows) -> tuple[np.ndarray, ...]:
    ordered = sorted(rows, key=lambda row: row[:2])
    types: list[Any] = [np.uint32, np.uint32, np.int64, np.bool_]
    return tuple(np.array([row[i] for row in ordered], dtype=types[i]) for i in range(4))


def groups(rows: Rows) -> list[list[tuple[int, int, bool]]]:
    """For each segment its rows: position, value, mask."""
    ordered = sorted(rows, key=lambda row: row[:2])
    numbered = [(row[:2], (i, row[2], row[3])) for i, row in enumerate(ordered)]
    return [[row for _, row in members] for _, members in groupby(numbered, key=lambda pair: pair[0])]


@given(ROWS)
@STABLE
def test_segments_are_the_runs_of_equal_rows(rows: Rows) -> None:
    first, second, _, _ = columns(rows)
    segments = Segments.of(first, second)
    expected = groups(rows)
    assert segments.count == len(expected)
    assert segments.starts.tolist() == [group[0][0] for group in expected]
    assert segments.ends.tolist() == [group[-1][0] for group in expected]
    assert segments.lengths.tolist() == [len(group) for group in expected]
    assert segments.ids.tolist() == [i for i, group in enumerate(expected) for _ in group]


@given(ROWS)
@STABLE
def test_what_is_said_of_segments_is_what_plain_python_says(rows: Rows) -> None:
    first, second, values, mask = columns(rows)
    segments = Segments.of(first, second)
    expected = groups(rows)
    fitting = [[position for position, _, fits in group if fits] for group in expected]
    assert segments.any(mask).tolist() == [bool(found) for found in fitting]
    assert segments.total(mask).tolist() == [len(found) for found in fitting]
    assert segments.first(mask).tolist() == [found[0] if found else NOWHERE for found in fitting]
    assert segments.last(mask).tolist() == [found[-1] if found else NOWHERE for found in fitting]
    assert segments.smallest(values).tolist() == [min(value for _, value, _ in group) for group in expected]
    assert segments.largest(values).tolist() == [max(value for _, value, _ in group) for group in expected]
    assert segments.spread(segments.smallest(values)).tolist() == [
        min(value for _, value, _ in group) for group in expected for _ in group
    ]


@given(st.lists(st.booleans(), max_size=30))
@STABLE
def test_segments_start_where_they_are_told_and_at_the_first_row(marks: list[bool]) -> None:
    segments = Segments.starting_at(np.array(marks, dtype=np.bool_))
    assert segments.starts.tolist() == [i for i, mark in enumerate(marks) if mark or i == 0]


@given(st.lists(st.integers(-9, 9), max_size=9), st.data())
@STABLE
def test_values_are_taken_at_positions_and_are_missing_nowhere(
    values: list[int], data: st.DataObject
) -> None:
    positions = data.draw(st.lists(st.integers(NOWHERE, len(values) - 1), max_size=9))
    taken = at(np.array(values, dtype=np.int64), np.array(positions, dtype=np.int64), 99)
    assert taken.tolist() == [99 if position == NOWHERE else values[position] for position in positions]


@pytest.mark.parametrize("method", ["any", "total", "first", "last"])
def test_nothing_has_no_segments(method: str) -> None:
    nothing = np.array([], dtype=np.uint32)
    segments = Segments.of(nothing, nothing)
    assert segments.count == 0
    assert getattr(segments, method)(np.array([], dtype=np.bool_)).tolist() == []
    assert segments.smallest(nothing).tolist() == segments.largest(nothing).tolist() == []
