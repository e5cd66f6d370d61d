"""Which calls belong to a window, and which facts a window needs (specification of correlation, section 6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cx_pipeline.core.calls.correlate import Correlation
from cx_pipeline.core.calls.schema import IN_PROGRESS
from cx_pipeline.core.events.call_keys import call_key
from cx_pipeline.core.events.schema import with_event_columns
from cx_pipeline.core.windows import Window


def belonging_to(correlation: Correlation, window: Window, *, is_open: bool) -> Correlation:
    """Keep the calls that ended in `window`, with their legs; for the open one also those that have not ended.

    The counts and the quarantine stay those of all that was read.
    """
    ended = pl.col("end_time").is_between(window.start, window.end, closed="left")
    belongs = ended | (pl.col("status") == IN_PROGRESS) if is_open else ended
    calls = correlation.calls.filter(belongs.fill_null(value=False))
    legs = correlation.legs.join(calls.select("call_id"), on="call_id", how="semi", maintain_order="left")
    return replace(correlation, calls=calls, legs=legs)


def unfinished_call_keys(correlation: Correlation) -> pl.DataFrame:
    """The keys of the calls that have not ended: `tenant_id`, `call_key`."""
    unfinished = correlation.calls.filter(pl.col("status") == IN_PROGRESS)
    return (
        unfinished.select("tenant_id", call_key="call_keys")
        .explode("call_key")
        .unique()
        .sort("tenant_id", "call_key")
    )


def facts_for(
    events: pl.DataFrame, window: Window, *, is_open: bool, max_silence: timedelta, as_of: datetime
) -> pl.DataFrame:
    """The events that a window needs: every event of every call that has one in it, earlier and later ones too.

    What the event store reads is held against this. The choice is by closure over call keys (an event's own, the one
    that it refers to, those that refer to it) and links, each as far as it goes without a silence of more than
    `max_silence`. It is never too little, and may be more: which lives of a key make one call is not looked at here.

    Args:
        events: columns of `EVENT_SCHEMA`, others are kept; in any order.
        window: the window.
        is_open: calls that may not have ended at `as_of` are wanted as well.
        max_silence: of the correlation's rules.
        as_of: the moment from which silence is judged.

    Returns:
        Rows of `events`, in their order.
    """
    numbered = with_event_columns(events.lazy()).with_row_index("__event")
    moments = _moments(numbered)
    touched = pl.col("moment").is_between(window.start, window.end, closed="left")
    if is_open:
        touched = touched | (pl.col("moment") >= as_of - max_silence)
    seeds = moments.filter(touched)["__event"].unique().to_numpy()
    component = _components(moments, len(events), max_silence)
    wanted = np.isin(component, component[seeds])
    return events.filter(pl.Series(wanted, dtype=pl.Boolean))


def _moments(numbered: pl.LazyFrame) -> pl.DataFrame:
    """When each event may count, and for which keys and links: `__event`, `moment`, `name`.

    An event that lies ahead of its arrival may be moved there: it counts for both times.
    """
    previous, link = call_key(pl.col("previous_global_call_id")), pl.col("link_id")
    names = [
        pl.concat_str(pl.lit("key "), call_key(pl.col("global_call_id"))),
        pl.concat_str(pl.lit("key "), previous),
        pl.concat_str(pl.lit("link "), link),
    ]
    arrival = pl.when(pl.col("received_at") < pl.col("event_time")).then("received_at")
    each = [
        numbered.select("__event", moment=moment, name=name).drop_nulls("moment")
        for moment in (pl.col("event_time"), arrival)
        for name in names
    ]
    return pl.concat(each).collect()


def _components(moments: pl.DataFrame, size: int, max_silence: timedelta) -> np.ndarray:
    """For each event the number of what it is connected with, by keys and links that did not fall silent between."""
    named = moments.drop_nulls("name").sort("name", "moment")
    apart = (pl.col("name") != pl.col("name").shift()) | (pl.col("moment").diff() > max_silence)
    chain = named.select(apart.fill_null(value=True).cum_sum())["name"].to_numpy().astype(np.int64)
    event = named["__event"].to_numpy().astype(np.int64)
    total = size + int(chain.max(initial=0)) + 1
    edges = coo_array((np.ones(len(event), dtype=np.int8), (event, size + chain)), shape=(total, total))
    return np.asarray(connected_components(edges, directed=False)[1][:size])
