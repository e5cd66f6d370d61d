"""What is told of recordings and of the jobs that make them, in the guide's words (19.5.6, 19.6.2)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from cx_pipeline.adapters.database.recording_lookup import StoredFile, StoredRecording
from cx_pipeline.core.recording.schema import FAILED, RECEIVED

_OF_OUR_STORAGE = ("path", "metadataPath", "renderSeconds", "hashSeconds")


def description_of(recording: StoredRecording) -> dict[str, Any]:
    """A finished recording, without the places of its files: guide 19.5.6, what we add, `status` and `audioUrl`."""
    details: Mapping[str, Any] = recording.details or {}
    file = {name: value for name, value in (details.get("file") or {}).items() if name not in _OF_OUR_STORAGE}
    inputs = [
        {name: value for name, value in each.items() if name != "file"}
        for each in details.get("inputs") or ()
    ]
    return {
        "recordingId": recording.recording_id,
        "tenantId": recording.tenant_id,
        "startTime": _rfc3339(recording.start_time),
        "duration": recording.duration_ms,
        **details,
        "inputs": inputs,
        "file": file,
        "status": recording.state,
        "audioUrl": f"/recordings/{recording.recording_id}/audio",
    }


def job_of(job_id: str, file: StoredFile | None, recording: StoredRecording | None) -> dict[str, Any]:
    """A job of the mixer: `status` is one of guide 19.6.2's, `inputFile` and `outputFile` are names without their folders.

    Args:
        job_id: as it was asked for.
        file: what a recorder told.
        recording: what became of it so far.
    """
    status = recording.state if recording else RECEIVED
    details: Mapping[str, Any] = (recording.details if recording else None) or {}
    job = {
        "jobId": job_id,
        "status": status,
        "callId": details.get("callId") or (file.call_id if file else None),
        "receivedAt": _rfc3339(file.received_at if file else recording.received_at if recording else None),
        "startedAt": _rfc3339(recording.started_at) if recording else None,
        "completedAt": _rfc3339(recording.completed_at) if recording else None,
        "inputFile": _name(file.file_path) if file else None,
        "outputFile": _name(recording.path) if recording else None,
        "duration": recording.duration_ms if recording else None,
        "format": recording.layout if recording else None,
        "recordingId": recording.recording_id if recording else None,
    }
    if recording is not None and status == FAILED:
        job["errorMessage"] = recording.failure or "UNKNOWN"
    return job


def _name(path: str | None) -> str | None:
    return None if path is None else PurePath(path).name


def _rfc3339(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
