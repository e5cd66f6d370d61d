"""The persisted table's dialect: two ends of a connection instead of one extension (specification, section 1).

A row names the calling and the called extension. Whose fact it is depends on its kind, and for a held, resumed or
disconnected connection on the row that connected it.
"""

from __future__ import annotations

import polars as pl

from cx_pipeline.core.calls.facts import DIRECTIONS
from cx_pipeline.core.events.vocabulary import Kind

_IDENTITY = ["key", "listener", "name", "time", "extension", "terminal", "connection"]
_ENDS = ("calling", "called", "calling_terminal", "called_terminal", "direction", "previous", "connection")


def with_own_extension(rows: pl.DataFrame) -> pl.DataFrame:
    """Give each row of the persisted table the extension and terminal that it is about, and its kind.

    Args:
        rows: facts of the source `jtapi_table`, each identity once.

    Returns:
        The rows with `extension`, `terminal` and `kind` set, and two columns more: `far` (the other end) and
        `is_originated` (a connection that this party dialled).
    """
    missing = [pl.lit(0, pl.UInt32).alias(name) for name in _ENDS if name not in rows.columns]
    kind = pl.col("kind")
    named = kind.is_in([Kind.TALKING, Kind.HELD])
    rows = (
        rows.with_columns(missing)
        .with_columns(is_called=_is_about_the_called_end())
        .with_columns(pipe=_connection())
        .sort("key", "pipe", "time", "kind", "row")
        .with_columns(connected=pl.when(named).then(_own_or_rule()))
        .with_columns(
            connected=pl.coalesce(
                pl.col("connected").forward_fill().over("key", "pipe"),
                pl.col("connected").backward_fill().over("key", "pipe"),
            )
        )
    )
    ended = kind == Kind.DROPPED
    is_controller = kind.is_in([Kind.CONSULT, Kind.TRANSFER, Kind.CONFERENCE])
    about_called = (
        pl.when(is_controller)
        .then(False)
        .when(ended & pl.col("connected").is_null())
        .then(~pl.col("is_called"))
        .otherwise(pl.coalesce("connected", "is_called"))
    )
    rows = rows.with_columns(about_called=about_called).with_columns(
        kind=pl.when(ended & pl.col("connected").is_null())
        .then(Kind.DISCONNECTED.value)
        .otherwise(kind)
        .cast(pl.UInt8),
        extension=_end("calling", "called"),
        terminal=_end("calling_terminal", "called_terminal"),
        far=pl.when(is_controller | (kind == Kind.MERGED))
        .then(0)
        .otherwise(_end("called", "calling"))
        .cast(pl.UInt32),
        is_originated=(kind == Kind.TALKING)
        & (pl.col("direction") == DIRECTIONS["OUTBOUND"])
        & ~pl.col("about_called"),
    )
    nobody = pl.col("kind") == Kind.MERGED
    return rows.with_columns(
        pl.when(nobody).then(0).otherwise(pl.col(name)).cast(pl.UInt32).alias(name)
        for name in ("extension", "terminal")
    ).drop("is_called", "pipe", "connected", "about_called")


def _is_about_the_called_end() -> pl.Expr:
    """The rule for a connection: the called end is ours where the call came in or continues another call."""
    inward = pl.col("direction").is_in([DIRECTIONS["INBOUND"], DIRECTIONS["INTERNAL"]])
    return inward | (pl.col("previous") != 0)


def _connection() -> pl.Expr:
    """What the rows of one connection share: its id, else its two ends."""
    ends = pl.col("calling").cast(pl.UInt64) * (1 << 32) + pl.col("called")
    return pl.when(pl.col("connection") != 0).then(pl.col("connection").cast(pl.UInt64)).otherwise(ends)


def _own_or_rule() -> pl.Expr:
    """Which end a connected, resumed or held row says is the agent's.

    Rows of one connection agree with the row that connected it, which alone may bear the previous call: a row that
    continues nothing must not decide against it.
    """
    connected = pl.when(pl.col("kind") == Kind.TALKING).then("is_called")
    first = connected.first(ignore_nulls=True).over("key", "pipe")
    return pl.coalesce(first, "is_called")


def _end(calling: str, called: str) -> pl.Expr:
    return pl.when("about_called").then(pl.col(called)).otherwise(pl.col(calling)).cast(pl.UInt32)


def without_duplicates(rows: pl.DataFrame) -> pl.DataFrame:
    """Each identity once; of several the first that arrived."""
    rest = [name for name in rows.columns if name not in {*_IDENTITY, "received", "row"}]
    identity = [name for name in _IDENTITY if name in rows.columns]
    return rows.sort(*identity, "received", *rest, "row").unique(identity, keep="first", maintain_order=True)
