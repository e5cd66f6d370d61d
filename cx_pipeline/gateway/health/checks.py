"""What is looked at before the gateway calls itself ready. A reason names no path, address or secret: anybody may read it."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from cx_pipeline.adapters.access.token_store import TokenStore
from cx_pipeline.adapters.database.heartbeats import Heartbeats
from cx_pipeline.adapters.database.outbox_reading import OutboxReading
from cx_pipeline.adapters.database.signs_of_work import newest_computation_at
from cx_pipeline.core.listening import WATCHED_FOR, listener_verdict
from cx_pipeline.core.messages.verdicts import outbox_verdicts
from cx_pipeline.core.window_checks import Verdict
from cx_pipeline.settings import Settings

Check = Callable[[], Verdict]
"""Looks at one thing; may block, and may raise what the thing raises."""

DATABASE, RECORDINGS, SPOOL = "database", "recordings", "spool"
COMPUTATION_AFTER = timedelta(minutes=5)
"""The open window is computed each minute."""
_MEGABYTE = 1_000_000
_NEARLY_FULL = 0.8


def checks(settings: Settings, engine: Engine, tokens: TokenStore) -> Mapping[str, Check]:
    """All checks, by name."""
    heartbeats, outbox = Heartbeats(engine), OutboxReading(engine)
    spool_bytes = settings.gateway_spool_mb * _MEGABYTE

    def listeners() -> Verdict:
        now = datetime.now(UTC)
        return listener_verdict(heartbeats.newest(now - WATCHED_FOR), now)

    def outbox_age() -> Verdict:
        now = datetime.now(UTC)
        return outbox_verdicts(outbox.standing(now), now)["outbox_age"]

    return {
        DATABASE: lambda: _database(engine),
        RECORDINGS: lambda: recordings_verdict(settings.recordings_folder),
        SPOOL: lambda: spool_verdict(settings.spool_folder, spool_bytes),
        "tokens": lambda: _tokens(tokens),
        "windows": lambda: windows_verdict(newest_computation_at(engine), datetime.now(UTC)),
        "outbox": outbox_age,
        "listeners": listeners,
    }


def recordings_verdict(folder: Path) -> Verdict:
    """Whether the folder of recordings can be read. One that was not made yet holds none."""
    try:
        with os.scandir(folder) as entries:
            next(entries, None)
    except FileNotFoundError:
        return Verdict(True, "no recording was made yet")
    except OSError as error:
        return Verdict(False, f"the storage of recordings cannot be read ({error.strerror})")
    return Verdict(True, "the storage of recordings can be read")


def spool_verdict(folder: Path, limit_bytes: int) -> Verdict:
    """Whether the spool has room, and can be written."""
    waiting = _size_bytes(folder)
    figures = {"waiting_bytes": waiting, "limit_bytes": limit_bytes}
    told = f"{waiting // _MEGABYTE} of {limit_bytes // _MEGABYTE} MB wait in the spool"
    if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
        return Verdict(False, "the spool cannot be written", figures)
    if waiting >= limit_bytes:
        return Verdict(False, f"the spool is full: {told}", figures)
    return Verdict(waiting < _NEARLY_FULL * limit_bytes, told, figures, is_grave=False)


def windows_verdict(newest_at: datetime | None, now: datetime) -> Verdict:
    """Whether windows are computed, where they ever were."""
    if newest_at is None:
        return Verdict(True, "no window was ever computed here")
    age = max(now - newest_at, timedelta(0))
    figures = {"newest_computation_s": int(age.total_seconds())}
    told = f"a window was last computed {int(age.total_seconds())} s ago"
    if age > COMPUTATION_AFTER:
        return Verdict(False, f"{told}: see whether Dagster's daemon runs and its ticks succeed", figures)
    return Verdict(True, told, figures)


def _database(engine: Engine) -> Verdict:
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
    return Verdict(True, "the database answers")


def _tokens(tokens: TokenStore) -> Verdict:
    is_well = not tokens.trouble
    return Verdict(
        is_well, "read" if is_well else "the file of tokens is wrong: the last good one is in force"
    )


def _size_bytes(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(place) / name).stat().st_size
            except OSError:
                continue  # drained just now
    return total
