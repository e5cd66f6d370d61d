"""Screen recordings: what the names of their files tell, whose legs they are, and what of them can be played.

Guide 17.12.5: `<dialogId>_<agentExtension>_<timestamp>.mp4`. Names are read from the right: a dialog's id may hold
underscores. The time is epoch seconds or milliseconds, by the clock of the agent's workstation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from cx_pipeline.core.events.schema import UTC_MICROSECONDS
from cx_pipeline.core.linking.candidates import playable_key
from cx_pipeline.core.linking.schema import LINK_CANDIDATE_SCHEMA, SCREEN
from cx_pipeline.core.linking.targets import leg_items, texts_as_ids
from cx_pipeline.core.linking.ties import (
    ITEM_SCHEMA,
    LOOSE,
    clock_offset,
    margin_of,
    no_pairs,
    on_the_other_clock,
    ties,
)
from cx_pipeline.core.recording.manifest_values import moment_of

SCREEN_SCHEMA = pl.Schema(
    {
        "screen_id": pl.String(),
        "dialog_id": pl.String(),
        "agent_extension": pl.String(),
        "start_time": UTC_MICROSECONDS,
        "path": pl.String(),
        "size_bytes": pl.Int64(),
        "modified_at": UTC_MICROSECONDS,
        "tenant_id": pl.String(),
        "leg_id": pl.String(),
    }
)
"""One row for each file. `path` is below the folder of screen recordings; the last two are null until its leg is known."""

UNDER_WAY = (".part", ".tmp", ".filepart", ".partial")
"""Ends of names that uploads have while they run."""

_NAME = re.compile(r"(?P<dialog>.+)_(?P<extension>[^_]+)_(?P<epoch>[0-9]{9,13})\.mp4", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class ScreenName:
    """What a file's name tells."""

    dialog_id: str
    agent_extension: str
    start_time: datetime


def screen_name(name: str) -> ScreenName | None:
    """The facts of a name; None where it has not that form."""
    found = _NAME.fullmatch(name)
    start = moment_of(found["epoch"]) if found else None
    if found is None or start is None or not name.isprintable():
        return None
    return ScreenName(found["dialog"], found["extension"], start)


def legs_of_screens(screens: pl.DataFrame, legs: pl.DataFrame, tolerance: int) -> pl.DataFrame:
    """Whose a screen recording surely is: `screen_id`, `leg_id`, `tenant_id`, of those of which it can be told.

    Args:
        screens: SCREEN_SCHEMA.
        legs: ENRICHED_LEG_SCHEMA.
        tolerance: how far the starts may lie apart (microseconds).
    """
    of_screens = screens.with_row_index("n")
    left, right = _items(of_screens), leg_items(legs)
    offset = clock_offset(left, right, no_pairs())
    found = ties(on_the_other_clock(left, offset), right, tolerance, margin_of(offset, tolerance))
    sure = found.filter(pl.col("refusal").is_null() & (pl.col("rank") <= LOOSE))
    return (
        sure.join(of_screens.select("screen_id", left="n"), on="left")
        .join(legs.with_row_index("right").select("right", "leg_id", "tenant_id"), on="right")
        .select("screen_id", "leg_id", "tenant_id")
        .sort("screen_id")
    )


def screen_candidates(screens: pl.DataFrame, legs: pl.DataFrame) -> pl.DataFrame:
    """What can be seen, LINK_CANDIDATE_SCHEMA. How long one is nobody tells.

    Args:
        screens: SCREEN_SCHEMA.
        legs: ENRICHED_LEG_SCHEMA.
    """
    key = playable_key(
        *(pl.col(name) for name in ("leg_key", "call_id", "agent_extension", "start_time", "other_party"))
    )
    known = legs.select("leg_id", own_key=key, cx_call_id=pl.coalesce("cx_call_id", "call_id"))
    epoch_ms = pl.col("start_time").dt.epoch("ms").cast(pl.String)
    of_dialog = pl.concat_str(["dialog_id", "agent_extension", pl.lit(""), epoch_ms], separator=":")
    rows = screens.join(known, on="leg_id", how="left").with_columns(
        candidate_id=pl.col("screen_id"),
        kind=pl.lit(SCREEN),
        backend=pl.lit("screen"),
        recording_id=pl.lit(None),
        # A leg that is not known here any more is found anew.
        leg_id=pl.when(pl.col("own_key").is_not_null()).then("leg_id"),
        leg_key=pl.coalesce("own_key", of_dialog),
        call_key=pl.lit(None),
        end_time=pl.lit(None),
        duration_ms=pl.lit(None),
        version=pl.concat_str("size_bytes", pl.col("modified_at").dt.epoch("us"), separator="@"),
    )
    return rows.select(pl.col(name).cast(dtype) for name, dtype in LINK_CANDIDATE_SCHEMA.items())


def _items(screens: pl.DataFrame) -> pl.DataFrame:
    rows = screens.with_columns(
        ids=texts_as_ids(pl.col("dialog_id")),
        extension=pl.col("agent_extension"),
        start=pl.col("start_time").dt.epoch("us"),
        end=pl.lit(None),
    )
    return rows.select(pl.col(name).cast(dtype) for name, dtype in ITEM_SCHEMA.items())
