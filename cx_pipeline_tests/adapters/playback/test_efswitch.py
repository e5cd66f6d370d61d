"""Our own recordings are opened with the key ring as it is now."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from cx_pipeline.adapters.playback import kept_readers
from cx_pipeline.adapters.playback.efswitch import EfSwitchAudio
from cx_pipeline.adapters.playback.source import ErasedError
from cx_pipeline.core.errors import KeyMissingError
from cx_pipeline.settings import Settings
from cx_pipeline_tests.adapters.crypto.rings import ring_keys
from cx_pipeline_tests.adapters.playback.made_recordings import RING_TEXT, MadeRecordings


def write_ring(path: Path, *keys: tuple[str, str]) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(ring_keys(*keys).as_json(), encoding="utf-8")


def played(audio: EfSwitchAudio, recording_id: str) -> bytes:
    found = audio.of_recording(recording_id, "acme")
    assert found is not None
    with audio.open(found) as reader:
        return reader.read_at(0, reader.size_bytes)


def test_a_key_that_came_while_the_gateway_runs_is_used(engine: Engine, tmp_path: Path) -> None:
    ring = tmp_path / "ring.json"
    write_ring(ring, ("*", "all-1"))
    settings = Settings(_env_file=None, home=tmp_path, key_ring_file=ring)
    audio = EfSwitchAudio(settings, engine)
    write_ring(ring, ("*", "all-1"), ("acme", "acme-1"))
    assert played(audio, MadeRecordings(settings, engine).recording(b"of a new key")) == b"of a new key"
    audio.readers.close()


def test_a_key_that_the_ring_lacks_is_no_erasure(engine: Engine, tmp_path: Path) -> None:
    made = MadeRecordings(Settings(_env_file=None, home=tmp_path, key_ring=RING_TEXT), engine)
    recording_id = made.recording()
    audio = EfSwitchAudio(Settings(_env_file=None, home=tmp_path), engine)
    with pytest.raises(KeyMissingError) as missing:
        played(audio, recording_id)
    assert not isinstance(missing.value, ErasedError)


def test_an_erased_recording_is_told_as_such(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_readers, "CHECKED_FOR_S", 0.0)
    settings = Settings(_env_file=None, home=tmp_path, key_ring=RING_TEXT)
    made, audio = MadeRecordings(settings, engine), EfSwitchAudio(settings, engine)
    before, after = made.recording(b"heard before"), made.recording()
    assert played(audio, before) == b"heard before"
    for recording_id in (before, after):
        made.erase(recording_id)
        with pytest.raises(ErasedError):
            played(audio, recording_id)


def test_a_recording_of_a_place_elsewhere_is_not_opened(engine: Engine, tmp_path: Path) -> None:
    settings = Settings(_env_file=None, home=tmp_path, key_ring=RING_TEXT)
    audio = EfSwitchAudio(settings, engine)
    recording_id = MadeRecordings(settings, engine).recording(path="../../etc/passwd")
    with pytest.raises(Exception, match="leads out of"):
        played(audio, recording_id)
