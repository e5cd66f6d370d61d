"""The listener: takes batches from its source, sees them delivered in order, and gives up none of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from time import monotonic

from cx_pipeline.adapters.leases.lease import Lease
from cx_pipeline.adapters.listening.batches import Batch, LineSource
from cx_pipeline.adapters.listening.dead_letters import DeadLetters
from cx_pipeline.adapters.listening.event_client import BatchRefusedError, EventClient
from cx_pipeline.core.errors import ConfigurationError, CxError, TransientError

POLL_S = 0.2
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
"""Between two series of attempts while the gateway is away."""
REPORT_S = 10.0


class LeaseLostError(TransientError):
    """Another listener may hold the lease by now: nothing may be sent."""


@dataclass(slots=True)
class Tally:
    """What was done so far."""

    delivered: int = 0
    quarantined: int = 0
    """Of these, the lines that are no usable events, and that the gateway keeps apart with their reasons."""
    refused: int = 0
    """Lines that the gateway takes in no way: they are in the file of dead letters."""

    def __str__(self) -> str:
        """In words, for a person."""
        lines = "1 line" if self.delivered == 1 else f"{self.delivered:,} lines"
        quarantined = f" ({self.quarantined:,} quarantined)" if self.quarantined else ""
        return f"{lines} delivered{quarantined}, {self.refused:,} refused"


class Listener:
    """Delivers what its source says until the source ends or it is told to stop.

    Args:
        source: where the lines come from.
        client: the gateway.
        stamped: what a line becomes before it is sent, where the source did not stamp it.
        dead_letters: where lines go that the gateway takes in no way.
        lease: to be held while a leased source is read; None for a source that allows several listeners.
        on_notice: is told in words what a person should know.
    """

    def __init__(
        self,
        source: LineSource,
        client: EventClient,
        *,
        stamped: Callable[[bytes], bytes],
        dead_letters: DeadLetters,
        lease: Lease | None = None,
        on_notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._source, self._client, self._stamped = source, client, stamped
        self._dead_letters, self._lease, self._on_notice = dead_letters, lease, on_notice
        self._stopping = Event()
        self._was_held: bool | None = None
        self._reported_at = monotonic()
        self.tally = Tally()

    def stop(self) -> None:
        """Let it take nothing more in, deliver what it has, and end. From a signal's handler, too."""
        self._stopping.set()

    @property
    def is_connected(self) -> bool:
        """Whether it hears its source, and may tell what it hears."""
        return self._source.is_connected and self._is_holder

    @property
    def _is_holder(self) -> bool:
        return self._lease is None or self._lease.is_held

    def run(self) -> None:
        """Deliver until the end.

        Raises:
            TransientError: the gateway, or the disk, was away at the end.
            ConfigurationError: the source cannot be read, or, at the end, the gateway refuses this listener.
        """
        is_told = False
        while not self._source.is_at_end:
            if self._stopping.is_set() and not is_told:
                self._source.stop()
                is_told = True
            self._report()
            if self._follow_the_lease() and self._step():
                continue
            if is_told:
                return
            self._stopping.wait(POLL_S)

    def _step(self) -> bool:
        """Deliver one batch; whether there was one."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                batch = self._source.next_batch()
                if batch is not None:
                    self._deliver(batch)
            except LeaseLostError:
                return False
            except CxError as error:
                if not self._is_worth_waiting(error):
                    raise
                self._on_notice(f"{error}; trying again in {pause_s:g} s")
            else:
                return batch is not None
            self._stopping.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _is_worth_waiting(self, error: CxError) -> bool:
        """A gateway that refuses us may be set right while we wait, and nothing is lost meanwhile.

        A source that cannot be read will not come right; and where nothing new comes, or the end is asked for, the
        rest keeps: in its file, or on disk.
        """
        if self._source.has_ended or self._stopping.is_set():
            return False
        return error.is_transient or isinstance(error, GatewayRefusesError)

    def _deliver(self, batch: Batch) -> None:
        lines = batch.lines if self._source.is_stamped else [self._stamped(line) for line in batch.lines]
        if lines:
            self._send(lines)
        self._source.delivered(batch)

    def _send(self, lines: Sequence[bytes]) -> None:
        """Send lines in their order, in ever smaller parts where the gateway takes no larger ones."""
        try:
            self.tally.quarantined += self._client.post_events(lines, self._may_send)
        except BatchRefusedError as refusal:
            if len(lines) == 1:
                self._dead_letters.keep(lines[0], refusal.told, datetime.now(UTC))
                self.tally.refused += 1
                self._on_notice(
                    f"the gateway refuses a line, kept in {self._dead_letters.path}: {refusal.told}"
                )
                return
            middle = len(lines) // 2
            self._send(lines[:middle])
            self._send(lines[middle:])
        except ConfigurationError as error:
            raise GatewayRefusesError(str(error)) from None
        else:
            self.tally.delivered += len(lines)

    def _may_send(self) -> None:
        if self._source.is_leased and not self._is_holder:
            raise LeaseLostError("the lease was lost")

    def _follow_the_lease(self) -> bool:
        """Whether the source may be read now."""
        if self._lease is None:
            return True
        is_held = self._lease.is_held
        if is_held != self._was_held:
            self._source.restart()
            self._on_notice(
                f"holding the lease {self._lease.name}"
                if is_held
                else f"waiting for the lease {self._lease.name}"
            )
            self._was_held = is_held
        return is_held or not self._source.is_leased

    def _report(self) -> None:
        now = monotonic()
        if now - self._reported_at < REPORT_S:
            return
        self._reported_at = now
        told = [str(self.tally)]
        if waiting := self._source.waiting:
            told.append(waiting)
        if self._lease is not None and self._lease.trouble:
            told.append(self._lease.trouble)
        self._on_notice(", ".join(told))


class GatewayRefusesError(ConfigurationError):
    """The gateway would take no batch of this listener: its address, token or scope are wrong."""
