"""One run of the deliverer: claims, sends and marks until nothing is due, the time is over, or too much fails."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from cx_pipeline.adapters.ccm.client import MessageSender
from cx_pipeline.adapters.database.outbox_delivery import DeliveryLedger, Visit
from cx_pipeline.core.messages.delivery import (
    Answer,
    Claim,
    FailureRow,
    Mark,
    Verdict,
    mark_of,
    verdict_of,
)
from cx_pipeline.core.messages.outbox_row import DEAD

GRACE_S = 2.0
"""So long before the end of its time a run takes nothing new, and lets what is under way end."""
LEASE_MARGIN_S = 10.0
"""A claim lasts so much longer than a send may take: what was not begun by then is not sent."""
CALLS_AT_ONCE = 1000
"""So many due calls are looked up at a time."""
_LOOK_AGAIN_S = 0.5
_OTHERS_TURN_S = 0.02
"""What is due and could not be claimed is claimed by somebody else just now."""


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a run of delivery did. `sent` counts attempts: `delivered` + `retried` + `dead`."""

    sent: int = 0
    delivered: int = 0
    retried: int = 0
    """Attempts after which the message goes again."""
    dead: int = 0
    is_stopped: bool = False
    """The destination failed too often in a row."""
    is_drained: bool = False
    """Nothing was due any more when it ended."""
    last_error: str | None = None
    """Of the newest attempt that failed."""


class DeliveryRun:
    """The state of one run; used once."""

    def __init__(
        self,
        ledger: DeliveryLedger,
        sender: MessageSender,
        *,
        clock: Callable[[], datetime],
        jitter: Callable[[], float],
        concurrency: int,
        longest_send_s: float,
        stopping: asyncio.Event,
    ) -> None:
        self._ledger, self._sender, self._clock, self._jitter = ledger, sender, clock, jitter
        self._concurrency = concurrency
        self._lease = timedelta(seconds=longest_send_s + LEASE_MARGIN_S)
        self._stopping = stopping
        self._row = FailureRow()
        self._calls: deque[str] = deque()
        self._look_again_at = 0.0
        self._under_way: dict[asyncio.Task[None], Claim] = {}
        self._marks: list[Mark] = []
        self._counts = dict.fromkeys(Verdict, 0)
        self._dead = 0
        self._last_error: str | None = None

    async def deliver(self, budget_s: float) -> DeliveryReport:
        """Deliver for at most `budget_s` seconds; what is under way then is cut off, and goes again later."""
        end_at = monotonic() + budget_s
        closing_at = end_at - min(GRACE_S, budget_s / 5)
        is_drained = False
        try:
            while not is_drained and (self._is_open(closing_at) or self._under_way or self._marks):
                await self._visit(is_open=self._is_open(closing_at))
                if self._under_way:
                    await self._wait(closing_at, end_at)
                    end_at = min(end_at, monotonic() + GRACE_S) if self._stopping.is_set() else end_at
                    if monotonic() >= end_at:
                        await self._cut_off()
                elif self._is_open(closing_at):
                    is_drained = await self._has_nothing_due()
        finally:
            for task in self._under_way:
                task.cancel()
        sent = sum(self._counts.values())
        delivered = self._counts[Verdict.DELIVERED]
        return DeliveryReport(
            sent=sent,
            delivered=delivered,
            retried=sent - delivered - self._dead,
            dead=self._dead,
            is_stopped=self._row.is_over,
            is_drained=is_drained,
            last_error=self._last_error,
        )

    def _is_open(self, closing_at: float) -> bool:
        return monotonic() < closing_at and not self._stopping.is_set() and not self._row.is_over

    async def _visit(self, *, is_open: bool) -> None:
        """Write what came of messages, claim the next ones, and begin to send them."""
        slots = max(0, self._row.slots(self._concurrency) - len(self._under_way)) if is_open else 0
        if slots and not self._calls and monotonic() >= self._look_again_at:
            await self._look_up()
        calls = [self._calls.popleft() for _ in range(min(slots, len(self._calls)))]
        marks, self._marks = self._marks, []
        if not calls and not marks:
            return
        begin_before = monotonic() + LEASE_MARGIN_S
        visit = Visit(marks, calls, self._clock(), self._lease)
        for claim in await asyncio.to_thread(self._ledger.visit, visit):
            task = asyncio.create_task(self._send(claim, begin_before))
            self._under_way[task] = claim

    async def _look_up(self) -> None:
        found = await asyncio.to_thread(self._ledger.due_calls, self._clock(), CALLS_AT_ONCE)
        self._calls.extend(found)
        if len(found) < CALLS_AT_ONCE:
            self._look_again_at = monotonic() + _LOOK_AGAIN_S

    async def _has_nothing_due(self) -> bool:
        """Nothing is under way: whether that is because nothing is due."""
        if self._calls or self._marks:
            return False
        await self._look_up()
        if self._calls:
            await asyncio.sleep(_OTHERS_TURN_S)
        return not self._calls

    async def _send(self, claim: Claim, begin_before: float) -> None:
        if monotonic() < begin_before:
            self._note(claim, await self._sender.send(claim))
        else:
            self._note(claim, Answer(None, "not sent: its turn was over before it began"))

    def _note(self, claim: Claim, answer: Answer) -> None:
        """Take in what came of a message, in the order of the answers."""
        verdict = verdict_of(answer.status_code)
        mark = mark_of(claim, answer, now=self._clock(), jitter=self._jitter())
        self._row = self._row.after(verdict)
        self._marks.append(mark)
        self._counts[verdict] += 1
        self._dead += mark.status == DEAD
        if verdict is not Verdict.DELIVERED:
            self._last_error = mark.error
        if verdict is not Verdict.TRANSIENT or mark.status == DEAD:
            self._calls.appendleft(claim.ordering_key)  # the call's next message may go

    async def _wait(self, closing_at: float, end_at: float) -> None:
        """Wait until something happens: an answer, the wish to end, or the time to look again."""
        until = end_at
        if self._is_open(closing_at):
            until = min(closing_at, max(self._look_again_at, monotonic() + _LOOK_AGAIN_S))
        ending = asyncio.create_task(self._stopping.wait())
        waits: set[asyncio.Task[Any]] = set(self._under_way)
        if not self._stopping.is_set():
            waits.add(ending)
        await asyncio.wait(waits, timeout=max(0.0, until - monotonic()), return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        for task in [task for task in self._under_way if task.done()]:
            del self._under_way[task]
            task.result()

    async def _cut_off(self) -> None:
        """End what is still under way: whether it arrived is not known, so it goes again later."""
        for task in self._under_way:
            task.cancel()
        await asyncio.wait(self._under_way)
        for task, claim in list(self._under_way.items()):
            del self._under_way[task]
            if task.cancelled():
                self._note(claim, Answer(None, "no answer when the run ended"))
            else:
                task.result()
