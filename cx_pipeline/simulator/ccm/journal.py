"""The journal of the reference manager: what it got, on disk before it answers."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from cx_pipeline.core.errors import InputError

Entry = dict[str, Any]


class Journal:
    """Appends entries to a file of NDJSON; those that wait at the same time share one fsync.

    Entries are kept in the order of `append`: when one is on disk, all before it are.
    """

    def __init__(self, file: Path | None) -> None:
        """Without a file nothing is kept, and appending costs nothing."""
        self._file = file
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._out: IO[bytes] | None = None
        self._broken: OSError | None = None

    def read(self) -> Iterator[Entry]:
        """The entries of earlier runs. A last line that was cut off was never answered: it is removed.

        Raises:
            InputError: a whole line is no entry; the message names the file and the line.
        """
        if self._file is None or not self._file.exists():
            return
        with self._file.open("r+b") as file:
            end = 0
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    break
                end += len(line)
                yield self._entry(line, number)
            file.truncate(end)

    def _entry(self, line: bytes, number: int) -> Entry:
        try:
            entry: Entry = json.loads(line)
        except ValueError:
            raise InputError(
                f"{self._file}, line {number}: no JSON; this is no journal of a conversation manager"
            ) from None
        return entry

    def open(self) -> None:
        """Make ready to append; the folder is made where there is none."""
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._out = self._file.open("ab")

    async def append(self, entry: Entry) -> None:
        """Keep an entry; on return it is on disk.

        Raises:
            OSError: it, or one before it, cannot be written; only a new start helps.
        """
        if self._broken is not None:
            raise self._broken
        if self._out is None:
            return
        kept = asyncio.get_running_loop().create_future()
        line = json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        self._waiting.append((line, kept))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_waiting())
        # A client that goes away must not take the entries of others with it.
        await asyncio.shield(kept)

    async def close(self) -> None:
        """Write what waits, and close the file."""
        if self._writing is not None:
            await self._writing
        if self._out is not None:
            self._out.close()
            self._out = None

    async def _write_waiting(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._write(batch)
        finally:
            self._writing = None

    async def _write(self, batch: list[tuple[bytes, asyncio.Future[None]]]) -> None:
        try:
            await asyncio.to_thread(self._write_lines, b"".join(line for line, _ in batch))
        except OSError as error:
            self._broken = error
            for _, kept in batch:
                kept.set_exception(error)
        else:
            for _, kept in batch:
                kept.set_result(None)

    def _write_lines(self, lines: bytes) -> None:
        if self._out is not None:
            self._out.write(lines)
            self._out.flush()
            os.fsync(self._out.fileno())
