"""Our own recordings as what is played: the backend `efswitch`."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC
from pathlib import PurePosixPath
from types import MappingProxyType

from sqlalchemy import Engine

from cx_pipeline.adapters.crypto.plaintext import PlaintextReader
from cx_pipeline.adapters.database.recording_keys import RecordingKeys
from cx_pipeline.adapters.database.recording_lookup import RecordingLookup, StoredRecording
from cx_pipeline.adapters.playback.brief_answers import BriefAnswers
from cx_pipeline.adapters.playback.file_state import Identity, identity_of, modified_at
from cx_pipeline.adapters.playback.kept_readers import KeptReader, KeptReaders, Opening
from cx_pipeline.adapters.playback.opened_recordings import OpenedRecordings
from cx_pipeline.adapters.playback.source import ErasedError, Playable
from cx_pipeline.core.errors import InputError, KeyMissingError
from cx_pipeline.core.recording.leg_keys import parse_leg_key
from cx_pipeline.settings import Settings

MEDIA_TYPES = MappingProxyType(
    {"wav": "audio/wav", "flac": "audio/flac", "opus": "audio/ogg; codecs=opus", "mp3": "audio/mpeg"}
)


class EfSwitchAudio:
    """The finished recordings of the table `recording`, whatever they are sealed by. An `AudioSource`."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._root = settings.recordings_folder
        self._lookup = RecordingLookup(engine)
        self._keys = RecordingKeys(engine)
        self._audio = OpenedRecordings(settings, engine)
        self._found: BriefAnswers[Playable] = BriefAnswers()
        self.readers = KeptReaders(Opening(self._opened, self._identity, self._require_living))

    def of_leg_key(self, leg_key: str, tenant_id: str | None) -> Playable | None:
        """See `AudioSource`."""
        key = parse_leg_key(leg_key)
        if key is None:
            return None
        return self._found.get(
            ("leg", leg_key, tenant_id), lambda: self._playable(self._lookup.of_leg_key(key, tenant_id))
        )

    def of_recording(self, recording_id: str, tenant_id: str | None) -> Playable | None:
        """A recording by its id, or the one that took its place; None if there is no finished one.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        return self._found.get(
            ("id", recording_id, tenant_id),
            lambda: self._playable(self._lookup.of_id(recording_id, tenant_id)),
        )

    def open(self, playable: Playable) -> AbstractContextManager[KeptReader]:
        """See `AudioSource`."""
        return self.readers.open(playable)

    def _playable(self, stored: StoredRecording | None) -> Playable | None:
        if stored is None or stored.path is None or stored.format is None:
            return None
        start = "" if stored.start_time is None else f"{stored.start_time.astimezone(UTC):%Y%m%dT%H%M%SZ}_"
        return Playable(
            tenant_id=stored.tenant_id,
            playable_id=stored.recording_id,
            version=stored.sha256 or stored.recording_id,
            media_type=MEDIA_TYPES.get(stored.format, "application/octet-stream"),
            file_name=f"{start}{stored.recording_id}.{stored.format}",
            start_time=stored.start_time,
            leg_id=stored.leg_id,
            place=stored.path,
            sealing=stored.encryption or "none",
            modified_at=modified_at(self._root / stored.path),
        )

    @contextmanager
    def _opened(self, playable: Playable) -> Iterator[PlaintextReader]:
        place = PurePosixPath(playable.place)
        if place.is_absolute() or ".." in place.parts:
            raise InputError(f"{playable.place!r} leads out of the recordings' root")
        with ExitStack() as stack:
            try:
                opened = self._audio.open(playable.playable_id, playable.place, playable.sealing)
                reader = stack.enter_context(opened)
            except KeyMissingError:
                self._require_living(playable)
                raise
            yield reader

    def _identity(self, playable: Playable) -> Identity:
        return identity_of(self._root / playable.place)

    def _require_living(self, playable: Playable) -> None:
        if playable.sealing == "none":
            return
        stored = self._keys.stored(playable.playable_id)
        if stored is not None and stored.destroyed_at is not None:
            raise ErasedError(f"the recording {playable.playable_id} was erased: its key was destroyed")
