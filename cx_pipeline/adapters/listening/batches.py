"""What a listener reads: lines of a source, in batches that are told to be delivered one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

BATCH_LINES = 500
BATCH_BYTES = 512 * 1024
"""A batch has at most so many lines, and so many bytes unless a single line is longer."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines that follow each other, without their newlines; blank ones are left out."""

    lines: Sequence[bytes]
    mark: object
    """How far its source is read with it: the source's own business."""


class LineSource(Protocol):
    """Where lines come from. Used by one thread; the two flags and the count may be read by another."""

    is_leased: bool
    """Whether only the holder of the lease may read it on and post what it says."""
    is_stamped: bool
    """Whether its lines were stamped when they were heard."""

    def next_batch(self) -> Batch | None:
        """The next lines; None: there are none now. It gives the same ones until they are told to be delivered.

        Raises:
            StorageUnavailableError: the storage does not answer; try again later.
            ConfigurationError: the source cannot be read at all.
        """

    def delivered(self, batch: Batch) -> None:
        """Note that the gateway has a batch: after a kill, reading goes on behind it.

        Where the disk does not take the note reading goes on all the same: after a kill the batch comes again.
        """

    def restart(self) -> None:
        """Begin anew at what was delivered; for a leased source, when the lease was lost."""

    def close(self) -> None:
        """Let go of what is open."""

    def stop(self) -> None:
        """Take nothing more in; what was taken in before still comes."""

    @property
    def is_at_end(self) -> bool:
        """Whether nothing more will come."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing new will come: a gateway that is away is then waited for no longer than a few attempts."""

    @property
    def is_connected(self) -> bool:
        """Whether the source is being heard."""

    @property
    def failed_reconnections(self) -> int:
        """How often in a row it was tried in vain to reach it."""

    @property
    def waiting(self) -> str:
        """What is not delivered yet, as words; empty where nothing is."""
