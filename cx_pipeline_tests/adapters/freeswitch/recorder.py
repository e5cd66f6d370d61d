"""A recorder for tests: it leaves files and manifests as ours do."""

import json
import os
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2026, 6, 8, 10, tzinfo=UTC)


def wav(frames: int = 8000, *, told_frames: int | None = None) -> bytes:
    """A WAV file of PCM 16, mono, 8 kHz; `told_frames` for a header that tells otherwise."""
    told = 2 * (frames if told_frames is None else told_frames)
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36 + told, b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
    audio = bytes(i * 7 % 251 for i in range(2 * frames))
    return head + struct.pack("<4sI", b"data", told) + audio


def payload(file: Path | str, **told: Any) -> dict[str, Any]:
    """What a manifest says of a file."""
    return {
        "tenant_id": "default",
        "call_id": "16777507",
        "refci": "38960750",
        "side": "near",
        "agent_extension": "1005",
        "start_time": START.isoformat(),
        "end_time": (START + timedelta(seconds=1)).isoformat(),
        "file_path": str(file),
        "recording_type": "BIB",
        "recorder_id": "fs1",
        **told,
    }


def record(
    folder: Path, name: str, *, ending: str = ".json", audio: bytes | None = None, **told: Any
) -> Path:
    """Leave a file and its manifest; the manifest's path."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.wav"
    file.write_bytes(wav() if audio is None else audio)
    manifest = folder / f"{name}{ending}"
    manifest.write_text(json.dumps(payload(file, **told)))
    return manifest


def settle(folder: Path, *, age_s: float = 3600) -> None:
    """Let a folder have been changed some time ago."""
    moment = datetime.now(UTC).timestamp() - age_s
    os.utime(folder, (moment, moment))
