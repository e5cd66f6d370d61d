"""Processes that mix, kept warm: what happens to one of them costs its own recording and no other.

Each has a socket and a lifeline of its own, so that one that is killed in the middle of a word holds no lock and spoils
nothing that others use. (The usual pools share a queue: concurrent.futures' breaks as a whole when a process dies,
Pebble's stops where one dies that holds the lock.) They are programs started anew, never forks of this process, which
may have threads.
"""

import os
import pickle
import socket
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

from cx_pipeline.adapters.audio import mix_worker
from cx_pipeline.adapters.audio.mix_answers import OUT_OF_MEMORY, UNEXPECTED, Answer, Make
from cx_pipeline.adapters.audio.mix_worker import READY
from cx_pipeline.adapters.audio.mixing import MixOrder, make_recording
from cx_pipeline.core.errors import ConfigurationError, CxError, PermanentError, TransientError
from cx_pipeline.core.recording.rendered import RenderedFile

TIMED_OUT, KILLED = "TIMED_OUT", "KILLED"
START_TIMEOUT_S = 120.0
_END_TIMEOUT_S = 5.0
_LAST_WORDS_S = 1.0
"""For a process that has closed its socket to end as it was going to."""
_SOCKET_TIMEOUT_S = 30
"""For a process that stands still in the middle of a message."""
_MOST_FAILED_STARTS = 3
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")


@dataclass(frozen=True, slots=True)
class MixOutcome:
    """What came of an order: `rendered`, or else `error` and `failure`, a short word that stays the same."""

    order: MixOrder
    rendered: RenderedFile | None
    error: CxError | None
    failure: str | None


class MixPool:
    """Processes that mix, from the beginning of a `with` block to its end.

    Args:
        workers: how many.
        timeout_s: for one recording; then its process is killed, and another takes its place.
        make: what they do, a function that can be imported.
    """

    def __init__(self, workers: int, timeout_s: float, make: Make = make_recording) -> None:
        if workers < 1:
            raise ValueError("a pool has one worker at least")
        self._count, self._timeout_s, self._make = workers, timeout_s, make
        self._workers: list[_Worker] = []
        self._failed_starts = 0

    def __enter__(self) -> Self:
        self._fill_up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.release()
        for worker in self._workers:
            worker.end(_END_TIMEOUT_S if worker.is_free else 0.0)
        self._workers.clear()

    def run(self, orders: Iterable[MixOrder]) -> Iterator[MixOutcome]:
        """Have the orders done; what came of each, as they end. An order is taken when a process is free for it.

        Raises:
            ConfigurationError: the processes do not start.
        """
        waiting = _Waiting(orders)
        self._fill_up()
        try:
            while True:
                yield from self._give(waiting)
                if not any(worker.order for worker in self._workers) and waiting.is_over:
                    return
                yield from self._collect()
        finally:
            for worker in [each for each in self._workers if each.order is not None]:
                self._workers.remove(worker)  # nobody waits for it any more
                worker.end(grace_s=0.0)

    def _give(self, waiting: "_Waiting") -> Iterator[MixOutcome]:
        """Give an order to each process that is free."""
        for worker in [each for each in self._workers if each.is_free]:
            order = waiting.next()
            if order is None:
                return
            try:
                message = pickle.dumps((self._make, order))
            except (pickle.PicklingError, TypeError, AttributeError) as error:
                problem = f"recording {order.plan.recording_id}: its order cannot be handed over: {error}"
                yield MixOutcome(order, None, PermanentError(problem), UNEXPECTED)
                continue
            if not worker.give(order, message, self._timeout_s):
                waiting.put_back(order)
                self._replace(worker)

    def _collect(self) -> Iterator[MixOutcome]:
        """Wait until something happens: an answer, an end, or a time that is over."""
        deadline = min((worker.deadline for worker in self._workers if not worker.is_free), default=0.0)
        talking = wait(
            [worker.connection for worker in self._workers], timeout=max(0.0, deadline - monotonic())
        )
        for worker in list(self._workers):
            if worker.connection in talking:
                yield from self._listen(worker)
            elif not worker.is_free and monotonic() >= worker.deadline:
                yield from self._give_up(worker)

    def _listen(self, worker: "_Worker") -> Iterator[MixOutcome]:
        said = worker.heard()
        order = worker.order
        if said == READY:
            worker.is_ready = True
            self._failed_starts = 0
        elif isinstance(said, Answer) and order is not None:
            worker.order = None
            if said.failure == OUT_OF_MEMORY:
                self._replace(worker)
            yield MixOutcome(order, said.rendered, said.error, said.failure)
        else:
            ending = self._replace(worker, grace_s=_LAST_WORDS_S)
            if order is not None:
                problem = f"recording {order.plan.recording_id}: the process that mixed it {ending}"
                yield MixOutcome(order, None, TransientError(problem), KILLED)

    def _give_up(self, worker: "_Worker") -> Iterator[MixOutcome]:
        order = worker.order
        self._replace(worker)
        if order is not None:
            problem = f"recording {order.plan.recording_id} took longer than {self._timeout_s:g} s (CX_MIX_TIMEOUT_S)"
            yield MixOutcome(order, None, TransientError(problem), TIMED_OUT)

    def _replace(self, worker: "_Worker", grace_s: float = 0.0) -> str:
        """Put another process in its place; how it ended, by itself if within `grace_s`."""
        if not worker.is_ready:
            self._failed_starts += 1
        self._workers.remove(worker)
        ending = worker.end(grace_s)
        if self._failed_starts >= _MOST_FAILED_STARTS:
            raise ConfigurationError(f"the processes that mix do not start: the last one {ending}")
        self._fill_up()
        return ending

    def _fill_up(self) -> None:
        while len(self._workers) < self._count:
            self._workers.append(_Worker())


class _Worker:
    """One process, and what it is doing."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", mix_worker.__name__, str(theirs.fileno())],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    env=_environment(),
                )
            except OSError as error:
                ours.close()
                raise ConfigurationError(f"cannot start a process that mixes: {error.strerror}") from error
        limit = struct.pack("ll", _SOCKET_TIMEOUT_S, 0)
        for direction in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            ours.setsockopt(socket.SOL_SOCKET, direction, limit)
        self.connection = Connection(ours.detach())
        self.is_ready = False
        self.order: MixOrder | None = None
        self.deadline = monotonic() + START_TIMEOUT_S

    @property
    def is_free(self) -> bool:
        return self.is_ready and self.order is None

    def give(self, order: MixOrder, message: bytes, timeout_s: float) -> bool:
        """Hand over an order; whether it was taken."""
        try:
            self.connection.send_bytes(message)
        except OSError:
            return False
        self.order, self.deadline = order, monotonic() + timeout_s
        return True

    def heard(self) -> object:
        """What it says; null if it is gone."""
        try:
            return self.connection.recv()
        except Exception:  # the end, or a message that cannot be read, in whatever way
            return None

    def release(self) -> None:
        """Let it end, if it has nothing to do."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()

    def end(self, grace_s: float) -> str:
        """See to it that it is gone, and how it went: by itself if within `grace_s`."""
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            with suppress(subprocess.TimeoutExpired):  # not even kill reaches what waits for a dead storage
                self._process.wait(_END_TIMEOUT_S)
        self.release()
        self.connection.close()
        status = self._process.returncode
        if status is None:
            return "does not end"
        return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"


class _Waiting:
    """Orders that nobody has taken yet."""

    def __init__(self, orders: Iterable[MixOrder]) -> None:
        self._orders = iter(orders)
        self._returned: list[MixOrder] = []
        self.is_over = False

    def next(self) -> MixOrder | None:
        if self._returned:
            return self._returned.pop()
        order = next(self._orders, None)
        self.is_over = order is None
        return order

    def put_back(self, order: MixOrder) -> None:
        self._returned.append(order)
        self.is_over = False


def _environment() -> dict[str, str]:
    """The worker finds the same modules, computes in one thread, and sees none of our settings."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("CX_")}
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    return {**others, **dict.fromkeys(_ONE_THREAD, "1"), "PYTHONPATH": path}
