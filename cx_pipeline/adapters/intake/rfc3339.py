"""Times as text: RFC 3339 with a zone, for whole columns.

Also taken, because they are as clear and databases write them: a space in place of the `T`, and an offset without
colon or minutes (`+0100`, `+01`). A time without zone, or a number, is never guessed. Digits finer than
microseconds are cut off.
"""

import polars as pl

_CANONICAL = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$"
_ZONED = r"^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(\.\d{1,9})?\d* ?([+-]\d{2}):?(\d{2})?$"
_WITHOUT_ZONE = r"^\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)?$"
_NUMBER = r"^[+-]?\d+(?:[.,]\d*)?(?:[eE][+-]?\d+)?$"


def parse_times(text: pl.Series) -> pl.Series:
    """The moments that `text` says, as UTC microseconds; null where it says none (`time_fault` tells why)."""
    text = text.str.strip_chars()
    if not text.str.contains(_CANONICAL).all():
        text = _canonical(text)
    return text.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)


def time_fault(name: str) -> pl.Expr:
    """Why the text column `name` says no time, where `parse_times` gave null."""
    text = pl.col(name).str.strip_chars()
    return (
        pl.when(text.str.contains(_WITHOUT_ZONE))
        .then(pl.lit(f"TIME_WITHOUT_ZONE: {name}"))
        .when(text.str.contains(_NUMBER))
        .then(pl.lit(f"WRONG_TYPE: {name} is a number"))
        .otherwise(pl.lit(f"WRONG_TIME: {name} is no RFC 3339 time"))
    )


def _canonical(text: pl.Series) -> pl.Series:
    """`text` in the one form that is parsed; null where it is in none that is understood."""
    zoned = text.str.replace(r" ?[Zz]$", "+00:00").str.replace(_ZONED, "${1}T${2}${3}${4}:${5}")
    whole = zoned.str.replace(r":$", ":00")
    is_understood = pl.col(text.name).str.contains(_CANONICAL)
    return whole.to_frame().select(pl.when(is_understood).then(text.name)).to_series().rename(text.name)
