"""Screen recordings as what is played: plain files below `settings.screen_root`, which others put there."""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC
from pathlib import Path, PurePosixPath

from sqlalchemy import Engine

from cx_pipeline.adapters.crypto.plaintext import PlainReader, PlaintextReader
from cx_pipeline.adapters.database.recording_lookup import RecordingLookup, StoredScreen
from cx_pipeline.adapters.freeswitch.stream_files import open_stream
from cx_pipeline.adapters.playback.brief_answers import BriefAnswers
from cx_pipeline.adapters.playback.file_state import Identity, identity_of, modified_at
from cx_pipeline.adapters.playback.kept_readers import KeptReader, KeptReaders, Opening
from cx_pipeline.adapters.playback.source import Playable
from cx_pipeline.core.errors import InputError
from cx_pipeline.core.recording.leg_keys import parse_leg_key
from cx_pipeline.settings import Settings

MEDIA_TYPE = "video/mp4"


class ScreenVideos:
    """The files of the table `screen_recording`. An `AudioSource`, though what it plays is video."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._root = None if settings.screen_root is None else settings.screen_root.absolute()
        self._lookup = RecordingLookup(engine)
        self._found: BriefAnswers[Playable] = BriefAnswers()
        self.readers = KeptReaders(Opening(self._opened, self._identity, lambda _: None))

    def of_leg_key(self, leg_key: str, tenant_id: str | None) -> Playable | None:
        """See `AudioSource`: the screen of that leg, or of that dialog."""
        key = parse_leg_key(leg_key)
        if key is None or self._root is None:
            return None
        return self._found.get(
            (leg_key, tenant_id), lambda: self._playable(self._lookup.screen_of(key, tenant_id))
        )

    def open(self, playable: Playable) -> AbstractContextManager[KeptReader]:
        """See `AudioSource`."""
        return self.readers.open(playable)

    def _playable(self, stored: StoredScreen | None) -> Playable | None:
        if stored is None:
            return None
        file = self._path(stored.path)
        state = repr((stored.screen_id, *identity_of(file)))
        return Playable(
            tenant_id=stored.tenant_id or "",
            playable_id=stored.screen_id,
            version=hashlib.sha256(state.encode()).hexdigest(),
            media_type=MEDIA_TYPE,
            file_name=f"{stored.start_time.astimezone(UTC):%Y%m%dT%H%M%SZ}_screen_{stored.screen_id}.mp4",
            start_time=stored.start_time,
            leg_id=stored.leg_id,
            place=stored.path,
            modified_at=modified_at(file),
        )

    @contextmanager
    def _opened(self, playable: Playable) -> Iterator[PlaintextReader]:
        file = self._path(playable.place)
        with open_stream(file, [self._folder], buffer_bytes=0) as source:
            yield PlainReader(source)

    def _identity(self, playable: Playable) -> Identity:
        return identity_of(self._path(playable.place))

    def _path(self, path: str) -> Path:
        place = PurePosixPath(path)
        if place.is_absolute() or ".." in place.parts:
            raise InputError(f"{path!r} leads out of the folder of screen recordings (CX_SCREEN_ROOT)")
        return self._folder / place

    @property
    def _folder(self) -> Path:
        if self._root is None:
            raise InputError("there are no screen recordings: CX_SCREEN_ROOT names their folder")
        return self._root
