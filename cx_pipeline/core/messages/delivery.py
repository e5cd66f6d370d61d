"""What an answer of the conversation manager means for a message, and when a message goes again.

Order rule: of the messages of an ordering key only the earliest that is WAITING may go, and only when it is due. So
a message that backs off holds back those after it; one that is DELIVERED or DEAD does not.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

from cx_pipeline.core.messages.outbox_row import DEAD, DELIVERED, WAITING, Destination

STOP_AFTER = 10
"""So many transient failures in a row end a tick."""
DOUBTFUL_AFTER = 3
"""From so many failures in a row on, no more are under way than may still fail."""
GIVE_UP_AFTER = timedelta(days=7)
"""After the first attempt, a message that still fails is dead."""
FIRST_BACK_OFF_S, LONGEST_BACK_OFF_S = 1.0, 600.0
LONGEST_RETRY_AFTER_S = 3600.0
"""A receiver may ask for so much patience; what it asks beyond that is not heard."""
MAX_EXCERPT = 300

UNAUTHORISED = 401
_CONFLICT = 409
_PASSING = frozenset({408, 425, 429})

_AUTHORISATION = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]+", re.IGNORECASE)
_TOKEN = re.compile(r"\beyJ[\w-]{8,}(\.[\w-]*)*")
_SECRET_PAIR = re.compile(
    r"""(\w*(?:password|passwd|pwd|secret|token|authorization|api[_-]?key)["']?\s*[=:]\s*["']?)[^\s"',;&}]+""",
    re.IGNORECASE,
)


class Verdict(StrEnum):
    """What one attempt came to."""

    DELIVERED = "DELIVERED"
    TRANSIENT = "TRANSIENT"
    PERMANENT = "PERMANENT"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt to send: a status code and some of the text, or why there was none."""

    status_code: int | None
    text: str
    """Without secrets, see `excerpt`; empty where a message was delivered."""
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that this deliverer has taken: nobody else sends it until `next_attempt_at` of the claim is past."""

    message_id: str
    ordering_key: str
    destination: Destination
    payload: str
    sequence: int
    attempts: int
    """This attempt included."""
    first_attempt_at: datetime


@dataclass(frozen=True, slots=True)
class Mark:
    """What is written of a message after an attempt."""

    message_id: str
    attempts: int
    """Of the claim: a mark that comes after somebody else's claim does not count, unless it says DELIVERED."""
    status: str
    next_attempt_at: datetime
    status_code: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class FailureRow:
    """How the destination does in a tick: transient failures in a row, and whether anything got through yet."""

    length: int = 0
    has_succeeded: bool = False

    def after(self, verdict: Verdict) -> "FailureRow":
        """The row with one more attempt. A refusal of one message ends it: the destination is there and answers."""
        if verdict is Verdict.TRANSIENT:
            return replace(self, length=self.length + 1)
        return FailureRow(0, has_succeeded=True)

    @property
    def is_over(self) -> bool:
        """Whether the tick ends."""
        return self.length >= STOP_AFTER

    def slots(self, concurrency: int) -> int:
        """How many messages may be under way: no more than may still fail, while the destination is in doubt."""
        if self.has_succeeded and self.length < DOUBTFUL_AFTER:
            return concurrency
        return min(concurrency, max(0, STOP_AFTER - self.length))


def verdict_of(status_code: int | None) -> Verdict:
    """What a status code says; none: there was no answer.

    409 says that the receiver has the message. A redirect is a wrong address, not a wrong message: it may be put right.
    """
    if status_code is None:
        return Verdict.TRANSIENT
    if 200 <= status_code < 300 or status_code == _CONFLICT:
        return Verdict.DELIVERED
    if 400 <= status_code < 500 and status_code not in _PASSING and status_code != UNAUTHORISED:
        return Verdict.PERMANENT
    return Verdict.TRANSIENT


def mark_of(claim: Claim, answer: Answer, *, now: datetime, jitter: float) -> Mark:
    """What is written after the attempt.

    Args:
        claim: the message and how often it was tried, this attempt included.
        answer: what came of it.
        now: when the answer was there.
        jitter: 0 to 1, by chance.
    """
    verdict = verdict_of(answer.status_code)
    if verdict is Verdict.DELIVERED:
        return Mark(claim.message_id, claim.attempts, DELIVERED, now, answer.status_code, None)
    if verdict is Verdict.PERMANENT:
        return Mark(claim.message_id, claim.attempts, DEAD, now, answer.status_code, answer.text)
    if now - claim.first_attempt_at >= GIVE_UP_AFTER:
        error = f"given up {GIVE_UP_AFTER.days} days after the first attempt: {answer.text}"
        return Mark(claim.message_id, claim.attempts, DEAD, now, answer.status_code, error)
    wait_s = max(back_off_s(claim.attempts, jitter), retry_after_s(answer.retry_after, now))
    next_attempt_at = now + timedelta(seconds=wait_s)
    return Mark(claim.message_id, claim.attempts, WAITING, next_attempt_at, answer.status_code, answer.text)


def back_off_s(attempts: int, jitter: float) -> float:
    """Seconds until the next attempt: doubling from 1 s to 10 min, of which up to a half is left to chance.

    Without chance, all messages that failed together would come again together.
    """
    ceiling = min(LONGEST_BACK_OFF_S, FIRST_BACK_OFF_S * 2.0 ** min(max(attempts, 1), 30))
    return ceiling * (0.5 + 0.5 * jitter)


def retry_after_s(header: str | None, now: datetime) -> float:
    """Seconds that a `Retry-After` asks for (a number, or an HTTP date), 0 to an hour; 0 for what is neither."""
    if header is None:
        return 0.0
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:10]), LONGEST_RETRY_AFTER_S)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return min(max((moment - now).total_seconds(), 0.0), LONGEST_RETRY_AFTER_S)


def excerpt(text: str, secrets: Iterable[str] = ()) -> str:
    """The beginning of an answer's text as one line, without the secrets given nor what looks like one.

    A receiver may repeat the request, its Authorization included: what is kept of it must not give that away.
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    text = _TOKEN.sub("***", _AUTHORISATION.sub(r"\1 ***", text))
    text = " ".join(_SECRET_PAIR.sub(r"\1***", text).replace("\0", " ").split())
    return text if len(text) <= MAX_EXCERPT else text[: MAX_EXCERPT - 1] + "…"
