"""Which legs have to be looked at: a digest of all that a leg's messages are made of, for whole frames at once."""

import polars as pl

from cx_pipeline.core.calls.schema import COMPLETED
from cx_pipeline.core.enrichment.schema import COMPLETE, PARTIAL
from cx_pipeline.core.identity import name_of, uuid_of
from cx_pipeline.core.messages.building import DEFAULTS, MessageOptions

DIGEST_SCHEMA = pl.Schema({"leg_id": pl.String(), "call_id": pl.String(), "digest": pl.String()})
"""One row for each leg whose messages are due. Conversations and a site's options are no part of the digest: to
learn a conversation later, or to choose another shape, corrects nothing."""

SOURCE_COLUMNS = (
    "call_id",
    "cx_call_id",
    "agent_extension",
    "jtapi_id",
    "call_type",
    "direction",
    "start_reason",
    "end_reason",
    "service_identifier",
    "customer_identifier",
    "agent_id",
    "agent_name",
    "wrap_up",
)
"""Text columns that feed messages; with the times, durations, holds and the status below these are all."""

_ROWS_A_SLICE = 16_384


def digests(legs: pl.DataFrame, options: MessageOptions = DEFAULTS) -> pl.DataFrame:
    """The digests of the legs whose messages are due, in the order of the legs.

    Args:
        legs: ENRICHED_LEG_SCHEMA.
        options: `when` says which legs are due.

    Returns:
        DIGEST_SCHEMA.
    """
    due = legs.filter(_is_due(options))
    names = due.select(_name()).to_series()
    return due.select("leg_id", "call_id", digest=_hashed(names))


def legs_without_messages(legs: pl.DataFrame) -> list[str]:
    """Ids of legs that may have no messages (any more): not completed, or not reportable.

    A leg that merely waits for its record is not among them.
    """
    return legs.filter(~_has_messages())["leg_id"].to_list()


def _has_messages() -> pl.Expr:
    return ((pl.col("status") == COMPLETED) & pl.col("is_reportable")).fill_null(value=False)


def _is_due(options: MessageOptions) -> pl.Expr:
    if options.when == "ended":
        return _has_messages()
    return _has_messages() & pl.col("is_decided").fill_null(value=False)


def _name() -> pl.Expr:
    said = pl.when(pl.col("enrichment_status") == COMPLETE).then(pl.lit(COMPLETE)).otherwise(pl.lit(PARTIAL))
    return name_of(
        *(pl.col(name) for name in SOURCE_COLUMNS),
        pl.col("start_time").to_physical(),
        pl.col("end_time").to_physical(),
        pl.col("duration_ms"),
        pl.col("cisco_duration_ms"),
        said,
        _holds(),
    )


def _holds() -> pl.Expr:
    hold = pl.element().struct
    fields = (
        hold["start_time"].to_physical().cast(pl.String),
        hold["end_time"].to_physical().cast(pl.String),
        hold["duration_ms"].cast(pl.String),
    )
    text = pl.concat_str([field.fill_null("") for field in fields], separator="/")
    return pl.col("hold_segments").list.eval(text).list.join(",")


def _hashed(names: pl.Series) -> pl.Series:
    """The hash of each name, a slice of about equal lengths at a time: one leg of a hundred holds widens no other."""
    order = names.str.len_bytes().arg_sort()
    sorted_names = names.gather(order)
    slices = [
        uuid_of(sorted_names.slice(start, _ROWS_A_SLICE)) for start in range(0, len(names), _ROWS_A_SLICE)
    ]
    if not slices:
        return pl.Series("digest", [], pl.String())
    hashed = pl.DataFrame({"order": order, "digest": pl.concat(slices)})
    return hashed.sort("order")["digest"]
