"""Bytes as they come, cut into lines; a line that is too long for an event is shortened, and says so."""

from cx_pipeline.adapters.intake.chunk import KEPT_TEXT_BYTES
from cx_pipeline.adapters.intake.lines import MAX_LINE_BYTES


def shortened(head: bytes, length_bytes: int) -> bytes:
    """What is sent in place of a line that is too long: its beginning and its length. It is no JSON: the gateway quarantines it."""
    return head[:KEPT_TEXT_BYTES] + f"… ({length_bytes} bytes)".encode()


class LineCutter:
    """Cuts a stream into lines, at constant memory whatever comes."""

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max = max_line_bytes
        self._rest = bytearray()
        self._dropped = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` ends, without their newlines."""
        *whole, rest = data.split(b"\n")
        lines = []
        for piece in whole:
            self._keep(piece)
            lines.append(self._taken())
        self._keep(rest)
        return lines

    def finish(self) -> list[bytes]:
        """The last line, where it has no newline: none, or one."""
        return [self._taken()] if self._rest else []

    def _keep(self, piece: bytes) -> None:
        room = max(0, self._max + 1 - len(self._rest))
        self._rest += piece[:room]
        self._dropped += max(0, len(piece) - room)

    def _taken(self) -> bytes:
        line, length = bytes(self._rest), len(self._rest) + self._dropped
        self._rest.clear()
        self._dropped = 0
        return line if length <= self._max else shortened(line, length)
