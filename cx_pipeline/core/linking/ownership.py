"""Which window a link belongs to. The list of a window's activities goes beyond it, and each activity is linked once."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from cx_pipeline.core.linking.leg_text import call_of_text
from cx_pipeline.core.windows import Window

AROUND = timedelta(minutes=10)
"""So far beyond the window activities and legs are looked at: clocks differ, and rivals may lie on the other side."""


def activities_near(activities: pl.DataFrame, legs: pl.DataFrame, window: Window) -> pl.DataFrame:
    """The activities that may be the window's: those that ended about then, that go on, or that name one of its legs or calls.

    Args:
        activities: CCM_VOICE_ACTIVITY_SCHEMA.
        legs: ENRICHED_LEG_SCHEMA, the window's.
        window: the window.
    """
    ended_near = pl.col("end_time").is_between(window.start - AROUND, window.end + AROUND)
    calls = pl.concat([legs["call_id"], legs["cx_call_id"]]).drop_nulls().unique()
    names = pl.concat([legs["leg_id"], legs["leg_key"]]).drop_nulls().unique()
    is_named = pl.any_horizontal(
        pl.col("leg_id").is_in(names.implode()),
        pl.col("leg").is_in(names.implode()),
        pl.col("call_id").is_in(calls.implode()),
        call_of_text(pl.col("leg")).is_in(calls.implode()),
    )
    is_near = ended_near.fill_null(value=True) | is_named.fill_null(value=False)
    return activities.filter(is_near)


def owned(links: pl.DataFrame, leg_windows: pl.DataFrame, window: Window) -> pl.DataFrame:
    """The links that are this window's: where the leg is known its window's, else that in which the activity ended.

    An activity that goes on and has no leg belongs to the window in which it began.

    Args:
        links: RECORDING_LINK_SCHEMA.
        leg_windows: `leg_id`, `window_start` of the legs that may be in them.
        window: the window.
    """
    beside = links.join(leg_windows.unique("leg_id"), on="leg_id", how="left", maintain_order="left")
    moment = pl.coalesce("end_time", "start_time")
    by_time = moment.is_between(window.start, window.end, closed="left").fill_null(value=True)
    is_owned = pl.coalesce(pl.col("window_start") == window.start, by_time)
    return beside.filter(is_owned).drop("window_start")


def legs_without_link(legs: pl.DataFrame, known: pl.DataFrame, activities: pl.DataFrame) -> pl.DataFrame:
    """The legs of calls in which a link is wanted and missing; whole calls, in the order of the legs.

    Wanted is one for each leg that was answered and ended, in a call that some activity names by a leg or a call id. Where
    some activity names none of our calls, by whatever id, it may be of any leg.

    Args:
        legs: ENRICHED_LEG_SCHEMA.
        known: LINK_CANDIDATE_SCHEMA: what is linked already.
        activities: CCM_VOICE_ACTIVITY_SCHEMA.
    """
    missing = legs.filter(pl.col("is_answered") & pl.col("end_time").is_not_null()).join(
        known.drop_nulls("leg_id"), on="leg_id", how="anti"
    )
    named = _named_calls(legs, activities)
    if named is not None:
        missing = missing.filter(pl.col("call_id").is_in(named.implode()))
    return legs.join(missing, on="call_id", how="semi", maintain_order="left")


def _named_calls(legs: pl.DataFrame, activities: pl.DataFrame) -> pl.Series | None:
    """The calls that the activities name; None where one names none that is known."""
    by_name = pl.concat(
        legs.select("call_id", name=name) for name in ("leg_id", "leg_key", "cx_call_id", "call_id")
    ).drop_nulls()
    told = activities.select(
        "activity_id", name=pl.concat_list("leg_id", "call_id", call_of_text(pl.col("leg")))
    )
    found = told.explode("name").join(by_name.unique(), on="name", how="inner")
    is_all = found["activity_id"].n_unique() == activities["activity_id"].n_unique()
    return found["call_id"].unique() if is_all else None
