"""One open file that may grow: whole lines of it, from where it was read to."""

import os
from collections.abc import Sequence
from pathlib import Path
from stat import S_ISREG
from time import time

from cx_pipeline.adapters.intake.chunk import KEPT_TEXT_BYTES
from cx_pipeline.adapters.intake.lines import MAX_LINE_BYTES
from cx_pipeline.adapters.listening.batches import BATCH_BYTES, BATCH_LINES
from cx_pipeline.adapters.listening.lines import shortened
from cx_pipeline.adapters.listening.positions import Position, Trail, trail_of
from cx_pipeline.core.errors import ConfigurationError


class FileCutError(Exception):
    """The file no longer holds what was read of it: it was cut to nothing, or written anew."""


class TailedFile:
    """A file that is held open: it is read to its end even when its name has gone."""

    def __init__(self, descriptor: int, trail: Trail, *, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._descriptor = descriptor
        self._max_line_bytes = max_line_bytes
        self._scanned = 0
        self.trail = trail

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)

    @property
    def status(self) -> os.stat_result:
        """Its inode, size and times as they are."""
        return os.fstat(self._descriptor)

    @property
    def position(self) -> Position:
        """How far it is read."""
        return self.trail.position(self.status, time())

    @property
    def unread_bytes(self) -> int:
        """How much of it was not read, an unfinished line included."""
        return max(0, self.status.st_size - self.trail.offset)

    def read_lines(
        self, *, is_final: bool, max_lines: int = BATCH_LINES, max_bytes: int = BATCH_BYTES
    ) -> Sequence[bytes]:
        """The next whole lines, without their newlines; none at the end. What they hold counts as read.

        Args:
            is_final: whether the last line is whole even without a newline, as nothing will be written any more.
            max_lines: at most so many.
            max_bytes: and so many bytes, unless a single line is longer.

        Raises:
            FileCutError: the file does not hold any more what was read before.
        """
        data = os.pread(self._descriptor, max_bytes, self.trail.offset)
        if len(data) == max_bytes and b"\n" not in data:
            data = os.pread(self._descriptor, self._max_line_bytes + 1, self.trail.offset)
        if not self.trail.is_of(self._descriptor):  # looked at after the read: what was read is of this file
            raise FileCutError
        if len(data) > self._max_line_bytes and b"\n" not in data:
            return self._too_long(data[:KEPT_TEXT_BYTES], is_final=is_final)
        *lines, rest = data.split(b"\n", max_lines)
        is_end = self.status.st_size <= self.trail.offset + len(data)
        if len(lines) < max_lines and rest and is_final and is_end:
            lines.append(rest)
            self.trail = self.trail.after(data)
            return lines
        read = sum(map(len, lines)) + len(lines)
        self.trail = self.trail.after(data[:read]).seeing(data[read:])
        return lines

    def _too_long(self, head: bytes, *, is_final: bool) -> Sequence[bytes]:
        """The beginning of a line that is too long, once its end is there; its bytes are not kept in memory."""
        start = self.trail.offset
        at = max(self._scanned, start)
        while data := os.pread(self._descriptor, BATCH_BYTES, at):
            found = data.find(b"\n")
            if found >= 0:
                return self._past(at + found + 1, shortened(head, at + found - start))
            at += len(data)
        self._scanned = at
        return self._past(at, shortened(head, at - start)) if is_final else []

    def _past(self, end: int, line: bytes) -> Sequence[bytes]:
        trail = trail_of(self._descriptor, end)
        if trail is None:
            raise FileCutError
        self.trail = trail
        return [line]


def open_regular(path: Path) -> int:
    """A descriptor of a regular file.

    Raises:
        FileNotFoundError: there is none.
        OSError: it cannot be opened.
        ConfigurationError: it is something else, which could not be read again.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise ConfigurationError(f"{path} is no file: give - and let it write to standard input")
