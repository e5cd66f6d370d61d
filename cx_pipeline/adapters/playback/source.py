"""Where audio comes from that is played: our own recordings, or another recorder's. The gateway serves either alike."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cx_pipeline.core.errors import KeyMissingError


class ErasedError(KeyMissingError):
    """It was erased by its key: nobody can play it again."""


class ReadableAudio(Protocol):
    """The bytes of a file as they are played, by place."""

    @property
    def size_bytes(self) -> int:
        """Length of the whole file."""

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset` on; fewer only at the end.

        Raises:
            StorageUnavailableError: the storage or the recorder does not answer.
            BrokenSealError: it was changed.
        """


@dataclass(frozen=True, slots=True)
class Playable:
    """One file that can be played."""

    tenant_id: str
    playable_id: str
    """The recording's id, or the other recorder's own name of it: for the access log."""
    version: str
    """Changes whenever the bytes do: the entity tag is made of it."""
    media_type: str
    file_name: str
    """Name for who keeps it; never a path."""
    start_time: datetime | None = None
    leg_id: str | None = None
    place: str = ""
    """Where the source finds it; nobody else reads it, and nobody is told."""
    sealing: str = "none"
    modified_at: datetime | None = None
    """When its bytes last changed, where that is known."""


class AudioSource(Protocol):
    """Finds and opens what is played. Thread-safe."""

    def of_leg_key(self, leg_key: str, tenant_id: str | None) -> Playable | None:
        """What a leg's key names: `call or dialog id:extension:number:start`; None if there is nothing for it.

        The key is read from the right; starts are epoch seconds, milliseconds or ISO 8601. The closest start within 10 s wins.

        Args:
            leg_key: as it stands in a link, its percent encoding undone.
            tenant_id: whose files may be found; None: anybody's.

        Raises:
            InputError: without a tenant, those of several fit.
            DatabaseUnavailableError, DestinationUnavailableError: who knows does not answer.
        """

    def open(self, playable: Playable) -> AbstractContextManager[ReadableAudio]:
        """Its bytes.

        Raises:
            InputError: the file is not there any more.
            KeyMissingError: its key is not in the ring, or was destroyed (`ErasedError`).
            StorageUnavailableError, DestinationUnavailableError: who has it does not answer.
        """
