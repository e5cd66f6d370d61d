"""The way of records: into the database at once, or, while that is away, to the spool and from there in order.

Three threads. Two committers store: what waits in the spool first, else all that has come meanwhile, in one go; one
reads its records while the other's are in the database's hands. The spooler appends to the spool all that has come meanwhile, with one forcing to disk. A record goes straight to the
committers as long as the database answers and little waits in the spool; else behind what waits there. Each record is
answered once it is safe in one of the two places.
"""

import logging
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Condition, Thread, get_ident

from cx_pipeline.adapters.spool.spool import Segment, Spool
from cx_pipeline.core.errors import CxError, InputError
from cx_pipeline.gateway.intake.figures import IntakeFigures
from cx_pipeline.gateway.intake.pending import Pending, bytes_of, first_records, take_group
from cx_pipeline.gateway.intake.records import Receipt, Record, from_bytes, to_bytes
from cx_pipeline.gateway.intake.storing import RecordStore

COMMITTERS = 2
CATCH_UP_BYTES = 8 * 1024 * 1024
"""Below this the rest of the spool is stored in less time than a sender waits: new records wait for it."""
PATIENCE_S = 5.0
"""So long a record waits for the database; then it goes to the spool as well. Stored twice is as once."""
_RETRY_S = (0.2, 0.5, 1.0, 2.0)
_LOOK_EVERY_S = 0.5
_ADOPT_EVERY_S = 30.0
_MOST_WAITING_BYTES = 64 * 1024 * 1024

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Drain:
    """The oldest segment of the spool, and what of it is not stored yet."""

    segment: Segment
    records: deque[Record]


class IntakeFlow:
    """Takes records in and makes them safe. `close` before the process ends."""

    def __init__(self, store: RecordStore, spool: Spool, figures: IntakeFigures) -> None:
        self._store, self._spool, self._figures = store, spool, figures
        self._changed = Condition()
        self._direct: deque[Pending] = deque()
        self._to_spool: deque[Pending] = deque()
        self._in_hand: dict[int, list[Pending]] = {}
        self._drain: _Drain | None = None
        self._is_draining = False
        self._failures = 0
        self._retry_at = 0.0
        self._is_closing = self._is_given_up = False
        self._committers = [
            Thread(target=self._commit, name=f"intake-committer-{number}", daemon=True)
            for number in range(COMMITTERS)
        ]
        self._spooler = Thread(target=self._append, name="intake-spooler", daemon=True)
        for thread in (*self._committers, self._spooler):
            thread.start()

    @property
    def is_database_away(self) -> bool:
        """Whether the database did not take what it was last asked to store."""
        return self._failures > 0

    def take(self, record: Record) -> Future[Receipt]:
        """Take a record in; the future tells where it is safe.

        The future raises:
            SpoolFullError: it is safe nowhere: the database is away, and the spool is full.
            StorageUnavailableError: likewise, and the spool's disk does not answer.
            ConfigurationError: likewise, and the spool's folder cannot be written.
        """
        pending = Pending(record)
        with self._changed:
            (self._direct if self._goes_direct() else self._to_spool).append(pending)
            self._changed.notify_all()
        return pending.answer

    def close(self, timeout_s: float) -> None:
        """Make safe what was taken in, and end: what the database has not taken by then is in the spool."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        deadline = time.monotonic() + timeout_s
        for committer in self._committers:
            committer.join(timeout=max(0.0, deadline - time.monotonic()))
        with self._changed:
            self._give_to_spool()
            self._is_given_up = True
            self._changed.notify_all()
        self._spooler.join(timeout=max(1.0, deadline - time.monotonic()))
        self._spool.close()

    def _goes_direct(self) -> bool:
        if self._failures or self._to_spool or self._is_closing:
            return False
        if self._spool.backlog_bytes > CATCH_UP_BYTES:
            return False
        return bytes_of(self._direct) < _MOST_WAITING_BYTES

    # The committers

    def _commit(self) -> None:
        while (group := self._next_group()) is not None:
            try:
                if group:
                    self._store_group(group)
                else:
                    self._store_from_spool()
            except Exception as error:
                self._note_failure(error)
            else:
                self._note_success()

    def _next_group(self) -> list[Pending] | None:
        """The records to store now; none: those of the spool; null: it is time to end."""
        with self._changed:
            while True:
                if self._is_closing and (self._failures or not self._direct):
                    return None
                wait_s = self._retry_at - time.monotonic() if self._failures else 0.0
                if wait_s <= 0 and (group := self._ready()) is not None:
                    return group
                self._changed.wait(min(wait_s, _LOOK_EVERY_S) if wait_s > 0 else _LOOK_EVERY_S)

    def _ready(self) -> list[Pending] | None:
        """What there is to store: what waits in the spool, which one committer stores, before all that came later."""
        if self._is_draining:
            return None
        if (self._drain or not self._spool.is_empty) and not self._is_closing:
            self._is_draining = True
            return []
        if self._direct:
            group = self._in_hand[get_ident()] = take_group(self._direct)
            return group
        if not self._to_spool:
            # Nothing waits that could tell whether the database is back: the next record does.
            self._failures = 0
        return None

    def _store_group(self, group: Sequence[Pending]) -> None:
        outcomes = self._store.store([pending.record for pending in group])
        for pending, outcome in zip(group, outcomes, strict=True):
            self._figures.count_stored(pending.record, outcome)
            pending.tell(Receipt(outcome))

    def _store_from_spool(self) -> None:
        drain = self._drain = self._drain or self._oldest()
        if drain is None:
            return
        if drain.records:
            group = first_records(drain.records)
            for record, outcome in zip(group, self._store.store(group), strict=True):
                self._figures.count_drained(record, outcome)
            for _ in group:
                drain.records.popleft()
        if not drain.records:
            self._spool.remove(drain.segment)
            self._drain = None

    def _oldest(self) -> _Drain | None:
        segment = self._spool.oldest()
        if segment is None:
            return None
        self._figures.damages.inc(segment.damages)
        if segment.torn_bytes:
            _log.warning("%s ends with %d bytes that were never finished", segment.path, segment.torn_bytes)
        if segment.damages:
            _log.error("%s is damaged: see %s", segment.path, segment.path.parent / "dead")
        records: deque[Record] = deque()
        for number, payload in enumerate(segment.payloads):
            try:
                records.append(from_bytes(payload))
            except InputError as error:
                self._spool.set_aside(f"{segment.path.stem}-record-{number}", payload, str(error))
                self._figures.damages.inc()
        return _Drain(segment, records)

    def _note_success(self) -> None:
        with self._changed:
            self._end_turn()
            if self._failures:
                _log.info("the database takes events again")
            self._failures = 0
            self._figures.away.set(0)

    def _note_failure(self, error: BaseException) -> None:
        is_ours = isinstance(error, CxError)
        with self._changed:
            if not self._failures:
                _log.warning(
                    "what comes in goes to the spool: %s", error, exc_info=None if is_ours else error
                )
            self._go_away()
            self._end_turn()

    def _end_turn(self) -> None:
        """This committer has done with what it had."""
        if self._in_hand.pop(get_ident(), None) is None:
            self._is_draining = False
        self._changed.notify_all()

    def _go_away(self) -> None:
        """From now on everything goes to the spool, until the database has taken what is there."""
        self._retry_at = time.monotonic() + _RETRY_S[min(self._failures, len(_RETRY_S) - 1)]
        self._failures += 1
        self._figures.away.set(1)
        self._give_to_spool()
        self._changed.notify_all()

    def _give_to_spool(self) -> None:
        """What waits for the database goes before what already waits for the spool: it came earlier."""
        waiting = [each for each in self._waiting() if not each.answer.done()]
        self._to_spool.extendleft(reversed(waiting))
        self._in_hand = {committer: [] for committer in self._in_hand}
        self._direct.clear()

    def _waiting(self) -> list[Pending]:
        return [*(each for group in self._in_hand.values() for each in group), *self._direct]

    # The spooler

    def _append(self) -> None:
        next_adoption = time.monotonic() + _ADOPT_EVERY_S
        while (group := self._next_to_spool()) is not None:
            if group:
                self._append_group(group)
            elif time.monotonic() >= next_adoption:
                next_adoption = time.monotonic() + _ADOPT_EVERY_S
                self._adopt()
            self._figures.backlog.set(self._spool.backlog_bytes)

    def _next_to_spool(self) -> list[Pending] | None:
        with self._changed:
            self._end_patience()
            if not self._to_spool:
                if self._is_given_up:
                    return None
                self._changed.wait(_LOOK_EVERY_S)
                self._end_patience()
            return take_group(self._to_spool)

    def _end_patience(self) -> None:
        oldest = min((each.since for each in self._waiting()), default=None)
        if oldest is not None and time.monotonic() - oldest > PATIENCE_S:
            _log.warning(
                "the database did not answer within %g s: what comes in goes to the spool", PATIENCE_S
            )
            self._go_away()

    def _append_group(self, group: Sequence[Pending]) -> None:
        try:
            self._spool.append([to_bytes(pending.record) for pending in group])
        except Exception as error:
            if len(group) > 1:
                for pending in group:
                    self._append_group([pending])
                return
            self._figures.refused.inc()
            group[0].refuse(error)
            return
        for pending in group:
            self._figures.count_spooled(pending.record)
            pending.tell(Receipt())
        with self._changed:
            self._changed.notify_all()

    def _adopt(self) -> None:
        try:
            if adopted := self._spool.adopt_leftovers():
                _log.warning("took over %d segments that a gateway left which ended", adopted)
        except CxError as error:
            _log.warning("what others left in the spool cannot be taken over: %s", error)
