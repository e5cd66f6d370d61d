"""Names and manifests of the simulated files, as the recorders' scripts leave them (guide 19.6.1)."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from cx_pipeline.simulator.audio.faults import DIED, MISSING_MANIFEST, MISSING_SIDE
from cx_pipeline.simulator.audio.orders import EFSWITCH, FileOrder
from cx_pipeline.simulator.audio.recorders import draw_of
from cx_pipeline.simulator.audio.voices import RATE_HZ
from cx_pipeline.simulator.audio.wav_files import set_time

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def recorders_time(time_us: int, order: FileOrder) -> datetime:
    """A moment by the recorder's clock, in whole milliseconds as its scripts have it."""
    return EPOCH + timedelta(milliseconds=time_us // 1000 + order.recorder.offset_ms)


def with_path(order: FileOrder, seed: int, taken: set[str]) -> FileOrder:
    """The order with its channel and the name of its file, which no other one has; `taken` is added to."""
    draw = draw_of(
        seed, "channel", order.recorder.recorder_id, order.start, order.side, order.channels[0][0].voice_key
    )
    order = replace(order, channel_uuid=str(UUID(int=draw.getrandbits(128), version=4)))
    start = recorders_time(order.start, order)
    if order.recording_type == EFSWITCH:
        base = _name_of_switch(order, start)
    else:
        stamp = f"{start:%Y%m%dT%H%M%S}.{start.microsecond // 1000:03d}"
        told = order.told
        base = f"{told.call_key or told.refci or order.channel_uuid}_{stamp}_{order.side}"
    path = name = f"{start:%Y%m%d}/{base}"
    again = 0
    while path in taken:
        again += 1
        path = f"{name}_{again}"
    taken.add(path)
    return replace(order, path=f"{path}.wav")


def _name_of_switch(order: FileOrder, start: datetime) -> str:
    told = order.told
    number = told.called_number if told.direction == "OUTBOUND" else told.calling_number
    return f"{told.dialog_id}:{told.agent_extension}:{number}:{int(start.timestamp())}"


def manifest_of(order: FileOrder, folder: Path, size_bytes: int) -> dict[str, Any]:
    """The fields of a file's manifest; what the recorder does not know is left out."""
    told, is_over = order.told, DIED not in order.faults
    fields = {
        "tenantId": order.tenant_id,
        "recorderId": order.recorder.recorder_id,
        "recordingType": order.recording_type,
        "side": order.side,
        "callId": told.call_key,
        "globalCallId": told.call_key,
        "jtapiCallId": told.jtapi_id,
        "dialogId": told.dialog_id,
        "channelUuid": order.channel_uuid,
        "refci": told.refci,
        "agentExtension": told.agent_extension,
        "agentDevice": told.agent_device,
        "callingNumber": told.calling_number,
        "calledNumber": told.called_number,
        "direction": told.direction,
        "startTime": _text(order.start, order),
        "endTime": _text(order.end, order) if is_over else None,
        "filePath": str(folder / order.path),
        "fileSize": size_bytes if is_over else None,
        "sampleRate": RATE_HZ,
        "masked": [
            {
                "from": _text(start, order),
                "to": _text(end, order),
                "by": told.agent_extension or "supervisor",
                "reason": "card number",
            }
            for start, end in order.masks
            if start < order.end and end > order.start
        ],
        "completionCause": "NORMAL_CLEARING" if is_over else None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def write_manifest(order: FileOrder, folder: Path, size_bytes: int) -> bool:
    """Write the manifest next to the file, under its unfinished name where the recorder died.

    Returns:
        Whether there is one.

    Raises:
        OSError: it cannot be written.
    """
    if {MISSING_SIDE, MISSING_MANIFEST} & set(order.faults):
        return False
    suffix = ".json.part" if DIED in order.faults else ".json"
    path = folder / order.path.removesuffix(".wav")
    path = path.with_name(path.name + suffix)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(manifest_of(order, folder, size_bytes), ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")
    set_time(path, order)
    return True


def _text(time_us: int, order: FileOrder) -> str:
    time = recorders_time(time_us, order)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"
