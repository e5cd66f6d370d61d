"""Records that wait to be made safe, and groups of them that are handled at once."""

import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import takewhile

from cx_pipeline.gateway.intake.records import Receipt, Record

GROUP_BYTES = 4 * 1024 * 1024
"""So much is handled at once at most; a single record may be longer."""


@dataclass(slots=True)
class Pending:
    """A record, and whom to tell where it is safe. Who tells first counts."""

    record: Record
    answer: Future[Receipt] = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)

    def tell(self, receipt: Receipt) -> None:
        """It is safe."""
        with suppress(InvalidStateError):
            self.answer.set_result(receipt)

    def refuse(self, error: BaseException) -> None:
        """It is safe nowhere."""
        with suppress(InvalidStateError):
            self.answer.set_exception(error)


def bytes_of(waiting: Iterable[Pending]) -> int:
    """How much waits."""
    return sum(len(each.record.payload) for each in waiting)


def take_group(waiting: deque[Pending]) -> list[Pending]:
    """The first of those that wait, as many as are handled at once; they wait no longer."""
    count = len(first_records(each.record for each in waiting))
    return [waiting.popleft() for _ in range(count)]


def first_records(records: Iterable[Record]) -> list[Record]:
    """The first of some records, as many as are handled at once, one at least."""
    size = 0

    def fits(record: Record) -> bool:
        nonlocal size
        is_first = size == 0
        size += max(1, len(record.payload))
        return is_first or size <= GROUP_BYTES

    return list(takewhile(fits, records))
