"""What a live site does at a moment: each action is a value, and the schedule is the order of all of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cx_pipeline.simulator.audio.orders import FileOrder


@dataclass(frozen=True, slots=True)
class EventHeard:
    """The listener hears an event."""

    due: datetime
    line: bytes
    """The event as one line of NDJSON."""


@dataclass(frozen=True, slots=True)
class FileLeft:
    """A recorder has closed a file and leaves it with its manifest."""

    due: datetime
    order: FileOrder
    is_told: bool
    """Whether the recorder tells the gateway of it, beside the manifest in the folder."""


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call on the CX switch is over, and its script says so."""

    due: datetime
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RecorderBeat:
    """A recorder's sign of life."""

    due: datetime
    recorder_id: str


@dataclass(frozen=True, slots=True)
class ListenerBeat:
    """The listener's sign of life."""

    due: datetime
    listener_id: str


Action = EventHeard | CallEnded | FileLeft | RecorderBeat | ListenerBeat
IN_THIS_ORDER: tuple[type[Action], ...] = (EventHeard, CallEnded, FileLeft, RecorderBeat, ListenerBeat)
"""Of what is due at one moment: calls are known before their files come."""
