"""Local times of the central controllers: one zone for each row, by the column `zone`."""

import polars as pl


def local_time(frame: pl.DataFrame, column: str) -> pl.Series:
    """The times of a column (UTC) in the zone of their row, without a zone."""
    zones = sorted(set(frame["zone"].drop_nulls()))
    local = [
        pl.when(pl.col("zone") == zone).then(
            pl.col(column).dt.convert_time_zone(zone).dt.replace_time_zone(None)
        )
        for zone in zones
    ]
    naive = pl.col(column).dt.replace_time_zone(None)
    return frame.select(pl.coalesce(*local, naive).alias(column)).to_series()


def zone_minutes(frame: pl.DataFrame, column: str) -> pl.Series:
    """What Cisco's TimeZone says at the times of a column: the minutes from local time to UTC, as Windows counts them.

    Zurich in winter is -60, New York 300.
    """
    return (frame[column].dt.replace_time_zone(None) - local_time(frame, column)).dt.total_minutes()
