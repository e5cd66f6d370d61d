"""Finished recordings, opened whatever they are sealed by: for who checks them, plays them or shows them."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

from sqlalchemy import Engine

from cx_pipeline.adapters.crypto.file_keys import Sealing
from cx_pipeline.adapters.crypto.key_ring import KeyRing
from cx_pipeline.adapters.crypto.plaintext import PlaintextReader
from cx_pipeline.adapters.crypto.sealing import open_reader
from cx_pipeline.adapters.database.recording_keys import RecordingKeys
from cx_pipeline.core.errors import InputError, KeyMissingError, StorageUnavailableError
from cx_pipeline.settings import Settings


class FinishedAudio:
    """Opens recordings by their row of the table."""

    def __init__(self, settings: Settings, engine: Engine, ring: KeyRing | None) -> None:
        self._root = settings.recordings_folder
        self._keys = RecordingKeys(engine)
        self._ring = ring

    @contextmanager
    def open(self, recording_id: str, path: str, encryption: str) -> Iterator[PlaintextReader]:
        """The audio file's bytes by place, as they were before they were sealed.

        Args:
            recording_id: whose key it is.
            path: below the recordings' root.
            encryption: as the table has it.

        Raises:
            InputError: the file is not there.
            StorageUnavailableError: the storage does not answer.
            KeyMissingError: its key is not in the ring, or was destroyed.
            BrokenSealError: it was changed.
        """
        sealing = self._sealing(recording_id, encryption)
        file = self._root / path
        try:
            source = file.open("rb")
        except FileNotFoundError:
            raise InputError(f"the recording {file} is not there: mix its window again") from None
        except OSError as error:
            raise StorageUnavailableError(f"the recording {file} cannot be read: {error.strerror}") from error
        with source:
            yield open_reader(source, sealing)

    def sha256(self, recording_id: str, path: str, encryption: str) -> str:
        """Hash of the audio file before it was sealed, hexadecimal; reads all of it.

        Raises:
            InputError: the file is not there.
            StorageUnavailableError: the storage does not answer.
            KeyMissingError: its key is not in the ring, or was destroyed.
            BrokenSealError: it was changed.
        """
        digest = sha256()
        with self.open(recording_id, path, encryption) as reader:
            for block in reader:
                digest.update(block)
        return digest.hexdigest()

    def _sealing(self, recording_id: str, encryption: str) -> Sealing:
        if encryption == "none":
            return Sealing("none")
        if self._ring is None:
            raise KeyMissingError(
                f"the recording {recording_id} is sealed, and there is no key ring: set CX_KEY_RING_FILE"
            )
        key = self._keys.open_key(recording_id, self._ring)
        return Sealing("cfb" if encryption == "cfb" else "gcm", key)
