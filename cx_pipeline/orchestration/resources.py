"""What assets and sensors reach for: the database and the frames, opened when first used, never at import.

Plain objects, handed over by `dg.ResourceParam`: they have no configuration of their own beside the settings.
"""

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from cx_pipeline.settings import load_settings

if TYPE_CHECKING:  # the bodies import what they need: a code location should not load drivers to draw a graph
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime
    from pathlib import Path

    import polars as pl
    from pydantic import SecretStr
    from sqlalchemy import Engine

    from cx_pipeline.adapters.ccm.delivery import DeliveryReport
    from cx_pipeline.adapters.cisco.window_records import RecordSource, WindowRecords
    from cx_pipeline.adapters.database.conversations import Conversations
    from cx_pipeline.adapters.database.enriched_legs import EnrichedLegs
    from cx_pipeline.adapters.database.event_store import EventStore
    from cx_pipeline.adapters.database.heartbeats import Heartbeats
    from cx_pipeline.adapters.database.leg_store import LegStore
    from cx_pipeline.adapters.database.manifest_arrivals import ManifestArrivals
    from cx_pipeline.adapters.database.outbox import Outbox
    from cx_pipeline.adapters.database.outbox_reading import OutboxReading
    from cx_pipeline.adapters.database.recordings import Recordings
    from cx_pipeline.adapters.freeswitch.window_manifests import WindowManifests
    from cx_pipeline.adapters.linking.window_links import LinkReport
    from cx_pipeline.adapters.mixing.raw_streams import Deletion
    from cx_pipeline.adapters.mixing.window_mixing import MixingReport
    from cx_pipeline.adapters.recording_rules.loading import LoadedRules
    from cx_pipeline.adapters.storage.frame_store import FrameStore
    from cx_pipeline.core.directory import Directory
    from cx_pipeline.core.recording.wanted import WantedRecording
    from cx_pipeline.core.windows import Window


class Database:
    """The application's database: of the settings, unless a test names another."""

    def events(self) -> "EventStore":
        """The call events."""
        from cx_pipeline.adapters.database.event_store import EventStore

        return EventStore(self.engine())

    def legs(self) -> "LegStore":
        """Calls and legs."""
        from cx_pipeline.adapters.database.leg_store import LegStore

        return LegStore(self.engine())

    def enriched_legs(self) -> "EnrichedLegs":
        """Legs with their Cisco details."""
        from cx_pipeline.adapters.database.enriched_legs import EnrichedLegs

        return EnrichedLegs(self.engine())

    def heartbeats(self) -> "Heartbeats":
        """The listeners' signs of life."""
        from cx_pipeline.adapters.database.heartbeats import Heartbeats

        return Heartbeats(self.engine())

    def conversations(self) -> "Conversations":
        """Which conversation a call belongs to."""
        from cx_pipeline.adapters.database.conversations import Conversations

        return Conversations(self.engine())

    def outbox(self) -> "Outbox":
        """Messages, written."""
        from cx_pipeline.adapters.database.outbox import Outbox

        return Outbox(self.engine())

    def outbox_reading(self) -> "OutboxReading":
        """Messages, read."""
        from cx_pipeline.adapters.database.outbox_reading import OutboxReading

        return OutboxReading(self.engine())

    def recordings(self) -> "Recordings":
        """The recordings' states."""
        from cx_pipeline.adapters.database.recordings import Recordings

        return Recordings(self.engine())

    def manifest_arrivals(self) -> "ManifestArrivals":
        """What recorders told of lately, and what is due."""
        from cx_pipeline.adapters.database.manifest_arrivals import ManifestArrivals

        return ManifestArrivals(self.engine())

    def windows_told_late(self, since: "datetime") -> "dict[datetime, datetime]":
        """Windows that are to be linked again, and what for."""
        from cx_pipeline.adapters.database.unlinked import windows_told_late

        return windows_told_late(self.engine(), since)

    def recording_rules(self) -> "LoadedRules":
        """The recording rules in force."""
        from cx_pipeline.adapters.recording_rules.loading import load_rules

        return load_rules(load_settings(), self.engine())

    def directory(self) -> "Directory":
        """Who and what the numbers are."""
        from cx_pipeline.adapters.directory.loading import load_directory

        return load_directory(load_settings(), self.engine())

    def engine(self) -> "Engine":
        """One engine, with its pool, for each process."""
        settings = load_settings()
        return _engine(settings.home, settings.database_url)


class Frames:
    """The frames below the storage root of the settings."""

    def store(self) -> "FrameStore":
        """The frames."""
        from cx_pipeline.adapters.storage.frame_store import FrameStore

        return FrameStore(load_settings().frames_root)


class Cisco:
    """Cisco's reporting databases."""

    def read_window(
        self, store: "FrameStore", window: "Window", leg_ends: "pl.Series", now: "datetime"
    ) -> "WindowRecords":
        """The records that a window's legs ask for; goes on from what the store has of an earlier read."""
        from cx_pipeline.adapters.cisco.window_records import EarlierRead, read_window_records
        from cx_pipeline.core.frames import RAW_CISCO_CALL_DETAILS
        from cx_pipeline.core.windows import moment_of_mark

        settings = load_settings()
        before = store.find(RAW_CISCO_CALL_DETAILS, window)
        return read_window_records(
            self.sources(),
            window,
            leg_ends,
            now=now,
            slack=settings.enrichment_rules.match_slack,
            lag=timedelta(minutes=settings.replication_lag_minutes),
            earlier=None
            if before is None
            else EarlierRead(before.frame, moment_of_mark(before.mark.high_water)),
        )

    def sources(self) -> "tuple[RecordSource, ...]":
        """The sources of the settings, each with its pool, for each process."""
        return _sources(load_settings().model_dump_json())


class Recorders:
    """The recorders' folders, and what is made of their files."""

    def manifests(self, engine: "Engine", window: "Window", now: "datetime") -> "WindowManifests":
        """What may belong to a window's calls; reads what is new first."""
        from cx_pipeline.adapters.freeswitch.window_manifests import read_window_manifests

        return read_window_manifests(load_settings(), engine, window, now)

    def mix(
        self,
        engine: "Engine",
        window: "Window",
        wanted: "Sequence[WantedRecording]",
        now: "datetime",
        *,
        retry_failed: bool,
        settled_calls: "Collection[str]",
        on_progress: "Callable[[int, int], None]",
    ) -> "MixingReport":
        """Make what is due of a window's recordings."""
        from cx_pipeline.adapters.mixing.window_mixing import WindowMixing

        mixing = WindowMixing(load_settings(), engine, on_progress)
        return mixing.mix(window, wanted, now, retry_failed=retry_failed, settled_calls=settled_calls)

    def delete_raw_streams(self, engine: "Engine", now: "datetime") -> "Deletion":
        """Delete the recorders' files whose recordings are safe for long enough."""
        from cx_pipeline.adapters.mixing.raw_streams import RawStreams

        return RawStreams(load_settings(), engine).delete_due(now)

    def remove_left_overs(self, older_than: "datetime") -> int:
        """Delete what killed mixers left under temporary names; how many files."""
        from cx_pipeline.adapters.storage.recordings import RecordingStore

        return len(RecordingStore(load_settings().recordings_folder).remove_leftovers(older_than))


class Links:
    """What ties recordings to voice activities."""

    def link(
        self,
        engine: "Engine",
        window: "Window",
        *,
        activities: "pl.DataFrame",
        legs: "pl.DataFrame",
        recordings: "pl.DataFrame",
        now: "datetime",
    ) -> "LinkReport":
        """Link a window's voice activities, and write what their conversations are to be told of."""
        from cx_pipeline.adapters.linking.window_links import link_window

        return link_window(load_settings(), engine, window, activities, legs, recordings, now)


class ConversationManager:
    """The CX conversation manager: of the settings, if one is set."""

    @property
    def is_set(self) -> bool:
        """Whether there is one."""
        return load_settings().ccm_url is not None

    def deliver(self, engine: "Engine", budget_s: float) -> "DeliveryReport":
        """Send what is due, for so long at most."""
        from cx_pipeline.adapters.ccm.delivery import deliver

        return deliver(load_settings(), engine, budget_s=budget_s)

    def voice_activities(self, first: "datetime", last: "datetime") -> "pl.DataFrame":
        """Its list of voice activities between two moments, `CCM_VOICE_ACTIVITY_SCHEMA`."""
        from cx_pipeline.adapters.ccm.activities import VoiceActivityList

        return VoiceActivityList(load_settings()).read(first, last)


@cache
def _sources(_settings: str) -> "tuple[RecordSource, ...]":
    from cx_pipeline.adapters.cisco.source import open_sources

    return tuple(open_sources(load_settings()))


@cache
def _engine(_home: "Path", _database_url: "SecretStr | None") -> "Engine":
    """The engine of the settings, one for each place of the database that they name."""
    from cx_pipeline.adapters.database.connection import open_engine

    return open_engine(load_settings())
