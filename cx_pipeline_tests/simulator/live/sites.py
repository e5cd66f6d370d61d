"""Small live sites for tests, and the doors they are played to."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cx_pipeline.simulator.live.plan import LivePlan
from cx_pipeline.simulator.live.site import LiveSite, live_site

BEGINS = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def small_plan(**changes: Any) -> LivePlan:
    """Some seventy calls in five minutes: a dozen legs end within the last one."""
    return LivePlan(
        **{
            "begins": BEGINS,
            "seconds": 60,
            "calls_per_hour": 900,
            "warm_up": timedelta(minutes=4),
            "seed": 1,
            **changes,
        }
    )


def small_site(folder: Path, **changes: Any) -> LiveSite:
    """A site of that plan, its files below `folder`."""
    return live_site(small_plan(**changes), folder)


def to_be_played(site: LiveSite, folder: Path) -> LiveSite:
    """The same site with files of its own, which playing moves away."""
    shutil.copytree(site.staging, folder, copy_function=os.link)
    return replace(site, staging=folder)


@dataclass(slots=True)
class RecordingDoor:
    """Notes what it is told."""

    told: list[tuple[str, Any]] = field(default_factory=list)

    def tell_events(self, lines: Sequence[bytes]) -> None:
        """Events."""
        self.told += [("event", line) for line in lines]

    def tell_of_listener(self, listener_id: str, beat_at: datetime) -> None:
        """A heartbeat of a listener."""
        self.told.append(("listener", (listener_id, beat_at)))

    def tell(self, path: str, document: Mapping[str, Any]) -> None:
        """A script's document."""
        self.told.append((path, dict(document)))

    def of(self, kind: str) -> list[Any]:
        """What was told of one kind."""
        return [what for each, what in self.told if each == kind]


@dataclass(slots=True)
class Time:
    """A clock that stands still but for who sleeps."""

    now: datetime
    slept_s: float = 0.0

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)
        self.slept_s += seconds
