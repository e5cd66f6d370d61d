"""How long a lease may be believed in: from the moment before it was last proven, for a given time and no longer."""

import time
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self


def seconds() -> float:
    """A clock that goes on while the machine sleeps: a lease does not last through a night with the lid closed."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Proof:
    """Written by the thread that proves, read by the one that acts."""

    def __init__(self, valid_s: float) -> None:
        self._valid_s = valid_s
        self._guard = Lock()
        self._until = 0.0

    def given(self, asked_at: float) -> None:
        """Note that it was proven by an answer to what was asked at `asked_at`."""
        with self._guard:
            self._until = asked_at + self._valid_s

    def withdraw(self) -> None:
        """Believe in it no more."""
        with self._guard:
            self._until = 0.0

    @property
    def holds(self) -> bool:
        """Whether the last proof is young enough."""
        with self._guard:
            return seconds() < self._until


class LeaseThread:
    """What both kinds of lease have in common: a thread that tries, holds, and gives back; a flag that tells.

    A kind of lease says in `_pursue` what to do until `_ending` is set.
    """

    def __init__(self, name: str, valid_s: float) -> None:
        self.name = name
        self._proof = Proof(valid_s)
        self._ending = Event()
        self._trouble = ""
        self._thread = Thread(target=self._pursue, name=f"lease {name}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._proof.withdraw()
        self._ending.set()
        self._thread.join(10.0)

    @property
    def is_held(self) -> bool:
        """As `Lease` says."""
        return self._proof.holds

    @property
    def trouble(self) -> str:
        """As `Lease` says."""
        return self._trouble

    def _pursue(self) -> None:
        raise NotImplementedError
