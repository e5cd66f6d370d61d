import json
import os
from dataclasses import replace
from errno import EDQUOT, EIO, ENOSPC, ESTALE
from hashlib import md5, sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from cx_pipeline.adapters.audio.mixing import STEPS, MixOrder, make_recording
from cx_pipeline.adapters.crypto.file_keys import FileKey, Sealing
from cx_pipeline.adapters.crypto.sealing import open_reader
from cx_pipeline.core.errors import InputError, StorageUnavailableError
from cx_pipeline.core.recording.mix_plan import LegOffset, Marker, PlanWarning, Stretch
from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline.core.recording.rendered import RenderedFile
from cx_pipeline_tests.adapters.audio.made_audio import (
    RECORDING_ID,
    babble,
    mix_plan,
    order_of,
    placed,
    wav_input,
)

FRAMES = 150_000
KEY = FileKey(RECORDING_ID, "acme", bytes(range(32)))
SEALINGS = [Sealing("none"), Sealing("gcm", KEY), Sealing("cfb", KEY)]


@pytest.fixture
def order(tmp_path: Path) -> MixOrder:
    return made_order(tmp_path)


def made_order(folder: Path, **parameters: Any) -> MixOrder:
    near = wav_input(folder / "near.wav", babble(FRAMES, 1))
    far = wav_input(folder / "far.wav", babble(FRAMES, 2))
    plan = mix_plan(
        [near, far],
        [placed(near, 0), placed(far, 1)],
        FRAMES,
        parameters=MixParameters(**parameters),
        markers=(Marker("HOLD_START", 8000, "hold"),),
        stretches=(Stretch(0, 1000, "TALKING", "1005"), Stretch(1000, 18_750, "HOLD", "1005")),
        warnings=(PlanWarning("drift", "40 ms"),),
        clock_offset_ms={"rec1": 1200},
    )
    plan = replace(plan, legs=(LegOffset("leg", 0),))
    return order_of(plan, folder, description={"agentId": "7", "agentName": "Zoë", "agentExtension": "1005"})


def audio_of(order: MixOrder, made: RenderedFile) -> bytes:
    with (order.recordings_root / made.path).open("rb") as file:
        return b"".join(open_reader(file, order.sealing))


def description_of(order: MixOrder, made: RenderedFile) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((order.recordings_root / made.metadata_path).read_text())
    return found


def files_below(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


FINAL_NAMES = [f"{RECORDING_ID}_mixed.json", f"{RECORDING_ID}_mixed.wav"]


def test_a_recording_lies_below_its_tenant_and_day_with_its_description(order: MixOrder) -> None:
    made = make_recording(order)
    assert made.path == f"acme/2026-03-01/{RECORDING_ID}_mixed.wav"
    assert made.metadata_path == f"acme/2026-03-01/{RECORDING_ID}_mixed.json"
    assert files_below(order.recordings_root) == FINAL_NAMES
    content = (order.recordings_root / made.path).read_bytes()
    assert (made.sha256, made.md5) == (sha256(content).hexdigest(), md5(content).hexdigest())
    assert made.size_bytes == made.audio_bytes == len(content)


def test_the_description_has_the_guides_fields(order: MixOrder) -> None:
    made = make_recording(order)
    description = description_of(order, made)
    expected = {
        "recordingId": RECORDING_ID,
        "callId": "call",
        "globalCallId": None,
        "agentExtension": "1005",
        "agentId": "7",
        "agentName": "Zoë",
        "customerNumber": None,
        "calledNumber": None,
        "startTime": "2026-03-01T09:30:00.000000Z",
        "endTime": "2026-03-01T09:30:18.750000Z",
        "duration": 18_750,
        "segments": [
            {"start": 0, "end": 1000, "type": "TALKING", "agent": "1005"},
            {"start": 1000, "end": 18_750, "type": "HOLD", "agent": "1005"},
        ],
        "format": "stereo",
        "sampleRate": 8000,
        "bitDepth": 16,
        "codec": "PCM",
        "fileSize": made.audio_bytes,
        "checksum": f"md5:{made.md5}",
    }
    assert {name: description[name] for name in expected} == expected
    assert list(description)[: len(expected)] == list(expected)


def test_the_description_says_how_the_recording_came_about(order: MixOrder) -> None:
    made = make_recording(order)
    description = description_of(order, made)
    assert description["markers"] == [{"kind": "HOLD_START", "time": 1000, "frame": 8000, "label": "hold"}]
    assert description["warnings"] == [{"code": "drift", "text": "40 ms"}]
    assert description["clockOffsets"] == {"rec1": 1200}
    assert description["legs"] == [{"legId": "leg", "offset": 0}]
    assert [each["sha256"] for each in description["inputs"]] == [
        sha256(Path(each.file).read_bytes()).hexdigest() for each in order.plan.inputs
    ]
    assert [each["name"] for each in description["file"]["channels"]] == ["near", "far"]
    assert description["file"]["sha256"] == made.sha256
    assert 0.3 < description["file"]["channels"][0]["silenceShare"] < 0.9


@pytest.mark.parametrize("sealing", SEALINGS, ids=lambda each: each.method)
@pytest.mark.parametrize("format", ["wav", "flac", "opus"])
def test_what_is_sealed_opens_to_the_same_audio(sealing: Sealing, format: str, tmp_path: Path) -> None:
    order = replace(made_order(tmp_path, format=format), sealing=sealing)
    made = make_recording(order)
    content = audio_of(order, made)
    assert (made.sha256, made.audio_bytes) == (sha256(content).hexdigest(), len(content))
    assert made.encryption == sealing.method
    stored = (order.recordings_root / made.path).read_bytes()
    assert made.size_bytes == len(stored)
    assert (stored == content) == (sealing.method == "none")
    (tmp_path / "plain").write_bytes(content)
    samples, _ = soundfile.read(tmp_path / "plain", dtype="int16")
    if format != "opus":
        assert np.array_equal(samples, np.stack([babble(FRAMES, 1), babble(FRAMES, 2)], axis=1))


def test_no_secret_comes_into_a_description_or_a_text(tmp_path: Path) -> None:
    order = replace(made_order(tmp_path), sealing=Sealing("gcm", KEY))
    made = make_recording(order)
    for text in (json.dumps(description_of(order, made)), repr(order), repr(made)):
        assert KEY.secret.hex() not in text
        assert repr(KEY.secret) not in text


@pytest.mark.parametrize("sealing", SEALINGS, ids=lambda each: each.method)
def test_what_is_made_is_not_made_again(sealing: Sealing, tmp_path: Path) -> None:
    order = replace(made_order(tmp_path), sealing=sealing)
    made = make_recording(order)
    before = {path: path.stat().st_ino for path in order.recordings_root.rglob("*")}
    steps: list[str] = []
    assert make_recording(order, steps.append) == made
    assert steps == []
    assert {path: path.stat().st_ino for path in order.recordings_root.rglob("*")} == before


def test_made_again_without_its_inputs_it_still_is_there(order: MixOrder) -> None:
    made = make_recording(order)
    for each in order.plan.inputs:
        Path(each.file).unlink()
    assert make_recording(order) == made


def test_other_facts_of_the_call_change_the_description_alone(order: MixOrder) -> None:
    made = make_recording(order)
    steps: list[str] = []
    assert make_recording(replace(order, description={"agentName": "Ann"}), steps.append) == made
    assert steps == ["after description on disk", "after description published"]
    assert description_of(order, made)["agentName"] == "Ann"


def test_another_plan_of_the_same_recording_takes_its_place(order: MixOrder) -> None:
    first = make_recording(order)
    plan = replace(order.plan, placements=order.plan.placements[:1])
    second = make_recording(replace(order, plan=plan))
    assert (second.path, second.sha256 != first.sha256) == (first.path, True)
    assert description_of(order, second)["file"]["sha256"] == second.sha256
    assert files_below(order.recordings_root) == FINAL_NAMES


def test_another_sealing_is_another_file(order: MixOrder) -> None:
    plain = make_recording(order)
    sealed = make_recording(replace(order, sealing=Sealing("gcm", KEY)))
    assert (sealed.encryption, sealed.sha256) == ("gcm", plain.sha256)
    assert sealed.size_bytes > plain.size_bytes


@pytest.mark.parametrize("sealing", SEALINGS, ids=lambda each: each.method)
@pytest.mark.parametrize("change", ["bit", "cut", "gone", "description gone", "description broken"])
def test_what_does_not_hold_any_more_is_made_anew(sealing: Sealing, change: str, tmp_path: Path) -> None:
    order = replace(made_order(tmp_path), sealing=sealing)
    made = make_recording(order)
    audio, description = order.recordings_root / made.path, order.recordings_root / made.metadata_path
    match change:
        case "bit":
            content = bytearray(audio.read_bytes())
            content[1000] ^= 1
            audio.write_bytes(content)
        case "cut":
            os.truncate(audio, 5000)
        case "gone":
            audio.unlink()
        case "description gone":
            description.unlink()
        case "description broken":
            description.write_text('{"file": 3')
    again = make_recording(order)
    assert (again.sha256, again.md5, again.audio_bytes) == (made.sha256, made.md5, made.audio_bytes)
    assert sha256(audio_of(order, again)).hexdigest() == made.sha256
    assert files_below(order.recordings_root) == FINAL_NAMES


def test_the_steps_come_in_their_order(order: MixOrder) -> None:
    steps: list[str] = []
    make_recording(order, steps.append)
    assert list(dict.fromkeys(steps)) == list(STEPS)
    assert steps.count("after block") == 3


def test_an_input_that_changes_while_it_is_mixed_leaves_nothing(order: MixOrder) -> None:
    def change(step: str) -> None:
        if step == "after block":
            with Path(order.plan.inputs[1].file).open("r+b") as file:
                file.seek(1000)
                file.write(b"other")

    with pytest.raises(InputError, match=r"far\.wav .* was changed"):
        make_recording(order, change)
    assert files_below(order.recordings_root) == []


def test_an_input_that_is_gone_is_told_by_its_path_and_manifest(order: MixOrder) -> None:
    gone = order.plan.inputs[0]
    Path(gone.file).unlink()
    with pytest.raises(InputError, match=f"{gone.manifest_id}.*near.wav is not there"):
        make_recording(order)


class Faults:
    """Lets the nth call that changes the storage fail, as the operating system would."""

    def __init__(self, root: Path, number: int, errno: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self._root, self.calls, self._fails_at = str(root), 0, number
        for name in ("write", "fsync", "open"):
            monkeypatch.setattr(os, name, self._failing(name, getattr(os, name)))
        monkeypatch.setattr(Path, "replace", self._failing("replace", Path.replace))
        monkeypatch.setattr(Path, "mkdir", self._failing("mkdir", Path.mkdir))
        self._errno = errno

    def _failing(self, name: str, real: Any) -> Any:
        def call(first: Any, *others: Any, **named: Any) -> Any:
            is_ours = name in ("write", "fsync") or str(first).startswith(self._root)
            if not is_ours:
                return real(first, *others, **named)
            self.calls += 1
            if self.calls == self._fails_at:
                if name == "write" and len(others[0]) > 1:
                    real(first, others[0][: len(others[0]) // 2])  # a part comes through
                raise OSError(self._errno, os.strerror(self._errno))
            return real(first, *others, **named)

        return call


@pytest.mark.parametrize("sealing", SEALINGS, ids=lambda each: each.method)
@pytest.mark.parametrize("errno", [ENOSPC, EDQUOT, EIO, ESTALE])
def test_whatever_call_fails_nothing_stands_half_made_and_the_next_run_completes(
    sealing: Sealing, errno: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = replace(made_order(tmp_path), sealing=sealing)
    expected = make_recording(replace(order, recordings_root=tmp_path / "elsewhere"))
    failures = 0
    for number in range(1, 100):
        run = replace(order, recordings_root=tmp_path / f"recordings{number}")
        with monkeypatch.context() as patched:
            faults = Faults(run.recordings_root, number, errno, patched)
            try:
                make_recording(run)
            except StorageUnavailableError:
                failures += 1
        assert set(files_below(run.recordings_root)) <= set(FINAL_NAMES), number
        if (run.recordings_root / expected.path).exists():
            assert sha256(audio_of(run, expected)).hexdigest() == expected.sha256
        else:
            assert not (run.recordings_root / expected.metadata_path).exists()
        again = make_recording(run)
        assert again.sha256 == sha256(audio_of(run, again)).hexdigest() == expected.sha256
        assert files_below(run.recordings_root) == FINAL_NAMES
        if faults.calls < number:
            break
    assert failures == number - 1 > 12
