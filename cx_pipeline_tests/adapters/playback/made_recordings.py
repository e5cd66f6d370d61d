"""Finished recordings with their rows, as the pipeline leaves them, made without it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr
from sqlalchemy import Engine, insert, update

from cx_pipeline.adapters.crypto.key_ring import KeyRing
from cx_pipeline.adapters.crypto.sealing import open_writer
from cx_pipeline.adapters.database.gateway_tables import screen_recording
from cx_pipeline.adapters.database.message_tables import enriched_leg
from cx_pipeline.adapters.database.recording_keys import RecordingKeys
from cx_pipeline.adapters.database.recording_tables import recording, recording_leg, recording_manifest
from cx_pipeline.settings import Settings
from cx_pipeline_tests.adapters.crypto.rings import ring_keys

Sealed = Literal["gcm", "cfb", "none"]
TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
MADE_AT = TEN + timedelta(minutes=10)
RING_TEXT = SecretStr(ring_keys(("*", "all-1"), ("acme", "acme-1"), ("acme", "acme-cfb", "cfb")).as_json())


@dataclass(frozen=True)
class Leg:
    """A leg that a recording may hold."""

    leg_id: str
    call_id: str
    tenant_id: str
    extension: str
    number: str
    start: datetime

    @property
    def key(self) -> str:
        """As the correlation makes it."""
        return f"{self.call_id}:{self.extension}:{self.number}:{round(self.start.timestamp() * 1000)}"


class MadeRecordings:
    """Makes legs, recordings and what else is looked up. Ids count up, so that tests share a database in peace."""

    _numbers = count(1)

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self.settings, self.engine = settings, engine
        self._ring = KeyRing.load(settings)

    @classmethod
    def new_id(cls) -> str:
        """A UUID that none had before."""
        return f"00000000-0000-8000-8000-{next(cls._numbers):012d}"

    def leg(
        self,
        *,
        tenant_id: str = "acme",
        start: datetime = TEN,
        extension: str = "1005",
        number: str = "+18005550199",
        call_id: str | None = None,
        cx_call_id: str | None = None,
    ) -> Leg:
        """A leg with its row."""
        leg = Leg(self.new_id(), call_id or self.new_id(), tenant_id, extension, number, start)
        row = {
            "leg_id": leg.leg_id, "leg_key": leg.key, "call_id": leg.call_id, "tenant_id": tenant_id,
            "leg_number": 1, "status": "COMPLETED", "origin": "events", "enrichment_status": "COMPLETE",
            "cx_call_id": cx_call_id or leg.call_id, "agent_extension": extension, "other_party": number,
            "start_time": start, "window_start": TEN, "high_water": 1, "row_hash": 1,
        }  # fmt: skip
        self._execute(insert(enriched_leg).values(row))
        return leg

    def recording(
        self,
        audio: bytes = b"some audio",
        *,
        legs: Sequence[Leg] = (),
        tenant_id: str = "acme",
        sealing: Sealed = "gcm",
        format: str = "wav",
        manifest_ids: Sequence[str] = (),
        **changed: Any,
    ) -> str:
        """A finished recording with its file and row; its id. `changed` are columns that are not as usual."""
        recording_id = self.new_id()
        path = f"{tenant_id}/{TEN:%Y-%m-%d}/{recording_id}_mixed.{format}"
        file = self.settings.recordings_folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        keys = RecordingKeys(self.engine)
        with (
            file.open("wb") as target,
            open_writer(target, keys.sealing_for(sealing, recording_id, tenant_id, self._ring)) as writer,
        ):
            writer.write(audio)
        digest = hashlib.sha256(audio).hexdigest()
        row = {
            "recording_id": recording_id, "tenant_id": tenant_id, "kind": "LEG" if legs else "FILE",
            "call_id": legs[0].call_id if legs else None, "leg_id": legs[0].leg_id if legs else None,
            "window_start": TEN, "state": "COMPLETED", "is_current": True, "manifest_ids": list(manifest_ids),
            "start_time": legs[0].start if legs else TEN, "duration_ms": 1000, "layout": "stereo",
            "format": format, "encryption": sealing, "path": path, "size_bytes": file.stat().st_size,
            "audio_bytes": len(audio), "sha256": digest, "completed_at": MADE_AT, **changed,
        }  # fmt: skip
        self._execute(insert(recording).values(row))
        if legs:
            rows = [{"recording_id": recording_id, "leg_id": leg.leg_id, "offset_ms": 0} for leg in legs]
            self._execute(insert(recording_leg).values(rows))
        return recording_id

    def file(
        self,
        *,
        dialog_id: str,
        tenant_id: str = "acme",
        start: datetime = TEN,
        extension: str | None = "1005",
    ) -> str:
        """A recorder's file that was told of; the manifest's id."""
        manifest_id = self.new_id()
        row = {
            "manifest_id": manifest_id, "tenant_id": tenant_id, "source": "folder", "recording_type": "EFSWITCH",
            "side": "both", "dialog_id": dialog_id, "agent_extension": extension, "start_time": start,
            "file_path": f"/streams/{manifest_id}.wav", "is_finished": True, "call_id": "gcid-abc-123",
        }  # fmt: skip
        self._execute(insert(recording_manifest).values(row))
        return manifest_id

    def screen(self, video: bytes, path: str, *, leg: Leg | None = None, **changed: Any) -> str:
        """A screen recording with its file and row; its id."""
        root = self.settings.screen_root
        assert root is not None
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(video)
        row = {
            "screen_id": self.new_id(), "dialog_id": "dialog", "agent_extension": leg.extension if leg else "1005",
            "start_time": leg.start if leg else TEN, "path": path, "size_bytes": len(video), "modified_at": MADE_AT,
            "tenant_id": leg.tenant_id if leg else None, "leg_id": leg.leg_id if leg else None, **changed,
        }  # fmt: skip
        self._execute(insert(screen_recording).values(row))
        return str(row["screen_id"])

    def change(self, recording_id: str, **values: Any) -> None:
        """Change a recording's row."""
        self._execute(update(recording).values(values).where(recording.c.recording_id == recording_id))

    def path_of(self, recording_id: str, tenant_id: str = "acme", format: str = "wav") -> Path:
        """Where its file lies."""
        return (
            self.settings.recordings_folder / tenant_id / f"{TEN:%Y-%m-%d}" / f"{recording_id}_mixed.{format}"
        )

    def erase(self, recording_id: str) -> None:
        """Destroy its key."""
        RecordingKeys(self.engine).destroy(recording_id, by="a test", reason="it asks for it")

    def _execute(self, statement: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(statement)
