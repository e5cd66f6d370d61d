"""Lines of a stream that cannot be read again: each is on disk before it counts as heard, and goes from there.

So nothing that was heard is lost when the gateway is away, when the stream ends, or when this process is killed: the
next start sends first what the last one left. When the disk's share is full the stream is not read on: its writer waits.
"""

import os
import select
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

from cx_pipeline.adapters.listening.batches import Batch
from cx_pipeline.adapters.listening.lines import LineCutter
from cx_pipeline.adapters.listening.positions import Position
from cx_pipeline.adapters.listening.segments import SegmentFolder
from cx_pipeline.adapters.storage.storage_faults import storage_faults
from cx_pipeline.core.errors import ConfigurationError, StorageUnavailableError

MOST_BYTES = 256 * 1024 * 1024
_READ_BYTES = 64 * 1024
_LOOK_S = 0.2
_RETRY_S = 2.0


class StandardInput:
    """The lines of a stream, by way of a folder on disk.

    Args:
        descriptor: of the stream.
        folder: of this listener alone.
        stamped: what a line becomes when it is heard.
        may_read: whether it may be read now: a stream behind a lease is left alone until the lease is held.
        most_bytes: so much is kept on disk; beyond it the stream is not read on.
        on_notice: is told in words what a person should know.
    """

    is_leased = False
    is_stamped = True

    def __init__(
        self,
        descriptor: int,
        folder: Path,
        *,
        stamped: Callable[[bytes], bytes] = lambda line: line,
        may_read: Callable[[], bool] = lambda: True,
        most_bytes: int = MOST_BYTES,
        on_notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._descriptor, self._stamped, self._may_read = descriptor, stamped, may_read
        self._most_bytes, self._on_notice = most_bytes, on_notice
        self._cutter = LineCutter()
        self._segments = SegmentFolder(folder)
        self._stopping, self._ended = Event(), Event()
        self._is_open = True
        self._failure: ConfigurationError | None = None
        self._pending: Batch | None = None
        if left := self._segments.size_bytes:
            on_notice(f"sending first what the last start left in {folder}: up to {left:,} bytes")
        self._reader = Thread(target=self._read_on, name="standard input", daemon=True)
        self._reader.start()

    @property
    def is_at_end(self) -> bool:
        """Whether the stream has ended, and all that came was delivered."""
        return self._ended.is_set() and self._pending is None and self._segments.unread_bytes <= 0

    @property
    def has_ended(self) -> bool:
        """Whether the stream has ended."""
        return self._ended.is_set()

    @property
    def is_connected(self) -> bool:
        """Whether the stream is open and read."""
        return self._is_open and self._failure is None and self._may_read()

    @property
    def failed_reconnections(self) -> int:
        """0: a stream that ended does not come back."""
        return 0

    @property
    def waiting(self) -> str:
        """How much is on disk and not delivered."""
        size_bytes = self._segments.size_bytes
        return f"{size_bytes:,} bytes wait in {self._segments.folder}" if size_bytes else ""

    def next_batch(self) -> Batch | None:
        """As `LineSource` says."""
        if self._pending is None and (found := self._segments.next_lines()) is not None:
            lines, position = found
            self._pending = Batch([line for line in lines if line.strip()], position)
        if self._pending is None and self._failure is not None:
            raise self._failure
        return self._pending

    def delivered(self, batch: Batch) -> None:
        """As `LineSource` says."""
        self._pending = None
        try:
            if isinstance(batch.mark, Position):
                self._segments.delivered(batch.mark)
        except StorageUnavailableError as error:  # a full disk gets room only by going on
            self._on_notice(f"{error}: until then, lines may come twice")
        if self.is_at_end:
            self._segments.clear()

    def restart(self) -> None:
        """Nothing: what was heard is nobody else's to send."""

    def stop(self) -> None:
        """Read the stream no further; what came of it is on disk when this returns."""
        self._stopping.set()
        self._reader.join(2 * _RETRY_S)

    def close(self) -> None:
        """Stop, and let go of the folder."""
        self.stop()
        if self.is_at_end:
            self._segments.clear()
        self._segments.close()

    def _read_on(self) -> None:
        try:
            while not self._stopping.is_set() and self._is_open:
                if not self._may_read() or self._segments.size_bytes >= self._most_bytes:
                    self._stopping.wait(_LOOK_S)
                elif select.select([self._descriptor], [], [], _LOOK_S)[0]:
                    self._hear()
            self._keep(self._cutter.finish())
        except ConfigurationError as error:
            self._failure = error
        finally:
            self._is_open = False
            self._ended.set()

    def _hear(self) -> None:
        with storage_faults("read standard input"):
            data = os.read(self._descriptor, _READ_BYTES)
        self._is_open = bool(data)
        self._keep(self._cutter.feed(data))

    def _keep(self, lines: list[bytes]) -> None:
        """Write lines to disk, however often that takes; a full disk holds the stream back."""
        stamped = [self._stamped(line) for line in lines if line.strip()]
        while stamped:
            try:
                self._segments.append(stamped)
            except StorageUnavailableError as error:
                self._on_notice(str(error))
            else:
                return
            if self._stopping.wait(_RETRY_S):
                self._on_notice(
                    f"{len(stamped)} lines of standard input are lost: the disk does not take them"
                )
                return
