"""The one use case: link a window's voice activities to what can be played, and tell their conversations."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from sqlalchemy import Engine

from cx_pipeline.adapters.database.linkable_legs import LinkableLegs
from cx_pipeline.adapters.database.recording_links import RecordingLinks
from cx_pipeline.adapters.database.screen_recordings import ScreenRecordings
from cx_pipeline.adapters.linking.addresses import address_maker
from cx_pipeline.adapters.linking.candidates import efswitch_candidates, eleveo_candidates_of
from cx_pipeline.adapters.linking.screens import scan_screens
from cx_pipeline.core.linking.matching import match_links
from cx_pipeline.core.linking.messages import link_messages
from cx_pipeline.core.linking.ownership import AROUND, activities_near, owned
from cx_pipeline.core.linking.schema import LINKED, SCREEN, VOICE
from cx_pipeline.core.linking.screens import legs_of_screens, screen_candidates
from cx_pipeline.core.linking.targets import LEG_COLUMNS
from cx_pipeline.core.linking.verdicts import expected_links
from cx_pipeline.core.messages.outbox_row import OutboxRow
from cx_pipeline.core.windows import Window
from cx_pipeline.settings import Settings

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LinkReport:
    """What linking a window gave."""

    links: pl.DataFrame
    """RECORDING_LINK_SCHEMA: the links that are the window's."""
    pushed: int
    """Messages that are new in the outbox."""
    figures: dict[str, int] = field(default_factory=dict)
    """`expected`: legs with a recording that some activity names (`expected_links`); `activities`, `candidates`, the states,
    `rows_written`, `rows_deleted`, and those of the scan of screens."""


def link_window(
    settings: Settings,
    engine: Engine,
    window: Window,
    activities: pl.DataFrame,
    legs: pl.DataFrame,
    recordings: pl.DataFrame,
    now: datetime,
) -> LinkReport:
    """Link a window. A second run with the same facts writes and pushes nothing.

    Args:
        settings: backend, tolerance, mode and key of links, folder of screens.
        engine: of the application's database.
        window: the window.
        activities: CCM_VOICE_ACTIVITY_SCHEMA, of the window's list; it goes beyond the window.
        legs: ENRICHED_LEG_SCHEMA, of the window.
        recordings: MIXED_RECORDING_SCHEMA, of the window.
        now: signed links are good from now on.

    Raises:
        DatabaseUnavailableError, DestinationUnavailableError, StorageUnavailableError: who knows does not answer.
        ConfigurationError, InputError: Eleveo refuses us, or answers what cannot be read.
    """
    near = activities_near(activities, legs, window)
    if near.is_empty():
        return _nothing_listed(engine, window)
    known = _known_legs(engine, window, near, legs)
    tolerance = timedelta(seconds=settings.link_tolerance_s)
    voice = _voice_candidates(settings, engine, window, near, legs, recordings)
    kinds, figures = [(VOICE, voice)], Counter[str]()
    if settings.screen_root is not None:
        tolerance_us = tolerance // timedelta(microseconds=1)
        screens, scanned = _screens(settings.screen_root, engine, window, known, (now, tolerance_us))
        kinds.append((SCREEN, screens))
        figures.update(scanned)
    found = pl.concat(match_links(near, each, known, kind, tolerance) for kind, each in kinds)
    candidates = pl.concat(each for _, each in kinds)
    links = owned(found, known.select("leg_id", "window_start"), window)
    address_of = address_maker(settings, now)

    def missing(untold: pl.DataFrame, newest: Sequence[OutboxRow]) -> list[OutboxRow]:
        options = settings.message_options
        return link_messages(untold, candidates, newest, known, address_of, options)

    counts, told = RecordingLinks(engine).write(window, links, missing)
    figures.update(_figures(told, near, voice, legs))
    figures.update(rows_written=counts.written, rows_deleted=counts.deleted)
    return LinkReport(told, counts.pushed, dict(figures))


def _nothing_listed(engine: Engine, window: Window) -> LinkReport:
    """What there is where the conversation manager lists nothing, as where none is set: what was linked before stays.

    A manager may forget activities sooner than anybody asks what was linked to them.
    """
    links = RecordingLinks(engine).of_window(window)
    return LinkReport(links, 0, {"activities": 0, "links_kept": links.height})


def _known_legs(engine: Engine, window: Window, activities: pl.DataFrame, legs: pl.DataFrame) -> pl.DataFrame:
    """All legs that the activities may be of, LINKABLE_LEG_SCHEMA; the window's own as they were computed."""
    strangers = activities.join(legs, on="leg_id", how="anti")
    leg_ids = [text for text in strangers["leg_id"].drop_nulls().unique() if _UUID.fullmatch(text)]
    call_ids = strangers["call_id"].drop_nulls().unique().to_list()
    stored = LinkableLegs(engine).around(window, leg_ids, call_ids)
    own = legs.select(LEG_COLUMNS).join(stored.select("leg_id", "window_start"), on="leg_id", how="left")
    here = pl.lit(window.start).cast(stored.schema["window_start"])
    own = own.with_columns(window_start=pl.coalesce("window_start", here))
    return pl.concat([own, stored.join(own, on="leg_id", how="anti")])


def _voice_candidates(
    settings: Settings,
    engine: Engine,
    window: Window,
    activities: pl.DataFrame,
    legs: pl.DataFrame,
    recordings: pl.DataFrame,
) -> pl.DataFrame:
    if settings.recording_backend == "eleveo":
        return eleveo_candidates_of(settings, engine, window, activities, legs)
    return efswitch_candidates(engine, recordings, legs)


def _screens(
    root: Path, engine: Engine, window: Window, legs: pl.DataFrame, judging: tuple[datetime, int]
) -> tuple[pl.DataFrame, Counter[str]]:
    """What can be seen of the legs; whose each file is noted where it can be told.

    `judging`: now, and how far starts may lie apart (microseconds).
    """
    now, tolerance = judging
    first = legs.filter(pl.col("window_start") == window.start)["start_time"].min()
    since = (min(first, window.start) if isinstance(first, datetime) else window.start) - AROUND
    until = window.end + AROUND
    figures = scan_screens(root, engine, since, until, now)
    table = ScreenRecordings(engine)
    screens = table.between(since, until)
    owners = legs_of_screens(screens, legs, tolerance)
    table.own(owners)
    ours = screens.drop("leg_id", "tenant_id").join(owners, on="screen_id", how="left")
    return screen_candidates(ours.select(screens.columns), legs), figures


def _figures(
    links: pl.DataFrame, activities: pl.DataFrame, candidates: pl.DataFrame, legs: pl.DataFrame
) -> dict[str, int]:
    states = {state.lower(): count for state, count in links.group_by("state").len().sort("state").rows()}
    untold = links.filter((pl.col("state") == LINKED) & pl.col("message_id").is_null()).height
    return {
        "expected": expected_links(activities, candidates, legs),
        "activities": activities.height,
        "candidates": candidates.height,
        "untold": untold,
        **states,
    }
