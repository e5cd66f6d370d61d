"""A message as the outbox keeps it: what the planner makes, and the deliverer sends byte for byte."""

from dataclasses import dataclass
from typing import Literal

Destination = Literal["voice", "third-party"]
"""Which of the conversation manager's end points takes it."""

VOICE: Destination = "voice"
THIRD_PARTY: Destination = "third-party"

WAITING, DELIVERED, DEAD = "WAITING", "DELIVERED", "DEAD"
"""Status of a message. DEAD: nobody sends it again until a person says so."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One message that is to leave. Its identity is (leg, intent, ordinal, revision), of which its id is made."""

    message_id: str
    ordering_key: str
    """The call id: messages of one key leave one after the other, in the order in which they were written."""
    leg_id: str
    intent: str
    ordinal: int
    """Which of several of the same intent: the number of the hold."""
    revision: int
    payload: str
    """The JSON text; its UTF-8 bytes are the body of the request."""
    fingerprint: str
    """Of what the message says, its id and revision apart: equal means that nothing has to be corrected."""
    destination: Destination
