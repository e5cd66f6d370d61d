"""Segments of a sorted frame: runs of rows that agree in some columns, and what can be said of each at once.

A day of a large site is some ten million rows in a million segments. One pass of NumPy over the rows is an order of
magnitude cheaper than a hash of them, and no row is ever seen by Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]

NOWHERE = -1
"""A position that is not: no row of the segment fits."""


@dataclass(frozen=True, slots=True)
class Segments:
    """Where each segment starts, of `rows` rows in all; and the number of the segment for each row."""

    starts: Positions
    ids: npt.NDArray[np.int64]

    @classmethod
    def of(cls, *columns: Array) -> Segments:
        """Segments of equal values in `columns` (sorted so that equal ones stand together)."""
        changes = np.zeros(len(columns[0]), dtype=np.bool_)
        for column in columns:
            changes[1:] |= column[1:] != column[:-1]
        return cls.starting_at(changes)

    @classmethod
    def starting_at(cls, is_start: Mask) -> Segments:
        """Segments that start at each true row; the first row always starts one."""
        marks = is_start.copy()
        if len(marks):
            marks[0] = True
        return cls(np.flatnonzero(marks), np.cumsum(marks) - 1)

    @property
    def count(self) -> int:
        """How many segments there are."""
        return len(self.starts)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Rows of each segment."""
        return np.diff(self.starts, append=len(self.ids))

    @property
    def ends(self) -> Positions:
        """Position of the last row of each segment."""
        return self.starts + self.lengths - 1

    def spread(self, values: Array) -> Array:
        """A value of each segment, given to each of its rows."""
        return values[self.ids]

    def any(self, mask: Mask) -> Mask:
        """Whether any row of each segment fits."""
        found = np.zeros(self.count, dtype=np.bool_)
        found[self.ids[mask]] = True
        return found

    def total(self, mask: Mask) -> npt.NDArray[np.int64]:
        """How many rows of each segment fit."""
        return np.bincount(self.ids[mask], minlength=self.count)

    def first(self, mask: Mask) -> Positions:
        """Position of the first row of each segment that fits, else `NOWHERE`."""
        found = np.full(self.count, NOWHERE, dtype=np.int64)
        positions = np.flatnonzero(mask)[::-1]
        found[self.ids[positions]] = positions
        return found

    def last(self, mask: Mask) -> Positions:
        """Position of the last row of each segment that fits, else `NOWHERE`."""
        found = np.full(self.count, NOWHERE, dtype=np.int64)
        positions = np.flatnonzero(mask)
        found[self.ids[positions]] = positions
        return found

    def smallest(self, values: Array) -> Array:
        """Smallest value of each segment."""
        return np.minimum.reduceat(values, self.starts) if self.count else values[:0]

    def largest(self, values: Array) -> Array:
        """Largest value of each segment."""
        return np.maximum.reduceat(values, self.starts) if self.count else values[:0]


def at(values: Array, positions: Positions, missing: Any) -> Array:
    """The values at `positions`; `missing` where a position is `NOWHERE`."""
    if not len(values):
        return np.full(len(positions), missing)
    return np.where(positions == NOWHERE, np.asarray(missing, dtype=values.dtype), values[positions])
