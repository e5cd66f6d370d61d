"""Opens finished recordings with the key ring as it is now: a tenant may get its key while the gateway runs."""

import logging
import threading
from contextlib import AbstractContextManager

from sqlalchemy import Engine

from cx_pipeline.adapters.crypto.key_ring import KeyRing
from cx_pipeline.adapters.crypto.plaintext import PlaintextReader
from cx_pipeline.adapters.mixing.finished_audio import FinishedAudio
from cx_pipeline.adapters.playback.file_state import Identity, identity_of
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.settings import Settings

_log = logging.getLogger(__name__)


class OpenedRecordings:
    """As `FinishedAudio`, but the ring's file is read again when it has changed. Thread-safe.

    Raises (when made):
        ConfigurationError: the ring cannot be read, or is none.
    """

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings, self._engine = settings, engine
        self._lock = threading.Lock()
        self._ring_state = self._state()
        self._audio = FinishedAudio(settings, engine, KeyRing.load(settings))

    def open(self, recording_id: str, path: str, encryption: str) -> AbstractContextManager[PlaintextReader]:
        """See `FinishedAudio.open`."""
        return self._current().open(recording_id, path, encryption)

    def _current(self) -> FinishedAudio:
        with self._lock:
            state = self._state()
            if state != self._ring_state:
                self._ring_state = state
                try:
                    self._audio = FinishedAudio(self._settings, self._engine, KeyRing.load(self._settings))
                except ConfigurationError as error:
                    _log.warning("the key ring was changed and cannot be used, the old one stays: %s", error)
            return self._audio

    def _state(self) -> Identity:
        file = self._settings.key_ring_file
        return () if file is None else identity_of(file)
