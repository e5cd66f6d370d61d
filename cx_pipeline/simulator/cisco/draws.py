"""Chance for whole columns: each name has a row of numbers of its own, so that a new one moves no other."""

from zlib import crc32

import numpy as np
import polars as pl


def drawn(frame: pl.DataFrame, seed: int, *names: str) -> pl.DataFrame:
    """The frame with a column `u_<name>` for each name: numbers from 0 up to 1, the same for the same seed."""
    return frame.with_columns(
        pl.Series(
            f"u_{name}",
            np.random.Generator(np.random.PCG64([seed, crc32(name.encode())])).random(frame.height),
        )
        for name in names
    )


def happens(name: str, probability: float) -> pl.Expr:
    """Whether it happens to the row."""
    return pl.col(f"u_{name}") < probability


def between(name: str, least: int | pl.Expr, greatest: int | pl.Expr) -> pl.Expr:
    """A whole number of this span, both ends included."""
    return least + (pl.col(f"u_{name}") * (greatest - least + 1)).floor().cast(pl.Int64)


def one_of(name: str, *values: object) -> pl.Expr:
    """One of the values."""
    return pl.lit(pl.Series(values)).gather(between(name, 0, len(values) - 1))
