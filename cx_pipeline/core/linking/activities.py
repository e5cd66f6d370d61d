"""Voice activities as the matching takes them: each leg of a conversation once, with all ids by which its call is named."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from cx_pipeline.core.linking.leg_text import call_of_text, extension_of_text
from cx_pipeline.core.linking.targets import texts_as_ids
from cx_pipeline.core.linking.ties import ITEM_SCHEMA


def numbered_activities(activities: pl.DataFrame) -> pl.DataFrame:
    """The activities with what `ITEM_SCHEMA` has, and `known`: how much of one is known.

    A list may tell of a leg's begin and of its end apart. What bears the same leg id, or else the same leg text, or else
    is of the same call, extension and start, within one conversation, is one; the fullest of them stands for it.

    Args:
        activities: CCM_VOICE_ACTIVITY_SCHEMA.
    """
    told = ("leg_id", "call_id", "agent_extension", "start_time", "end_time", "channel_session_id")
    read = activities.with_columns(
        agent_extension=pl.coalesce(_said("agent_extension"), _of_texts(extension_of_text)),
        known=pl.sum_horizontal(pl.col(name).is_not_null() for name in told),
    )
    single = (
        read.with_columns(same=_same())
        .sort("known", "activity_id", descending=[True, False])
        .unique(["same", "conversation_id"], keep="first", maintain_order=True)
        .sort("activity_id")
        .with_row_index("n")
    )
    items = {
        "ids": texts_as_ids(_said("call_id"), _of_texts(call_of_text)),
        "tenant_id": pl.lit(None, pl.String),
        "extension": pl.col("agent_extension"),
        "start": pl.col("start_time").dt.epoch("us"),
        "end": pl.col("end_time").dt.epoch("us"),
    }
    return single.with_columns(
        expression.cast(ITEM_SCHEMA[name]).alias(name) for name, expression in items.items()
    )


def _same() -> pl.Expr:
    """By what activities of one leg are known to be the same."""
    fallback = pl.concat_str(
        pl.col("call_id"), pl.col("agent_extension"), pl.col("start_time").cast(pl.String), separator="\x1f"
    )
    return pl.coalesce("leg_id", "leg", fallback, "activity_id")


def _of_texts(part: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
    """A part of the leg's text, or of a leg id that is such a text."""
    return pl.coalesce(part(pl.col("leg")), part(pl.col("leg_id")))


def _said(name: str) -> pl.Expr:
    return pl.when(pl.col(name).str.strip_chars() != "").then(name)
