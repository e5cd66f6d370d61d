"""A live site at work: each action at its time, by the clock and the door that it is given."""

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep as real_sleep

from cx_pipeline.simulator.live.actions import (
    IN_THIS_ORDER,
    Action,
    CallEnded,
    EventHeard,
    FileLeft,
    ListenerBeat,
    RecorderBeat,
)
from cx_pipeline.simulator.live.door import Door
from cx_pipeline.simulator.live.recorder_files import leave_file
from cx_pipeline.simulator.live.site import LiveSite

LONGEST_SLEEP_S = 0.2
LATE = timedelta(seconds=1)
"""What was done later than this after its time counts as behind."""
CALL_ENDED_PATH = "/call-ended"
SIP_DATA_PATH = "/mixer/sip-data"
HEARTBEAT_PATH = "/recorders/heartbeat"

Clock = Callable[[], datetime]
Sleep = Callable[[float], object]


@dataclass(slots=True)
class Played:
    """What was done, and when."""

    done: Counter[str] = field(default_factory=Counter)
    """How many actions of each kind."""
    files_at: dict[str, datetime] = field(default_factory=dict)
    """When each file's manifest stood in the folder, by its path below it."""
    behind: int = 0
    """Actions of the span that were done more than `LATE` after their time."""
    most_behind_s: float = 0.0


def now_in_utc() -> datetime:
    """The time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Player:
    """Plays a site. `on_actions` is told how many more actions are done."""

    door: Door
    streams: Path
    on_actions: Callable[[int], object] = lambda _: None
    clock: Clock = now_in_utc
    sleep: Sleep = real_sleep

    def play(self, site: LiveSite) -> Played:
        """Do all that is due already, then everything at its time; returns when nothing is left.

        Raises:
            ConfigurationError: the gateway refuses something, or the folder cannot be written.
            DestinationUnavailableError: the gateway is away for long.
        """
        played = Played()
        waiting = deque(site.actions)
        while waiting:
            now = self.clock()
            due = []
            while waiting and waiting[0].due <= now:
                due.append(waiting.popleft())
            if due:
                self._do(due, site, played)
            elif waiting:
                self.sleep(min((waiting[0].due - now).total_seconds(), LONGEST_SLEEP_S))
        return played

    def _do(self, due: Sequence[Action], site: LiveSite, played: Played) -> None:
        """What is due together: calls before their files, as causes come before what they bring about."""
        due = sorted(due, key=lambda action: IN_THIS_ORDER.index(type(action)))
        self.door.tell_events([action.line for action in due if isinstance(action, EventHeard)])
        for action in due:
            self._do_one(action, site, played)
            played.done[type(action).__name__] += 1
            # What was due before the span began is caught up, and late of necessity.
            late = self.clock() - action.due if action.due >= site.plan.begins else timedelta()
            played.most_behind_s = max(played.most_behind_s, late.total_seconds())
            played.behind += late > LATE
        self.on_actions(len(due))

    def _do_one(self, action: Action, site: LiveSite, played: Played) -> None:
        match action:
            case FileLeft():
                manifest = leave_file(action.order, site.staging, self.streams)
                played.files_at[action.order.path] = self.clock()
                if action.is_told:
                    self.door.tell(SIP_DATA_PATH, manifest)
            case CallEnded():
                self.door.tell(CALL_ENDED_PATH, action.document)
            case RecorderBeat():
                self.door.tell(HEARTBEAT_PATH, _heartbeat(action))
            case ListenerBeat():
                self.door.tell_of_listener(action.listener_id, action.due)
            case EventHeard():
                """Told with the others, beforehand."""


def _heartbeat(beat: RecorderBeat) -> Mapping[str, str]:
    return {"recorderId": beat.recorder_id, "sentTime": beat.due.isoformat(timespec="milliseconds")}
