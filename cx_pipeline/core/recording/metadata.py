"""The description of a finished recording, which lies beside it as JSON (guide 19.5.6, spec: recording, 5)."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from cx_pipeline.core.errors import InputError
from cx_pipeline.core.recording.mix_plan import MixPlan
from cx_pipeline.core.recording.rendered import ChannelFigures, RenderedFile

METADATA_VERSION = 1
"""Grows when the meaning of a field changes."""
DESCRIBED_FIELDS = (
    "callId",
    "globalCallId",
    "agentExtension",
    "agentId",
    "agentName",
    "customerNumber",
    "calledNumber",
)
"""The guide's fields that only the facts of the call can fill; null where they do not."""
MEASURED_FIELDS = (
    "recordingId", "startTime", "endTime", "duration", "segments", "format", "sampleRate", "bitDepth", "codec",
    "fileSize", "checksum", "metadataVersion", "planSha256", "tenantId", "kind", "legId", "legs", "container", "hold",
    "retentionDays", "markers", "warnings", "clockOffsets", "inputs", "file",
)  # fmt: skip
"""What the plan and the file tell; no fact of the call takes their place."""
_CODECS = MappingProxyType({"wav": "PCM", "flac": "FLAC", "opus": "OPUS", "mp3": "MP3"})
_BIT_DEPTHS = MappingProxyType({"wav": 16, "flac": 16})


def plan_digest(plan: MixPlan) -> str:
    """SHA-256 of everything in a plan: equal plans give equal files, another plan another recording of the same id."""
    text = json.dumps(_plain(plan), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def recording_metadata(
    plan: MixPlan, description: Mapping[str, Any], rendered: RenderedFile
) -> dict[str, Any]:
    """All that is told of a recording: the guide's fields first, in its order.

    Args:
        plan: what was rendered.
        description: facts of the call, by the guide's names (`DESCRIBED_FIELDS`) and more (`ruleId`, …).
        rendered: what came of it.
    """
    end_time = plan.start_time + timedelta(milliseconds=plan.duration_ms)
    told = {name: _plain(description.get(name)) for name in DESCRIBED_FIELDS}
    told["callId"] = told["callId"] or plan.call_id
    found = {
        "recordingId": plan.recording_id,
        **told,
        "startTime": _rfc3339(plan.start_time),
        "endTime": _rfc3339(end_time),
        "duration": plan.duration_ms,
        "segments": [
            {"start": each.start_ms, "end": each.end_ms, "type": each.type, "agent": each.agent}
            for each in plan.stretches
        ],
        "format": plan.parameters.layout,
        "sampleRate": plan.sample_rate_hz,
        "bitDepth": _BIT_DEPTHS.get(plan.parameters.format),
        "codec": _CODECS[plan.parameters.format],
        "fileSize": rendered.audio_bytes,
        "checksum": f"md5:{rendered.md5}",
        "metadataVersion": METADATA_VERSION,
        "planSha256": plan_digest(plan),
        "tenantId": plan.tenant_id,
        "kind": plan.kind,
        "legId": plan.leg_id,
        "legs": [{"legId": each.leg_id, "offset": each.offset_ms} for each in plan.legs],
        "container": plan.parameters.format,
        "hold": plan.parameters.hold,
        "retentionDays": plan.parameters.retention_days,
        "markers": _markers(plan),
        "warnings": [{"code": each.code, "text": each.text} for each in plan.warnings]
        + _clipping(rendered.clipped_frames),
        "clockOffsets": dict(plan.clock_offset_ms),
        "inputs": _inputs(plan, rendered),
        "file": _file(rendered),
    }
    further = {name: _plain(value) for name, value in description.items() if name not in found}
    return {**found, **further}


def redescribed(metadata: Mapping[str, Any], description: Mapping[str, Any]) -> dict[str, Any]:
    """A recording's description with the facts of its call as they are known now: a record may come after the audio.

    Args:
        metadata: of `recording_metadata`.
        description: facts of the call, all of them.
    """
    known = {name: _plain(value) for name, value in description.items() if name not in MEASURED_FIELDS}
    told = {name: known.get(name) for name in DESCRIBED_FIELDS}
    told["callId"] = told["callId"] or metadata.get("callId")
    measured = {
        name: value for name, value in metadata.items() if name in (*MEASURED_FIELDS, *DESCRIBED_FIELDS)
    }
    return {**measured, **told, **{name: value for name, value in known.items() if name not in told}}


def rendered_of(metadata: Mapping[str, Any]) -> RenderedFile:
    """What `recording_metadata` was told of the file.

    Raises:
        InputError: it is no description of ours.
    """
    try:
        file = metadata["file"]
        return RenderedFile(
            path=file["path"],
            metadata_path=file["metadataPath"],
            size_bytes=file["size"],
            audio_bytes=metadata["fileSize"],
            sha256=file["sha256"],
            md5=metadata["checksum"].removeprefix("md5:"),
            encryption=file["encryption"],
            channels=tuple(
                ChannelFigures(
                    name=each["name"],
                    loudness_lufs=each["loudnessLufs"],
                    peak_dbfs=each["peakDbfs"],
                    gain_db=each["gainDb"],
                    limited_by=each["limitedBy"],
                    silence_share=each["silenceShare"],
                    level_dbfs=each["levelDbfs"],
                )
                for each in file["channels"]
            ),
            input_sha256=tuple((each["manifestId"], each["sha256"]) for each in metadata["inputs"]),
            render_s=file["renderSeconds"],
            hash_s=file["hashSeconds"],
            clipped_frames=file["clippedFrames"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"this is no description of a recording: {error!r}") from None


def _markers(plan: MixPlan) -> list[dict[str, Any]]:
    return [
        {
            "kind": each.kind,
            "time": round(each.frame * 1000 / plan.sample_rate_hz),
            "frame": each.frame,
            "label": each.label,
        }
        for each in plan.markers
    ]


def _inputs(plan: MixPlan, rendered: RenderedFile) -> list[dict[str, Any]]:
    hashes = dict(rendered.input_sha256)
    return [
        {
            "manifestId": each.manifest_id,
            "file": each.file,
            "size": each.size_bytes,
            "encoding": each.encoding,
            "sampleRate": each.sample_rate_hz,
            "channels": each.channels,
            "frames": each.frames,
            "sha256": hashes.get(each.manifest_id),
        }
        for each in plan.inputs
    ]


def _file(rendered: RenderedFile) -> dict[str, Any]:
    return {
        "path": rendered.path,
        "metadataPath": rendered.metadata_path,
        "size": rendered.size_bytes,
        "sha256": rendered.sha256,
        "encryption": rendered.encryption,
        "channels": [
            {
                "name": each.name,
                "loudnessLufs": each.loudness_lufs,
                "gainDb": each.gain_db,
                "limitedBy": each.limited_by,
                "levelDbfs": each.level_dbfs,
                "peakDbfs": each.peak_dbfs,
                "silenceShare": each.silence_share,
            }
            for each in rendered.channels
        ],
        "clippedFrames": rendered.clipped_frames,
        "renderSeconds": rendered.render_s,
        "hashSeconds": rendered.hash_s,
    }


def _clipping(clipped_frames: int) -> list[dict[str, str]]:
    if not clipped_frames:
        return []
    return [{"code": "clipped", "text": f"{clipped_frames} samples were cut off at full scale"}]


def _plain(value: Any) -> Any:
    """In JSON's types."""
    if isinstance(value, datetime):
        return _rfc3339(value)
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
