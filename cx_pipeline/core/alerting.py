"""Which failures to tell, when, and in what words. State in, state and messages out; sending is done elsewhere.

An **incident** is one failure (the same step and error, whatever the window) from its first occurrence until every
window that it hit has succeeded since. It is told when it begins, at most once in `GROUPING` with a count while it
goes on, and when it is over.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

GROUPING = timedelta(minutes=30)
"""The same failure is told once in this span, with a count."""
FORGET_AFTER = timedelta(hours=24)
"""An incident that did not occur again for so long is closed without a word."""
MAX_INCIDENTS = 100
MAX_WINDOWS = 100
"""Windows that an incident remembers; of more, it still counts the occurrences."""

_VARYING = re.compile(r"0x[0-9a-f]+|[0-9a-f]{8}-[0-9a-f-]{27}|\d+", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")
_SECRET_PAIR = re.compile(r"\b(password|passwd|pwd|secret|token)(\s*[=:]\s*)\S+", re.IGNORECASE)
MAX_LINE = 300


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that failed and will not be tried again."""

    run_id: str
    job: str
    subject: str
    """The asset whose step failed, else the job."""
    window: str | None
    """Key of the window, `first...last` for a range; null for a run that has none."""
    error: str
    """First line of the error, scrubbed."""
    occurred_at: datetime

    @property
    def fingerprint(self) -> str:
        """What two occurrences of the same failure share: the subject and the error, numbers apart."""
        return f"{self.subject}: {_VARYING.sub('#', self.error)}"


@dataclass(frozen=True, slots=True)
class Incident:
    """A failure that is not over."""

    fingerprint: str
    last: Failure
    windows: Mapping[str, datetime]
    """Windows (the job's name, where there is none) that have not succeeded since, with the time of failure."""
    count: int
    untold: int
    """Occurrences since it was told last."""
    told_at: datetime


class Occasion(StrEnum):
    """Why a message is sent."""

    FAILED = "FAILED"
    AGAIN = "AGAIN"
    RECOVERED = "RECOVERED"


@dataclass(frozen=True, slots=True)
class Message:
    """Something to tell: about which failure, on which occasion, and how often it occurred (since told last)."""

    occasion: Occasion
    failure: Failure
    count: int


def first_error_line(text: str) -> str:
    """The first line of an error that says something, without credentials, at most `MAX_LINE` characters long."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "no error was recorded")
    line = _SECRET_PAIR.sub(r"\1\2***", _CREDENTIALS.sub("***@", line))
    return line if len(line) <= MAX_LINE else line[: MAX_LINE - 1] + "…"


def record_failures(
    incidents: Sequence[Incident], failures: Sequence[Failure]
) -> tuple[list[Incident], list[Message]]:
    """The incidents with new failures counted in, and a message for each that begins."""
    known = {incident.fingerprint: incident for incident in incidents}
    messages = []
    for failure in failures:
        scope = failure.window or failure.job
        incident = known.get(failure.fingerprint)
        if incident is None:
            messages.append(Message(Occasion.FAILED, failure, 1))
            known[failure.fingerprint] = Incident(
                failure.fingerprint, failure, {scope: failure.occurred_at}, 1, 0, failure.occurred_at
            )
            continue
        windows = dict(incident.windows)
        if scope in windows or len(windows) < MAX_WINDOWS:
            windows[scope] = failure.occurred_at
        known[failure.fingerprint] = replace(
            incident, last=failure, windows=windows, count=incident.count + 1, untold=incident.untold + 1
        )
    newest = sorted(known.values(), key=lambda incident: incident.last.occurred_at)[-MAX_INCIDENTS:]
    return newest, messages


def record_successes(
    incidents: Sequence[Incident], succeeded: Mapping[str, datetime]
) -> tuple[list[Incident], list[Message]]:
    """The incidents that are not over, and a message for each that is.

    `succeeded` maps a window (or the name of a job without windows) to the time of its newest success.
    """
    still, messages = [], []
    for incident in incidents:
        left = {
            scope: failed_at
            for scope, failed_at in incident.windows.items()
            if scope not in succeeded or succeeded[scope] <= failed_at
        }
        if left:
            still.append(replace(incident, windows=left))
        else:
            messages.append(Message(Occasion.RECOVERED, incident.last, incident.count))
    return still, messages


def remind(incidents: Sequence[Incident], now: datetime) -> tuple[list[Incident], list[Message]]:
    """The incidents as told at `now`, and a message for each that occurred again and was not told for `GROUPING`."""
    kept, messages = [], []
    for incident in incidents:
        if incident.untold and now - incident.told_at >= GROUPING:
            messages.append(Message(Occasion.AGAIN, incident.last, incident.untold))
            incident = replace(incident, untold=0, told_at=now)
        if now - incident.last.occurred_at < FORGET_AFTER:
            kept.append(incident)
    return kept, messages


def subject_line(message: Message) -> str:
    """One line that says what happened, for a mail's subject and as a webhook's fallback."""
    about = f"{message.failure.subject}, {_window_text(message.failure)}"
    if message.occasion is Occasion.RECOVERED:
        return f"Recovered: {about}"
    if message.occasion is Occasion.AGAIN:
        return f"Failed {message.count} times more: {about}"
    return f"Failed: {about}"


def plain_text(message: Message, run_url: str) -> str:
    """The message as the body of a mail."""
    failure = message.failure
    lines = [
        subject_line(message),
        "",
        f"Window: {failure.window or 'none'}",
        f"Asset:  {failure.subject}",
        f"Error:  {failure.error}",
        f"Since:  {_counted(message)}",
        f"Run:    {run_url}",
    ]
    return "\n".join(lines) + "\n"


def slack_payload(message: Message, run_url: str) -> dict[str, object]:
    """The message as JSON of a Slack-compatible webhook: `text` for those that know no blocks."""
    failure = message.failure
    icon = ":white_check_mark:" if message.occasion is Occasion.RECOVERED else ":red_circle:"
    detail = (
        f"*Window* {_escaped(failure.window or 'none')}   *Asset* {_escaped(failure.subject)}\n"
        f"*Error* {_escaped(failure.error)}\n{_counted(message)}\n<{run_url}|Open the run>"
    )
    return {
        "text": f"{_escaped(subject_line(message))}: {_escaped(failure.error)} {run_url}",
        "blocks": [
            {
                "type": "section",
                "text": {"type": "mrkdwn", "text": f"{icon} *{_escaped(subject_line(message))}*"},
            },
            {"type": "section", "text": {"type": "mrkdwn", "text": detail}},
        ],
    }


def _window_text(failure: Failure) -> str:
    return f"window {failure.window}" if failure.window else f"job {failure.job}"


def _counted(message: Message) -> str:
    if message.occasion is Occasion.RECOVERED:
        return f"over after {message.count} failed runs" if message.count > 1 else "over"
    if message.occasion is Occasion.AGAIN:
        return f"{message.count} more failed runs in the last {int(GROUPING.total_seconds()) // 60} minutes"
    return f"{message.failure.occurred_at:%Y-%m-%d %H:%M:%S} UTC"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
