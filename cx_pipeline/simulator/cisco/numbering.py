"""Serial numbers that grow with time, and that records simulated later, for other tenants, do not have again."""

from datetime import UTC, datetime

import polars as pl

_FIRST_MINUTE = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) // 60
_PERIPHERALS, _IN_A_MINUTE = 30_000, 10_000


def serial_numbers() -> pl.Expr:
    """A whole number for each row, of its minute, its peripheral and its place among their rows.

    The rows stand in the order of `ended_at`. Below 2^53 until the year 2050: a float holds it.
    """
    minute = pl.col("ended_at").dt.epoch("s") // 60 - _FIRST_MINUTE
    peripheral = pl.col("peripheral_id") % _PERIPHERALS
    place = pl.int_range(pl.len()).over(minute, peripheral)
    return minute * (_PERIPHERALS * _IN_A_MINUTE) + peripheral * _IN_A_MINUTE + place
