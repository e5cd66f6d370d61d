"""What was taken in, on its way to the database: in memory, or through the spool."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cx_pipeline.core.errors import InputError
from cx_pipeline.gateway.access.principal import Principal


class Kind(StrEnum):
    """What a record holds: NDJSON for `EVENTS`, a JSON list of documents for all others."""

    EVENTS = "events"
    MANIFESTS = "manifests"
    LISTENER_HEARTBEATS = "listener_heartbeats"
    RECORDER_HEARTBEATS = "recorder_heartbeats"
    CALL_ENDS = "call_ends"


@dataclass(frozen=True, slots=True)
class Record:
    """The content of one request.

    `tenant`, `subject`: of who sent it, as their `Principal` has them. `rows`: how many events or documents it has.
    """

    kind: Kind
    tenant: str
    subject: str
    received_at: datetime
    payload: bytes
    rows: int

    @property
    def sender(self) -> Principal:
        """Who sent it, as far as the content is judged by that."""
        return Principal(self.subject, self.tenant, frozenset(), "token")

    @property
    def documents(self) -> list[object]:
        """The documents of a record that is not of events."""
        return list(json.loads(self.payload))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a record: `read` = `stored` + `duplicates` + `quarantined`.

    `refusals`: the reason by the number of a document that was quarantined, where there are documents.
    """

    read: int
    stored: int = 0
    duplicates: int = 0
    quarantined: int = 0
    refusals: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a sender may be told: the outcome, or, where it is null, that the record is safe in the spool."""

    outcome: Outcome | None = None


def to_bytes(record: Record) -> bytes:
    """The record as it stands in the spool: a line of JSON, and the payload."""
    head = {
        "kind": record.kind,
        "tenant": record.tenant,
        "subject": record.subject,
        "received_at": record.received_at.isoformat(),
        "rows": record.rows,
    }
    return json.dumps(head).encode() + b"\n" + record.payload


def from_bytes(data: bytes) -> Record:
    """The record of which `to_bytes` made the bytes.

    Raises:
        InputError: it is none that this program knows.
    """
    line, _, payload = data.partition(b"\n")
    try:
        head = json.loads(line)
        return Record(
            kind=Kind(head["kind"]),
            tenant=head["tenant"],
            subject=head["subject"],
            received_at=datetime.fromisoformat(head["received_at"]),
            payload=payload,
            rows=head["rows"],
        )
    except (ValueError, KeyError, TypeError) as error:
        message = f"a record of the spool is none that this release knows: {type(error).__name__}"
        raise InputError(message) from None
