"""What should hold of the outbox, as verdicts: the checks of its asset are these."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from cx_pipeline.core.window_checks import Verdict

OLDEST_WAITING = timedelta(minutes=5)
"""A message that waits for longer is held up by something: delivery takes seconds."""


class Standing(Protocol):
    """How the outbox stands."""

    @property
    def waiting(self) -> int:
        """How many messages wait."""

    @property
    def dead(self) -> int:
        """How many were refused for good."""

    @property
    def oldest_waiting_at(self) -> datetime | None:
        """When the oldest of the waiting was written."""


def outbox_verdicts(standing: Standing, now: datetime, *, has_stopped: bool = False) -> Mapping[str, Verdict]:
    """The verdicts on the outbox at `now`; `has_stopped`: the destination failed so often that delivery stopped."""
    return {
        "outbox_age": _age_verdict(standing, now, has_stopped),
        "no_dead_messages": _dead_verdict(standing),
    }


def _age_verdict(standing: Standing, now: datetime, has_stopped: bool) -> Verdict:
    if standing.oldest_waiting_at is None:
        return Verdict(True, "no message waits", {"waiting": 0})
    age = max(now - standing.oldest_waiting_at, timedelta(0))
    figures = {"waiting": standing.waiting, "oldest_waiting_s": int(age.total_seconds())}
    told = f"{standing.waiting} messages wait, the oldest for {_spoken(age)}"
    if has_stopped:
        return Verdict(
            False, f"the conversation manager fails: delivery stopped for this run; {told}", figures
        )
    if age > OLDEST_WAITING:
        return Verdict(False, f"{told}: look at cx-pipeline outbox list --status waiting", figures)
    return Verdict(True, told, figures)


def _dead_verdict(standing: Standing) -> Verdict:
    figures = {"dead": standing.dead}
    if not standing.dead:
        return Verdict(True, "no message is dead", figures)
    description = (
        f"{standing.dead} messages were refused for good: cx-pipeline outbox list --status dead shows why, "
        "cx-pipeline outbox retry puts them back"
    )
    return Verdict(False, description, figures)


def _spoken(age: timedelta) -> str:
    seconds = int(age.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    minutes = seconds // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
