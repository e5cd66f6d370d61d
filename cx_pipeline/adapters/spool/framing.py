r"""The form of a spool's segment: a head with a salt, then framed records, then, once it is full, an end mark.

    head    b"CXSPOOL1", 16 bytes of salt
    frame   b"\xc7XSF", kind (1 byte), length (4 bytes, big-endian), SHA-256 (32 bytes), payload

The SHA-256 is that of salt, kind, length and payload. The salt is made anew for each segment, so that no payload can
hold what would pass for a frame of its own. A kill or a power failure leaves an unfinished frame, or zeros, at the end
of a segment that has no end mark: that was never answered with success, and is cut off. Anything else that is no frame
is damage, and told as such.
"""

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

_MAGIC = b"CXSPOOL1"
SALT_BYTES = 16
HEAD_BYTES = len(_MAGIC) + SALT_BYTES
_MARK = b"\xc7XSF"
_FRAME = struct.Struct(">4sBI32s")
_KIND_AND_LENGTH = struct.Struct(">BI")
FRAME_BYTES = _FRAME.size
"""What a frame takes beside its payload."""
_RECORD, _END = 0, 1


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of a segment, from `start` to before `end`, that are no frames, and why they are not what a kill leaves."""

    start: int
    end: int
    reason: str


@dataclass(slots=True)
class Contents:
    """What a segment holds. `torn_bytes`: so much at its end was never finished."""

    payloads: list[bytes] = field(default_factory=list)
    damages: list[Damage] = field(default_factory=list)
    torn_bytes: int = 0
    is_ended: bool = False


@dataclass(frozen=True, slots=True)
class _Frame:
    kind: int
    start: int
    end: int

    def payload(self, data: bytes) -> bytes:
        return data[self.start + FRAME_BYTES : self.end]


def head(salt: bytes) -> bytes:
    """The head of a segment."""
    return _MAGIC + salt


def frames(salt: bytes, payloads: Iterable[bytes]) -> bytes:
    """The payloads as frames, one after the other."""
    return b"".join(_framed(salt, _RECORD, payload) for payload in payloads)


def end_mark(salt: bytes) -> bytes:
    """What says that the segment is whole."""
    return _framed(salt, _END, b"")


def read_segment(data: bytes) -> Contents:
    """The records of a segment, whatever became of it; never raises."""
    contents = Contents()
    if not data.startswith(_MAGIC) or len(data) < HEAD_BYTES:
        _keep_tail(contents, data, 0, "the segment has no head")
        return contents
    salt = data[len(_MAGIC) : HEAD_BYTES]
    at = HEAD_BYTES
    while at < len(data):
        frame = _frame_at(data, at, salt) or _next_frame(data, at + 1, salt)
        if frame is None:
            _keep_tail(contents, data, at, "no frame follows")
            break
        if frame.start > at:
            contents.damages.append(Damage(at, frame.start, "the checksum is wrong"))
        if frame.kind == _END:
            contents.is_ended = True
        else:
            contents.payloads.append(frame.payload(data))
        at = frame.end
    return contents


def _framed(salt: bytes, kind: int, payload: bytes) -> bytes:
    return _FRAME.pack(_MARK, kind, len(payload), _digest(salt, kind, payload)) + payload


def _digest(salt: bytes, kind: int, payload: bytes) -> bytes:
    hashed = hashlib.sha256(salt + _KIND_AND_LENGTH.pack(kind, len(payload)))
    hashed.update(payload)
    return hashed.digest()


def _frame_at(data: bytes, at: int, salt: bytes) -> _Frame | None:
    if len(data) - at < FRAME_BYTES:
        return None
    mark, kind, length, digest = _FRAME.unpack_from(data, at)
    end = at + FRAME_BYTES + length
    if mark != _MARK or end > len(data):
        return None
    is_whole = _digest(salt, kind, data[at + FRAME_BYTES : end]) == digest
    return _Frame(kind, at, end) if is_whole else None


def _next_frame(data: bytes, start: int, salt: bytes) -> _Frame | None:
    while (start := data.find(_MARK, start)) >= 0:
        if frame := _frame_at(data, start, salt):
            return frame
        start += 1
    return None


def _keep_tail(contents: Contents, data: bytes, at: int, reason: str) -> None:
    """What stands at the end and is no frame: torn where it may be, damage where it cannot."""
    tail = data[at:]
    if not contents.is_ended and (_is_begun(tail, is_head=at == 0) or not tail.strip(b"\0")):
        contents.torn_bytes = len(tail)
    else:
        contents.damages.append(Damage(at, len(data), reason))


def _is_begun(tail: bytes, *, is_head: bool) -> bool:
    """Whether it is the beginning of a head or a frame of which the rest was never written."""
    if is_head:
        return len(tail) < HEAD_BYTES and tail[: len(_MAGIC)] == _MAGIC[: len(tail)]
    if len(tail) < FRAME_BYTES:
        return tail[: len(_MARK)] == _MARK[: len(tail)]
    mark, _, length, _ = _FRAME.unpack_from(tail)
    # A page that was never written is zeros, within a file that has its length already.
    return mark == _MARK and (FRAME_BYTES + length > len(tail) or not tail[-1:].strip(b"\0"))
