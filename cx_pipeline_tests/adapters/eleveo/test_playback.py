"""A leg of several couples is played as one file."""

import io
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from sqlalchemy import Engine

from cx_pipeline.adapters.eleveo.playback import CACHE_FOLDER, KNOWN_FOR_S, EleveoAudio
from cx_pipeline.adapters.playback.source import Playable
from cx_pipeline.core.errors import ConfigurationError, DestinationUnavailableError, InputError
from cx_pipeline.settings import Settings
from cx_pipeline.simulator.eleveo.behaviour import Behaviour, EndPoint
from cx_pipeline.simulator.eleveo.running import RunningEleveo
from cx_pipeline.simulator.eleveo.sound import file_of, sound_of
from cx_pipeline_tests.adapters.eleveo.conftest import CALL, HELD, KEY, START, START_MS, couple

RATE_HZ = 8000


@pytest.fixture
def audio(stored: Engine, settings: Settings) -> Iterator[EleveoAudio]:
    audio = EleveoAudio(settings, stored)
    yield audio
    audio.close()


def found(audio: EleveoAudio, key: str = KEY) -> Playable:
    playable = audio.of_leg_key(key, "red")
    assert playable is not None
    return playable


def whole(audio: EleveoAudio, playable: Playable) -> bytes:
    with audio.open(playable) as readable:
        return readable.read_at(0, readable.size_bytes)


def expected(audio_format: str) -> npt.NDArray[np.int16]:
    """What the couples hold, each at its place in the leg, with silence between."""
    frames = np.zeros((10 * RATE_HZ, 2), dtype=np.int16)
    for held in HELD:
        at = round((held.start / 1e6 - START.timestamp()) * RATE_HZ)
        samples = sound_of(held)
        if audio_format == "mp3":
            decoded, _ = soundfile.read(io.BytesIO(file_of(held, "mp3")), dtype="float32")
            samples = np.clip(np.rint(decoded * 32768), -32768, 32767).astype(np.int16)
        room = frames[at : at + len(samples)]
        room[:] = samples[: len(room)]
    return frames


@pytest.mark.parametrize("audio_format", ["wav", "mp3"])
def test_each_couple_is_heard_where_it_was_said_and_holds_are_silent(
    eleveo: RunningEleveo, audio: EleveoAudio, audio_format: Any
) -> None:
    eleveo.behaviour.audio_format = audio_format
    playable = found(audio)
    samples, rate_hz = soundfile.read(io.BytesIO(whole(audio, playable)), dtype="int16")
    truth = expected(audio_format)
    assert rate_hz == RATE_HZ
    assert np.abs(truth[: 2 * RATE_HZ]).max() > 500
    assert not truth[3 * RATE_HZ : 5 * RATE_HZ].any()
    # A decoder may round otherwise where it is asked for other blocks.
    np.testing.assert_allclose(samples, truth, atol=0 if audio_format == "wav" else 1)
    assert (playable.media_type, playable.tenant_id) == ("audio/wav", "red")
    assert playable.file_name == "20260126T100000Z_1001.wav"


def test_any_range_is_that_of_the_whole_and_it_is_fetched_once(
    eleveo: RunningEleveo, audio: EleveoAudio
) -> None:
    content = whole(audio, found(audio))
    draw = random.Random(7)
    for _ in range(300):
        offset, length = draw.randrange(len(content) + 10), draw.randrange(70_000)
        playable = found(audio)
        with audio.open(playable) as readable:
            assert readable.size_bytes == len(content)
            assert readable.read_at(offset, length) == content[offset : offset + length]
    assert dict(eleveo.seen.requests) == {"login": 1, "search": 1, "token": 3, "download": 3}


def test_many_who_want_one_leg_at_once_fetch_it_once(eleveo: RunningEleveo, audio: EleveoAudio) -> None:
    eleveo.behaviour.answer_s = 0.05
    with ThreadPoolExecutor(8) as pool:
        contents = list(pool.map(lambda _: whole(audio, found(audio)), range(8)))
    assert len(set(contents)) == 1
    assert eleveo.seen.requests["search"] == 1
    assert eleveo.seen.requests["download"] == 3


def test_nothing_of_the_audio_lies_on_disk_under_a_name(
    eleveo: RunningEleveo, audio: EleveoAudio, settings: Settings
) -> None:
    with audio.open(found(audio)) as readable:
        assert readable.size_bytes > 100_000
        folder = settings.home / CACHE_FOLDER
        assert list(folder.iterdir()) == []
        assert folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("end_point", ["token", "download"])
def test_a_session_that_ends_between_two_couples_is_begun_anew(
    eleveo: RunningEleveo, audio: EleveoAudio, end_point: EndPoint
) -> None:
    playable = found(audio)
    eleveo.behaviour.session_requests = 3 if end_point == "token" else 4
    samples, _ = soundfile.read(io.BytesIO(whole(audio, playable)), dtype="int16")
    np.testing.assert_array_equal(samples, expected("wav"))
    assert eleveo.seen.requests["login"] > 1


def test_a_fetch_that_failed_leaves_nothing_half_and_the_next_one_gets_it(
    eleveo: RunningEleveo, audio: EleveoAudio
) -> None:
    playable = found(audio)
    eleveo.behaviour.plan("download", "cut", "cut", "cut")
    with pytest.raises(DestinationUnavailableError):
        whole(audio, playable)
    samples, _ = soundfile.read(io.BytesIO(whole(audio, playable)), dtype="int16")
    np.testing.assert_array_equal(samples, expected("wav"))


def test_a_couple_that_was_deleted_since_is_told_as_such(eleveo: RunningEleveo, audio: EleveoAudio) -> None:
    playable = found(audio)
    del eleveo.couples[1]
    with pytest.raises(InputError, match="no couple 1_7-2"):
        whole(audio, playable)


def test_keys_name_calls_by_either_id_and_starts_to_ten_seconds(
    eleveo: RunningEleveo, audio: EleveoAudio
) -> None:
    playable = found(audio)
    assert playable.leg_id == "1f0d6d24-0000-8000-8000-000000000001"
    for key in (
        f"cx-1:1001::{START_MS // 1000 + 9}",
        f"{CALL.upper()}:1001:anything:2026-01-26T09:59:51Z",
    ):
        assert found(audio, key) == playable
    for key in (f"{CALL}:1001:555:{START_MS + 11_000}", f"{CALL}:1002:555:{START_MS}", "no key", "a:b"):
        assert audio.of_leg_key(key, "red") is None


def test_a_dialog_of_which_we_have_no_leg_is_looked_up_by_its_own_text(
    eleveo: RunningEleveo, audio: EleveoAudio
) -> None:
    eleveo.begin_anew([couple(5, "1_77", 100, 101)], Behaviour(id_form="call_key"))
    assert found(audio, f"1_77:1001:555:{START_MS + 100_000}").leg_id is None


def test_another_tenant_finds_nothing_and_eleveo_is_not_asked(
    eleveo: RunningEleveo, audio: EleveoAudio
) -> None:
    assert audio.of_leg_key(KEY, "blue") is None
    assert not eleveo.seen.requests
    assert audio.of_leg_key(KEY, None) == found(audio)


def test_what_is_still_recorded_or_unknown_is_looked_for_again(
    eleveo: RunningEleveo, audio: EleveoAudio
) -> None:
    eleveo.begin_anew([])
    assert audio.of_leg_key(KEY, "red") is None
    eleveo.begin_anew(HELD)
    assert found(audio)


def test_a_couple_that_comes_late_is_another_version(
    eleveo: RunningEleveo, stored: Engine, settings: Settings
) -> None:
    now = [0.0]
    audio = EleveoAudio(settings, stored, clock=lambda: now[0])
    eleveo.begin_anew(HELD[:2])
    before = found(audio)
    eleveo.begin_anew(HELD)
    assert found(audio) == before
    now[0] = KNOWN_FOR_S + 1
    after = found(audio)
    audio.close()
    assert after.playable_id == before.playable_id
    assert after.version != before.version


def test_an_eleveo_that_is_away_or_refuses_us_is_no_missing_recording(
    eleveo: RunningEleveo, audio: EleveoAudio
) -> None:
    eleveo.behaviour.error_every = 1
    with pytest.raises(DestinationUnavailableError):
        audio.of_leg_key(KEY, "red")
    eleveo.begin_anew(HELD, Behaviour(wrong_login_is_told_by="page"))
    eleveo.behaviour.plan("login", "page")
    with pytest.raises(ConfigurationError):
        audio.of_leg_key(KEY, "red")


def test_a_call_used_again_later_does_not_answer_for_this_one(
    eleveo: RunningEleveo, audio: EleveoAudio
) -> None:
    again = couple(9, "1_7", 7200, 7210)
    eleveo.begin_anew([again], Behaviour(knows_times=False))
    assert audio.of_leg_key(KEY, "red") is None
    late = START + timedelta(seconds=7200)
    assert audio.of_leg_key(f"{CALL}:1001:555:{round(late.timestamp() * 1000)}", "red") is None
