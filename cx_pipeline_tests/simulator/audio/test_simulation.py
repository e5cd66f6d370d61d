"""A folder of simulated audio: the truth lies where it says, manifests tell what recorders know, faults are real."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.core.recording.manifest import parse_manifest
from cx_pipeline.simulator.audio.call_files import microseconds
from cx_pipeline.simulator.audio.faults import DIED, EMPTY, LOSES_ALL, MISSING_FILE, OVERLAP, UNFINISHED
from cx_pipeline.simulator.audio.orders import Heard
from cx_pipeline.simulator.audio.plan import REALISTIC, AudioPlan, AudioTrouble
from cx_pipeline.simulator.audio.simulation import share_of_calls, simulate_audio
from cx_pipeline.simulator.audio.truth import AUDIO_TRUTH_SCHEMA, UNRECORDED_SCHEMA
from cx_pipeline.simulator.audio.voices import first_frame
from cx_pipeline.simulator.audio.wav_files import mixed_voices
from cx_pipeline.simulator.traffic import simulate_traffic
from cx_pipeline_tests.simulator.audio.sound import recorded, some_legs
from cx_pipeline_tests.simulator.stage import plan

WORST = AudioTrouble(
    missing_side=0.1,
    missing_manifest=0.1,
    died=0.1,
    unfinished_header=0.1,
    empty=0.1,
    missing_file=0.1,
    overlap=0.3,
    restart=0.2,
    mask=0.3,
    siprec=0.2,
    efswitch=0.2,
    foreign=0.3,
    clock_offset_ms=3000,
    drift_ppm=200,
    setup_ms=(5, 60),
)


class Folder:
    """Simulated audio of two tenants with every fault."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.legs = some_legs(60, seed=4, hours=0.5, tenants=2, dialect="both")
        self.audio = recorded(self.legs, path, WORST, seed=2)
        self.manifests: dict[str, Mapping[str, Any]] = {
            str(file.relative_to(path)): json.loads(file.read_text(encoding="utf-8"))
            for file in sorted(path.rglob("*.json*"))
        }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(tmp_path_factory.mktemp("streams"))


def bytes_of(path: Path) -> dict[str, str]:
    return {
        str(file.relative_to(path)): hashlib.sha256(
            file.read_bytes().replace(str(path).encode(), b"FOLDER")
        ).hexdigest()
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }


def frames_of(path: Path, row: Mapping[str, Any]) -> Any:
    """The frames of a stretch, header or not."""
    raw = path.read_bytes()
    assert raw[36:40] == b"data"
    samples = np.frombuffer(raw[44:], dtype="<i2")
    channels = int.from_bytes(raw[22:24], "little")
    return samples.reshape(-1, channels)[row["first_frame"] :, row["file_channel"]][: row["frames"]]


def best_fit(frames: Any, expected: Any) -> float:
    """The frame at a moment is rounded, and a drifting recorder tells one twice or leaves it out: within one frame."""
    fits = [0.0]
    for begin in range(1, min(len(frames), len(expected)) - 401, 400):
        for lag in (-1, 0, 1):
            part, wanted = frames[begin : begin + 400], expected[begin + lag : begin + lag + 400]
            if part.std() > 100 and wanted.std() > 100:
                fits.append(float(np.corrcoef(part, wanted)[0, 1]))
    return max(fits)


def test_every_stretch_lies_where_the_truth_says(folder: Folder) -> None:
    looked_at = 0
    for row in folder.audio.truth.filter("is_available").iter_rows(named=True):
        path = folder.path / row["file"]
        if path.read_bytes()[20:22] != b"\x01\x00":
            continue
        frames = frames_of(path, row)
        count = min(2000, len(frames))
        voices = tuple(
            Heard(each["voice_key"], microseconds(each["start_time"]), microseconds(each["end_time"]))
            for each in row["voices"]
        )
        start = microseconds(row["start_time"])
        masks = [microseconds(mask["start_time"]) for mask in row["masks"]]
        if masks and min(masks) < start + 250_000:
            continue
        expected = mixed_voices(voices, first_frame(start), count)
        if count < 900 or max(abs(expected[500:-500])) < 500:
            continue  # it is too short, or the voice pauses
        looked_at += 1
        assert best_fit(frames, expected) > 0.99, row
    assert looked_at > 60


def test_the_truth_has_its_schema_and_every_leg_is_told_of_once(folder: Folder) -> None:
    assert folder.audio.truth.schema == AUDIO_TRUTH_SCHEMA
    assert folder.audio.unrecorded.schema == UNRECORDED_SCHEMA
    leg = ("tenant_id", "call_number", "leg_number")
    had = set(folder.audio.truth.filter("is_available").select(leg).iter_rows())
    lost = set(folder.audio.unrecorded.select(leg).iter_rows())
    assert had.isdisjoint(lost)
    assert had | lost == set(folder.legs.select(leg).iter_rows())


def test_every_kind_of_fault_and_recording_happens(folder: Folder) -> None:
    faults = set(folder.audio.truth["faults"].explode().drop_nulls())
    assert faults == LOSES_ALL | UNFINISHED | {OVERLAP, "RESTART"}
    assert set(folder.audio.truth["recording_type"]) == {"BIB", "SIPREC", "EFSWITCH"}
    assert folder.audio.truth["masks"].list.len().sum() > 0


def test_files_and_manifests_are_there_as_the_faults_say(folder: Folder) -> None:
    for row in folder.audio.truth.unique("file").iter_rows(named=True):
        path, faults = folder.path / row["file"], set(row["faults"])
        base = row["file"].removesuffix(".wav")
        assert path.exists() == (not {MISSING_FILE, "MISSING_SIDE"} & faults)
        has_manifest = not {"MISSING_SIDE", "MISSING_MANIFEST"} & faults
        assert (f"{base}.json" in folder.manifests) == (has_manifest and DIED not in faults)
        assert (f"{base}.json.part" in folder.manifests) == (has_manifest and DIED in faults)
        if EMPTY in faults:
            assert path.stat().st_size in (44, 58)
    assert folder.audio.manifests == len(folder.manifests)
    assert folder.audio.files == len(list(folder.path.rglob("*.wav")))


def test_what_is_whole_is_read_by_libsndfile_and_has_the_told_length(folder: Folder) -> None:
    forms = set()
    for name, manifest in folder.manifests.items():
        path = folder.path / name.replace(".json", ".wav")
        if name.endswith(".part") or not path.exists() or path.stat().st_size < 100:
            continue
        assert manifest["fileSize"] == path.stat().st_size
        info = soundfile.info(path)
        if info.frames:
            forms.add((info.subtype, info.channels))
    assert forms == {("PCM_16", 1), ("ULAW", 1), ("ALAW", 1), ("PCM_16", 2)}


def test_every_manifest_is_read_by_the_pipeline(folder: Folder) -> None:
    for name, payload in folder.manifests.items():
        manifest = parse_manifest(dict(payload), manifest_path=str(folder.path / name))
        assert manifest.file_path == str(folder.path / name.split(".json")[0]) + ".wav"
        assert manifest.recording_type in {"BIB", "SIPREC", "EFSWITCH"}
        assert (manifest.end_time is None) == name.endswith(".part")


def test_recorders_of_an_older_release_know_the_extension_only(folder: Folder) -> None:
    told: dict[str, set[str]] = {}
    for manifest in folder.manifests.values():
        if manifest["recordingType"] == "BIB":
            told.setdefault(manifest["recorderId"], set()).update(manifest)
    facts = {"globalCallId", "refci", "agentDevice", "callingNumber", "agentExtension"}
    assert {name: told[name] & facts for name in told} == {
        "blue-fs1": facts,
        "blue-fs2": facts - {"globalCallId"},
        "blue-fs3": facts,
        "red-fs1": {"agentExtension"},
        "red-fs2": {"agentExtension"},
        "red-fs3": {"agentExtension"},
    }


def test_no_gateway_tells_a_call_key(folder: Folder) -> None:
    siprec = [each for each in folder.manifests.values() if each["recordingType"] == "SIPREC"]
    assert siprec
    assert not any({"globalCallId", "refci", "agentExtension"} & set(each) for each in siprec)
    assert all(each["side"] == "both" and each["callingNumber"] for each in siprec)


def test_the_same_plan_gives_the_same_bytes_with_any_number_of_workers(tmp_path: Path) -> None:
    legs = some_legs(24, seed=3, tenants=2).filter(pl.col("duration_ms") < 120_000)
    how = AudioPlan(seed=5, trouble=WORST)
    for name, workers in (("one", 1), ("again", 1), ("two", 2)):
        simulate_audio(legs, how, tmp_path / name, workers=workers)
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "again") == bytes_of(tmp_path / "two")
    assert len(bytes_of(tmp_path / "one")) > 20


def test_what_is_left_out_moves_nothing_else(tmp_path: Path) -> None:
    """Chance belongs to each call: recording a part of them gives the same files of that part."""
    legs = some_legs(60, seed=3).filter(pl.col("duration_ms") < 120_000)
    how = AudioPlan(seed=5, trouble=WORST)
    part = share_of_calls(legs, 40, seed=1)
    simulate_audio(legs, how, tmp_path / "all")
    some = simulate_audio(legs, how, tmp_path / "some", recorded=part)
    assert 0 < len(bytes_of(tmp_path / "some")) < len(bytes_of(tmp_path / "all"))
    assert bytes_of(tmp_path / "some").items() <= bytes_of(tmp_path / "all").items()
    left_out = legs.height - part.height
    assert some.unrecorded.filter(pl.col("reason") == "NOT_CHOSEN").height == left_out > 0


def test_recorders_clocks_are_off_by_what_the_truth_says(folder: Folder) -> None:
    clocks = folder.audio.truth.select("recorder_id", "clock_offset_ms", "drift_ppm").unique()
    assert clocks["recorder_id"].is_unique().all()
    assert clocks["clock_offset_ms"].abs().max() > 1000  # type: ignore[operator]
    for row in folder.audio.truth.filter("is_available").iter_rows(named=True):
        base = row["file"].removesuffix(".wav")
        manifest = folder.manifests.get(f"{base}.json") or folder.manifests[f"{base}.json.part"]
        told = parse_manifest(dict(manifest), manifest_path=None).start_time
        ahead = (told - row["file_start_time"]).total_seconds() * 1000
        assert abs(ahead - row["clock_offset_ms"]) < 1


def test_talks_that_last_are_not_recorded_yet(tmp_path: Path) -> None:
    legs = simulate_traffic(plan(calls=30, hours=0.05)).legs.filter(pl.col("end_time").is_null())
    assert legs.height > 0
    audio = recorded(legs, tmp_path)
    assert set(audio.unrecorded["reason"]) == {"IN_PROGRESS"}


def test_legs_of_another_version_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="talks missing"):
        simulate_audio(some_legs(3).drop("talks"), AudioPlan(), tmp_path)


def test_files_that_are_there_already_are_not_overwritten(tmp_path: Path) -> None:
    legs = some_legs(6).sort("duration_ms").head(2)
    simulate_audio(legs, AudioPlan(trouble=REALISTIC), tmp_path)
    with pytest.raises(ConfigurationError, match="cannot write the audio"):
        simulate_audio(legs, AudioPlan(trouble=REALISTIC), tmp_path)
