"""Keys of legs as they stand in links: `call or dialog id:extension:number:start` (guide 10.2, spec: recording, 8).

They are read from the right, as ids of dialogs may hold colons and times as well. Starts are epoch seconds, epoch
milliseconds or ISO 8601.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from cx_pipeline.core.recording.file_names import DIALOG_NAME
from cx_pipeline.core.recording.manifest_values import moment_of

START_TOLERANCE = timedelta(seconds=10)
"""A leg that begins further away from the key's start is another."""

_LONGEST_KEY = 512
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class LegKey:
    """What a leg's key tells."""

    call_text: str
    """Id of the call (ours, or the conversation manager's) or of the dialog."""
    extension: str | None
    number: str | None
    """Of the other party."""
    start_time: datetime

    @property
    def call_id(self) -> str | None:
        """The call's text where it may be an id of ours: a UUID in lower case."""
        return self.call_text.lower() if _UUID.fullmatch(self.call_text) else None


def parse_leg_key(text: str) -> LegKey | None:
    """Read a key, its percent encoding undone; None where it is none, whatever is wrong with it."""
    if len(text) > _LONGEST_KEY or not text.isprintable() or "/" in text or "\\" in text:
        return None
    found = DIALOG_NAME.fullmatch(text)
    start = moment_of(found["time"]) if found else None
    if found is None or start is None or not found["dialog"].strip():
        return None
    return LegKey(
        call_text=found["dialog"].strip(),
        extension=found["agent"].strip() or None,
        number=found["number"].strip() or None,
        start_time=start,
    )
