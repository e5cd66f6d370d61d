"""Processes that try for leases, and what they say."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from cx_pipeline_tests.waiting import PATIENCE_S


class Holder:
    """A process of `holder.py`."""

    def __init__(self, *arguments: str) -> None:
        program = Path(__file__).with_name("holder.py")
        self.process = subprocess.Popen(
            [sys.executable, str(program), *arguments], stdout=subprocess.PIPE, text=True
        )
        self._said: Queue[str] = Queue()
        Thread(target=self._hear, daemon=True).start()

    def _hear(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._said.put(line.strip())

    def said(self, timeout_s: float = PATIENCE_S) -> str:
        return self._said.get(timeout=timeout_s)

    def says_nothing(self, for_s: float) -> bool:
        try:
            self._said.get(timeout=for_s)
        except Empty:
            return True
        return False

    def wait_until(self, word: str) -> None:
        while self.said() != word:
            pass


@contextmanager
def holder(*arguments: str) -> Iterator[Holder]:
    running = Holder(*arguments)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()
        assert running.process.stdout is not None
        running.process.stdout.close()
