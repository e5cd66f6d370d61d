"""The reference manager's own count: what came, how often, in what order, and what came in the wrong one.

It is made from the JSON as received and shares no code with what plans and sends the messages.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

_CHANGES = ("CALL_HOLD", "CALL_RESUME")
_PLACES = {"CALL_LEG_STARTED": 0, "CALL_HOLD": 1, "CALL_RESUME": 1, "CALL_LEG_ENDED": 2, "WRAPUP": 3}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the ledger notes of a message."""

    message_id: str
    intent: str
    call_id: str | None
    leg_id: str
    revision: int
    supersedes: str | None
    timestamp: str
    content: str
    """Hash of the whole message: one id says one thing."""

    @classmethod
    def of(cls, message: dict[str, Any]) -> "Receipt":
        """The receipt of a message as received."""
        header, body = message["header"], message["body"]
        detail = body.get("additionalDetail") or body.get("additionalDetails") or body
        return cls(
            message_id=message["id"],
            intent=header["intent"],
            call_id=body.get("callId"),
            leg_id=detail["legId"],
            revision=detail.get("revision", 0),
            supersedes=detail.get("supersedes"),
            timestamp=header["timestamp"],
            content=blake2b(json.dumps(message, sort_keys=True).encode(), digest_size=16).hexdigest(),
        )


@dataclass(frozen=True, slots=True)
class Violation:
    """A message that came when it should not have come yet."""

    leg_id: str
    message_id: str
    what: str


class Ledger:
    """Counts messages by their id."""

    def __init__(self) -> None:
        self._receipts: dict[str, Receipt] = {}
        self._times: Counter[str] = Counter()
        self._rejected: Counter[str] = Counter()

    def receipt_of(self, message_id: str) -> Receipt | None:
        """What was noted of an id; None where it did not come yet."""
        return self._receipts.get(message_id)

    def receive(self, receipt: Receipt) -> bool:
        """Note a message; whether it is the first of its id."""
        self._times[receipt.message_id] += 1
        return self._receipts.setdefault(receipt.message_id, receipt) is receipt

    def receive_again(self, message_id: str) -> None:
        """Note one more message of an id that came before."""
        self._times[message_id] += 1

    def reject(self, reason: str) -> None:
        """Note a message that was not taken."""
        self._rejected[reason] += 1

    def to_json(self, *, is_detailed: bool = True) -> dict[str, Any]:
        """The count. The details are how often each id came, and the ids of each call in the order in which they came."""
        receipts = self._receipts.values()
        violations = violations_of(receipts)
        count: dict[str, Any] = {
            "messages": len(receipts),
            "receptions": sum(self._times.values()),
            "duplicates": sum(self._times.values()) - len(receipts),
            "by_intent": dict(sorted(Counter(receipt.intent for receipt in receipts).items())),
            "corrections": sum(receipt.revision > 0 for receipt in receipts),
            "rejected": dict(sorted(self._rejected.items())),
            "order_violations": [
                {"leg_id": v.leg_id, "message_id": v.message_id, "what": v.what} for v in violations
            ],
        }
        if is_detailed:
            count["by_message"] = dict(self._times)
            count["by_call"] = _ids_by_call(receipts)
        return count


def violations_of(receipts: Iterable[Receipt]) -> list[Violation]:
    """What came in the wrong order inside a call; recordings have no order.

    Args:
        receipts: the first of each id, in the order in which they came.
    """
    legs: dict[str, list[Receipt]] = defaultdict(list)
    for receipt in receipts:
        if receipt.intent in _PLACES:
            legs[receipt.leg_id].append(receipt)
    return [violation for leg in legs.values() for violation in (*_corrections(leg), *_first_ones(leg))]


def _ids_by_call(receipts: Iterable[Receipt]) -> dict[str, list[str]]:
    calls: dict[str, list[str]] = defaultdict(list)
    for receipt in receipts:
        calls[receipt.call_id or receipt.leg_id].append(receipt.message_id)
    return dict(calls)


def _corrections(leg: Sequence[Receipt]) -> Iterable[Violation]:
    """A correction comes after what it replaces, which is of its own intent and one revision below."""
    seen: dict[str, Receipt] = {}
    for receipt in leg:
        if receipt.revision:
            before = seen.get(receipt.supersedes or "")
            if before is None:
                yield Violation(receipt.leg_id, receipt.message_id, "before the message that it supersedes")
            elif (before.intent, before.revision) != (receipt.intent, receipt.revision - 1):
                yield Violation(receipt.leg_id, receipt.message_id, "supersedes another kind of message")
        seen[receipt.message_id] = receipt


def _first_ones(leg: Sequence[Receipt]) -> Iterable[Violation]:
    """Messages of revision 0 come as the leg went. Only a correction may bring a hold after the end was told."""
    told: Receipt | None = None
    last_end = max(
        (at for at, r in enumerate(leg) if r.intent == "CALL_LEG_ENDED" and r.revision), default=-1
    )
    for at, receipt in enumerate(leg):
        if receipt.revision:
            continue
        is_late_hold = receipt.intent in _CHANGES and at < last_end
        if told is None and receipt.intent != "CALL_LEG_STARTED":
            yield Violation(receipt.leg_id, receipt.message_id, f"{receipt.intent} before CALL_LEG_STARTED")
        elif told is not None and not is_late_hold and _moment(receipt) < _moment(told):
            yield Violation(receipt.leg_id, receipt.message_id, f"{receipt.intent} after {told.intent}")
        if told is None or not is_late_hold:
            told = receipt


def _moment(receipt: Receipt) -> tuple[int, str]:
    return _PLACES[receipt.intent], receipt.timestamp
