"""The columns of events, read one at a time (specification of correlation, section 1)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from cx_pipeline.core.errors import SchemaError
from cx_pipeline.core.events import intake, vocabulary
from cx_pipeline.core.events.encoding import TextColumn
from cx_pipeline.core.events.schema import EVENT_SCHEMA, UTC_MICROSECONDS

TEXTS = {
    "tenant": "tenant_id",
    "source": "source",
    "listener": "listener_id",
    "name": "event_name",
    "call": "global_call_id",
    "previous": "previous_global_call_id",
    "link": "link_id",
    "connection": "connection_id",
    "jtapi": "jtapi_id",
    "extension": "extension",
    "calling": "calling_extension",
    "called": "called_extension",
    "terminal": "terminal",
    "calling_terminal": "calling_terminal",
    "called_terminal": "called_terminal",
    "direction": "direction",
    "cause": "cause",
    "reason": "feature_reason",
}
"""Short name of each text column; columns of one family share their texts."""

FAMILIES = {
    "previous": "call",
    "calling": "extension",
    "called": "extension",
    "calling_terminal": "terminal",
    "called_terminal": "terminal",
}


class EventReader:
    """Reads the events a column at a time: all at once would hold every text of a day in memory."""

    def __init__(self, events: pl.LazyFrame) -> None:
        self._events = events
        self._present = set(events.collect_schema().names())

    def read(self, expression: pl.Expr) -> pl.Series:
        """One column."""
        return self._events.select(expression.alias("read")).collect().to_series()

    def times(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Time of the event and of its arrival, microseconds; `NO_TIME` where there is none."""
        time = self.read(_microseconds("event_time") if "event_time" in self._present else pl.lit(NO_TIME))
        return time.to_numpy(), self.read(_received(self._present)).to_numpy()

    def texts(self, family: str) -> tuple[TextColumn, dict[str, pl.Series]]:
        """The columns of one family that have any text, as numbers of first sight."""
        column, read = TextColumn(), {}
        for short in (family, *(short for short, of in FAMILIES.items() if of == family)):
            if TEXTS[short] in self._present:
                sights = self.read(column.encoded(pl.col(TEXTS[short]).cast(pl.String)))
                if sights.null_count() < len(sights):
                    read[short] = sights
        column.has_read(read.values())
        return column, read

    def names(self) -> tuple[TextColumn, pl.Series | None]:
        """The names of the events; where one came without, the name of its number."""
        column, read = self.texts("name")
        sights = read.get("name")
        if "event_code" in self._present and (sights is None or sights.null_count()):
            column = TextColumn()
            name = intake.event_name() if "event_name" in self._present else _code_name()
            sights = self.read(column.encoded(name))
            column.has_read([sights])
        return column, sights


_TEXT_TYPES = (pl.String, pl.Categorical, pl.Enum)


def checked(events: pl.LazyFrame) -> pl.LazyFrame:
    """The event columns of `events`, those without any type as what they should be.

    Raises:
        SchemaError: a column has another type than `EVENT_SCHEMA` says.
    """
    schema = events.collect_schema()
    for name, dtype in EVENT_SCHEMA.items():
        given = schema.get(name)
        if given is None or given == pl.Null:
            continue
        if isinstance(dtype, pl.Datetime):
            if not (isinstance(given, pl.Datetime) and given.time_zone):
                raise SchemaError(f"column {name} must be a time with a zone, it is {given}")
        elif isinstance(dtype, pl.String) and not (given.is_integer() or isinstance(given, _TEXT_TYPES)):
            raise SchemaError(f"column {name} must be text, it is {given}")
    return events.select([pl.col(name).cast(dtype) if schema[name] == pl.Null else name
                          for name, dtype in EVENT_SCHEMA.items() if name in schema])  # fmt: skip


def _code_name() -> pl.Expr:
    code = pl.col("event_code")
    known = code.replace_strict(vocabulary.JTAPI_NAMES_BY_CODE, default=None, return_dtype=pl.String)
    return pl.coalesce(known, pl.concat_str(pl.lit("#"), code.cast(pl.String)))


NO_TIME = np.iinfo(np.int64).min


def _microseconds(column: str) -> pl.Expr:
    return pl.col(column).cast(UTC_MICROSECONDS).to_physical().fill_null(NO_TIME)


def _received(present: set[str]) -> pl.Expr:
    if "received_at" not in present:
        return _microseconds("event_time")
    return pl.coalesce(
        pl.col("received_at").cast(UTC_MICROSECONDS).to_physical(), _microseconds("event_time")
    )
