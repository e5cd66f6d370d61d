"""What the pages call things: the words for types, directions, warnings, states and spans of time."""

from collections.abc import Mapping
from types import MappingProxyType

CALL_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "SIMPLE": "Simple call",
        "OUTBOUND": "Outbound call",
        "CONSULT": "Consultation",
        "TRANSFER": "Any transfer",
        "CONSULT_TRANSFER": "Transfer after consultation",
        "DIRECT_TRANSFER": "Direct transfer",
        "CONFERENCE": "Conference",
        "RONA": "Not answered",
    }
)
DIRECTIONS: Mapping[str, str] = MappingProxyType(
    {"INBOUND": "Inbound", "OUTBOUND": "Outbound", "INTERNAL": "Internal"}
)
LAYOUTS: Mapping[str, str] = MappingProxyType(
    {"stereo": "stereo", "mono": "one channel", "multichannel": "a channel for each voice"}
)
RONA_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "REJECTED": "rejected",
        "NO_ANSWER": "nobody answered",
        "ABANDONED": "the caller gave up",
        "ANSWERED_ELSEWHERE": "answered elsewhere",
    }
)

_WARNINGS: Mapping[str, str] = MappingProxyType(
    {
        "one_sided": "One side of the talk is missing in part or all of this recording.",
        "gap": "A part of the talk was not recorded.",
        "clipped": "Loud passages were cut off at full scale.",
        "drift": "A recorder's clock ran fast or slow: voices may be a little out of step.",
        "overlap": "Two files of one side overlapped: the later one is heard.",
        "outside_leg": "Audio from outside of the talk was left out.",
        "unfinished_header": "A recorder never closed its file: all that it holds is in here.",
        "conference_far_end": "In this conference one far end is heard at a time.",
        "clock_unknown": "How far a recorder's clock was off is not known: voices may be some seconds off.",
        "consult_in_hold": "A consultation during a hold was on another line and is not in here.",
        "parameters_differ": "The rules of this call's legs asked for different recordings: one was made.",
        "too_many_channels": "There were more voices than the format has channels: they are mixed.",
    }
)
_GRAVE = frozenset({"one_sided", "gap"})
_BAD_FILE = "file_"

_FAILURES: Mapping[str, str] = MappingProxyType(
    {
        "NO_MANIFEST": "no recorder told of a file",
        "NO_KEY": "there is no key to seal it with",
        "STORAGE": "the storage did not answer",
        "INPUT": "the recorder's files are not as they were told",
        "FILE_MISSING": "the recorder's file is not there",
        "FILE_EMPTY": "the recorder's file is empty",
        "FILE_NOT_AUDIO": "the recorder's file is no audio",
        "FILE_UNREADABLE": "the recorder's file cannot be read",
        "FILE_OUTSIDE_ROOTS": "the recorder's file lies outside of the allowed folders",
    }
)


def warning_words(code: str) -> str:
    """What a warning means; an unknown one by its code."""
    if code.startswith(_BAD_FILE):
        return "A recorder's file could not be used."
    return _WARNINGS.get(code, code.replace("_", " ").capitalize() + ".")


def is_grave(code: str) -> bool:
    """Whether something that was said is not heard."""
    return code in _GRAVE or code.startswith(_BAD_FILE)


def failure_words(failure: str | None) -> str:
    """Why there is no recording."""
    if failure is None:
        return "no reason was noted"
    return _FAILURES.get(failure, failure.replace("_", " ").lower())


def clock(milliseconds: int | float | None) -> str:
    """A place or a length as people read it: `0:07`, `12:34`, `1:02:03`; a dash where it is not known."""
    if milliseconds is None:
        return "–"
    seconds = max(int(milliseconds) // 1000, 0)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def length_words(milliseconds: int | float | None) -> str:
    """A length in words, for who listens to the page: `1 hour 2 minutes 3 seconds`."""
    if milliseconds is None:
        return "unknown"
    minutes, seconds = divmod(max(int(milliseconds) // 1000, 0), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [
        f"{count} {unit}{'' if count == 1 else 's'}"
        for count, unit in ((hours, "hour"), (minutes, "minute"), (seconds, "second"))
        if count
    ]
    return " ".join(parts) or "0 seconds"


def size_words(size_bytes: int | None) -> str:
    """A size: `3.4 MB`."""
    if size_bytes is None:
        return "unknown"
    return f"{size_bytes / 1_000_000:.1f} MB" if size_bytes >= 100_000 else f"{size_bytes / 1000:.0f} kB"


_ADVICE = {
    401: "The link may have expired, or was changed on its way. Ask for a new one, or log in.",
    403: "Ask whoever looks after the recordings for the right to do this.",
    404: "There is no recording here that is yours to hear. It may not be made yet: a call is linked once it is.",
    410: "This recording was erased for good.",
    429: "Too much was asked for at once. Wait a little.",
    503: "Something that is needed does not answer. Try again in a minute.",
}


def advice(status: int) -> str:
    """What a person may do about an answer of this status."""
    return _ADVICE.get(status, "If it stays so, tell whoever looks after the recordings.")
