"""What assets and sensors reach for: the database and the frames, opened when first used, never at import.

Plain objects, handed over by `dg.ResourceParam`: they have no configuration of their own beside the settings.
"""

from functools import cache
from typing import TYPE_CHECKING

from cx_pipeline.settings import load_settings

if TYPE_CHECKING:  # the bodies import what they need: a code location should not load drivers to draw a graph
    from pathlib import Path

    from pydantic import SecretStr
    from sqlalchemy import Engine

    from cx_pipeline.adapters.database.event_store import EventStore
    from cx_pipeline.adapters.database.leg_store import LegStore
    from cx_pipeline.adapters.storage.frame_store import FrameStore
    from cx_pipeline.core.directory import Directory


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


@cache
def _engine(_home: "Path", _database_url: "SecretStr | None") -> "Engine":
    """The engine of the settings, one for each place of the database that they name."""
    from cx_pipeline.adapters.database.connection import open_engine

    return open_engine(load_settings())
