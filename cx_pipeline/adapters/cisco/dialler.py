"""What UCCE's dialler wrote about the calls of a read: fetched as their times ask for it, no time twice."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

import polars as pl

from cx_pipeline.adapters.cisco.row_frames import Columns
from cx_pipeline.adapters.cisco.ucce_rows import (
    DIALLER_TOLERANCE,
    dialler_rows,
    no_dialler_rows,
    with_dialler,
)
from cx_pipeline.adapters.sql_statements import Value

_Read = Callable[[Mapping[str, Value], tuple[str, ...]], Iterator[pl.DataFrame]]
_NEEDED = ("peripheralid", "peripheralcallkey", "datetime")
_AN_INSTANT = timedelta(microseconds=1)


class Dialler:
    """The dialler's rows around the times of call records, of one read.

    Args:
        read: runs the dialler's statement with the given values.
    """

    def __init__(self, read: _Read) -> None:
        self._read = read
        self._rows = no_dialler_rows()
        self._covered: tuple[datetime, datetime] | None = None

    def joined_to(self, raw: pl.DataFrame) -> pl.DataFrame:
        """The call records, each with the dialler's row that is its own, if there is one."""
        times = raw.select(Columns(raw).utc("datetime").dt.replace_time_zone(None)).to_series().drop_nulls()
        first, last = times.min(), times.max()
        if isinstance(first, datetime) and isinstance(last, datetime):
            self._cover(first - DIALLER_TOLERANCE, last + DIALLER_TOLERANCE + _AN_INSTANT)
        return with_dialler(raw, self._rows)

    def _cover(self, local_from: datetime, local_to: datetime) -> None:
        if self._covered is None:
            self._fetch(local_from, local_to)
            self._covered = (local_from, local_to)
            return
        start, end = self._covered
        if local_from < start:
            self._fetch(local_from, start)
        if local_to > end:
            self._fetch(end, local_to)
        self._covered = (min(start, local_from), max(end, local_to))

    def _fetch(self, local_from: datetime, local_to: datetime) -> None:
        values = {"local_from": local_from, "local_to": local_to}
        found = [dialler_rows(raw) for raw in self._read(values, _NEEDED)]
        self._rows = pl.concat([self._rows, *found], how="diagonal_relaxed").sort(
            "datetime", maintain_order=True
        )
