"""What the event store needs to know of an event before it is stored: its call keys, source and tenant."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from cx_pipeline.core.directory import Directory
from cx_pipeline.core.events.call_keys import call_key
from cx_pipeline.core.events.schema import EVENT_SCHEMA, with_event_columns
from cx_pipeline.core.events.tenancy import with_tenants
from cx_pipeline.core.events.vocabulary import JTAPI_NAMES_BY_CODE, source_of

NO_CALL_ID = "NO_CALL_ID"
NO_EVENT_TIME = "NO_EVENT_TIME"
NO_EVENT_NAME = "NO_EVENT_NAME"

NO_LISTENER = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Events that can be stored, and those that cannot, each with its `reason`."""

    usable: pl.DataFrame
    rejected: pl.DataFrame


def prepare(events: pl.DataFrame, directory: Directory) -> Prepared:
    """Split events into those that can be stored and those that cannot.

    Args:
        events: columns of `EVENT_SCHEMA`; a missing one reads as null, an unknown one is dropped, except
            `row_number`, a passenger that both outputs keep.
        directory: for the tenant of an event that came without one.

    Returns:
        `usable` with `EVENT_SCHEMA` and `call_key`, `previous_call_key`; tenant, source, listener, name and time of
        arrival are filled. `rejected` with the input's columns and `reason`.
    """
    passengers = ["row_number"] if "row_number" in events.columns else []
    given = with_event_columns(events.lazy()).select(*EVENT_SCHEMA, *passengers)
    keyed = given.with_columns(
        call_key=_call_key_once("global_call_id"), previous_call_key=_call_key_once("previous_global_call_id")
    )
    judged = keyed.with_columns(reason=rejection(pl.col("call_key"))).collect()
    rejected = judged.filter(pl.col("reason").is_not_null()).drop("call_key", "previous_call_key")
    usable = (
        judged.lazy()
        .filter(pl.col("reason").is_null())
        .with_columns(
            event_name=event_name(),
            listener_id=pl.col("listener_id").fill_null(NO_LISTENER),
            received_at=pl.coalesce("received_at", "event_time"),
        )
        .with_columns(source=source())
        .drop("reason")
        .collect()
    )
    ordered = ["call_key", "previous_call_key", *EVENT_SCHEMA, *passengers]
    return Prepared(with_tenants(usable, directory).select(ordered), rejected)


def _call_key_once(column: str) -> pl.Expr:
    """The call keys of a column, each different id looked at once: a call has a dozen events."""

    def _keys(ids: pl.Series) -> pl.Series:
        different = ids.unique().drop_nulls()
        keys = different.to_frame("id").select(call_key(pl.col("id"))).to_series()
        return ids.replace_strict(different, keys, default=None, return_dtype=pl.String)

    return pl.col(column).map_batches(_keys, return_dtype=pl.String)


def rejection(key: pl.Expr) -> pl.Expr:
    """The reason why an event cannot be used, null where it can; `key` is its call key."""
    return (
        pl.when(key.is_null())
        .then(pl.lit(NO_CALL_ID))
        .when(pl.col("event_time").is_null())
        .then(pl.lit(NO_EVENT_TIME))
        .when(event_name().is_null())
        .then(pl.lit(NO_EVENT_NAME))
    )


def event_name() -> pl.Expr:
    """The name as the source wrote it, else the name of its number, else `#number`."""
    given = pl.col("event_name").str.strip_chars().replace("", None)
    code = pl.col("event_code")
    known = code.replace_strict(JTAPI_NAMES_BY_CODE, default=None, return_dtype=pl.String)
    unknown = pl.when(code.is_not_null()).then(pl.concat_str(pl.lit("#"), code.cast(pl.String)))
    return pl.coalesce(given, known, unknown)


def source() -> pl.Expr:
    """The source as reported, else the one whose vocabulary has the event's name."""
    given = pl.col("source").str.strip_chars().replace("", None)
    return pl.coalesce(given, map_few(pl.col("event_name"), source_of, pl.String()))


def map_few(column: pl.Expr, function: Callable[[str], object], dtype: pl.DataType) -> pl.Expr:
    """Apply `function` once to each of the few different texts of a column, not to each row."""

    def _mapped(texts: pl.Series) -> pl.Series:
        different = texts.unique().drop_nulls()
        values = [function(text) for text in different]
        return texts.replace_strict(
            different, pl.Series(values, dtype=dtype), default=None, return_dtype=dtype
        )

    return column.map_batches(_mapped, return_dtype=dtype)
