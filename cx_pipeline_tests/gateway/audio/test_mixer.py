"""The mixer's interface answers as the guide says (19.6)."""

from datetime import timedelta

import pytest

from cx_pipeline_tests.adapters.playback.made_recordings import MADE_AT, TEN
from cx_pipeline_tests.gateway.audio.conftest import Stage

DETAILS = {
    "recordingId": "of the details",
    "callId": "gcid-abc-123",
    "agentExtension": "1005",
    "duration": 330_000,
    "format": "stereo",
    "segments": [{"start": 0, "end": 330_000, "type": "TALKING", "agent": "1005"}],
    "inputs": [{"manifestId": "m", "file": "/secret/place/near.wav", "size": 5}],
    "file": {"path": "acme/x.wav", "metadataPath": "acme/x.json", "size": 9, "encryption": "gcm"},
}


def test_a_job_is_told_by_its_manifest_and_by_its_recording(stage: Stage) -> None:
    manifest = stage.made.file(dialog_id="job")
    recording_id = stage.made.recording(
        manifest_ids=[manifest], details=DETAILS, received_at=TEN, started_at=TEN + timedelta(seconds=1)
    )
    recorder = stage.gateway.client("recorder")
    for job_id in (manifest, recording_id):
        job = recorder.get(f"/mixer/jobs/{job_id}").json()
        assert job.pop("receivedAt")
        assert job == {
            "jobId": job_id,
            "status": "COMPLETED",
            "callId": "gcid-abc-123",
            "startedAt": "2026-03-02T10:00:01.000Z",
            "completedAt": f"{MADE_AT:%Y-%m-%dT%H:%M:%S}.000Z",
            "inputFile": f"{manifest}.wav",
            "outputFile": f"{recording_id}_mixed.wav",
            "duration": 1000,
            "format": "stereo",
            "recordingId": recording_id,
        }


def test_a_job_of_which_nothing_is_made_yet_is_received(stage: Stage) -> None:
    manifest = stage.made.file(dialog_id="job")
    job = stage.gateway.client("recorder").get(f"/mixer/jobs/{manifest}").json()
    assert (job["status"], job["outputFile"], job["completedAt"]) == ("RECEIVED", None, None)


@pytest.mark.parametrize(
    "state", ["QUEUED", "PROCESSING", "RULES_PASSED", "SKIPPED", "MIXING", "SPLICING", "FAILED"]
)
def test_a_job_is_in_its_recordings_state(stage: Stage, state: str) -> None:
    manifest = stage.made.file(dialog_id="job")
    stage.made.recording(manifest_ids=[manifest], state="COMPLETED", is_current=False)
    stage.made.recording(
        manifest_ids=[manifest], state=state, path=None, failure="MISSING" if state == "FAILED" else None
    )
    job = stage.gateway.client("recorder").get(f"/mixer/jobs/{manifest}").json()
    assert job["status"] == state
    assert job.get("errorMessage") == ("MISSING" if state == "FAILED" else None)


@pytest.mark.parametrize("prefix", ["/mixer", "/mixer/api", "/mixapi"])
def test_the_interface_stands_under_all_its_names(stage: Stage, prefix: str) -> None:
    recording_id = stage.made.recording(b"to be kept", details=DETAILS)
    client = stage.gateway.client("acme")
    assert client.get(f"{prefix}/jobs/{recording_id}").json()["status"] == "COMPLETED"
    assert client.get(f"{prefix}/recordings/{recording_id}").json()["callId"] == "gcid-abc-123"
    kept = client.get(f"{prefix}/recordings/{recording_id}/download")
    assert kept.content == b"to be kept"
    assert kept.headers["content-disposition"] == f"attachment; filename=20260302T100000Z_{recording_id}.wav"
    assert client.head(f"{prefix}/recordings/{recording_id}/download").headers["content-length"] == "10"


def test_a_recordings_metadata_are_the_guides_without_places_of_files(stage: Stage) -> None:
    recording_id = stage.made.recording(details={**DETAILS, "recordingId": "x"})
    client = stage.gateway.client("reader")
    answer = client.get(f"/recordings/{recording_id}")
    told = answer.json()
    assert told == client.get(f"/mixer/recordings/{recording_id}").json()
    assert (told["duration"], told["segments"][0]["type"], told["status"]) == (
        330_000,
        "TALKING",
        "COMPLETED",
    )
    assert told["audioUrl"] == f"/recordings/{recording_id}/audio"
    assert (told["inputs"], told["file"]) == (
        [{"manifestId": "m", "size": 5}],
        {"size": 9, "encryption": "gcm"},
    )
    assert "/secret/" not in answer.text
    assert answer.headers["vary"] == "Accept"
