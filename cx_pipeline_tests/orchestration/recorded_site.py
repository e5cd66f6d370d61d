"""A deployment with a recorder: files and manifests as FreeSWITCH leaves them, and what became of them."""

import json
import wave
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np

from cx_pipeline.core.job_names import RECORDING_JOB
from cx_pipeline.orchestration.schedules import TRIGGER_TAG
from cx_pipeline_tests.orchestration.deployment import Deployment

RATE_HZ = 8000
TONES_HZ = {"near": 440, "far": 1000}


@dataclass
class RecordedSite:
    """What a test has at hand."""

    deployment: Deployment
    streams: Path

    def leave(
        self,
        key: str,
        side: str,
        start: datetime,
        lasts: timedelta,
        *,
        agent: str = "1001",
        recorder: str = "recorder-1",
        **fields: object,
    ) -> Path:
        """One file and its manifest, as the recorder's scripts write them; the audio's path."""
        folder = self.streams / f"{start:%Y%m%d}"
        folder.mkdir(exist_ok=True)
        audio = folder / f"{key}_{start:%Y%m%dT%H%M%S}.{start.microsecond // 1000:03d}_{side}.wav"
        write_tone(audio, TONES_HZ[side], lasts)
        manifest = {
            "tenantId": "acme",
            "globalCallId": key,
            "refci": f"9{key}",
            "side": side,
            "agentExtension": agent,
            "startTime": start.isoformat(),
            "endTime": (start + lasts).isoformat(),
            "filePath": str(audio),
            "fileSize": audio.stat().st_size,
            "sampleRate": RATE_HZ,
            "recordingType": "BIB",
            "recorderId": recorder,
            **fields,
        }
        audio.with_suffix(".json").write_text(json.dumps(manifest), encoding="utf-8")
        return audio

    def record(self, key: str, *, by_person: bool = False) -> dg.ExecuteInProcessResult:
        """Make a window's recordings by the job, as a tick of the sensor would, or a person."""
        job = self.deployment.definitions.resolve_job_def(RECORDING_JOB)
        tags = {} if by_person else {TRIGGER_TAG: "recording_sensor"}
        result = job.execute_in_process(
            partition_key=key, instance=self.deployment.instance, raise_on_error=False, tags=tags
        )
        assert result.success
        return result

    def states(self) -> list[tuple[object, ...]]:
        """State and reason of each recording that counts, in the order of their begin."""
        return self.deployment.rows(
            "SELECT state, failure FROM recording WHERE is_current ORDER BY start_time, state"
        )

    def finished(self) -> list[Path]:
        """The finished audio files."""
        root = self.deployment.settings.recordings_folder
        return sorted(path for path in root.rglob("*_mixed.*") if path.suffix != ".json")

    def checks(self, result: dg.ExecuteInProcessResult) -> dict[str, bool]:
        """Whether each check of a run passed."""
        return {check.check_name: check.passed for check in result.get_asset_check_evaluations()}


def write_tone(path: Path, tone_hz: int, lasts: timedelta) -> None:
    """A file of one channel, 16 bit, with a tone of a tenth of full scale."""
    frames = round(lasts.total_seconds() * RATE_HZ)
    tone = np.sin(np.arange(frames) * (2 * np.pi * tone_hz / RATE_HZ)) * 3276
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(tone.astype("<i2").tobytes())


def tones_of(path: Path) -> list[float]:
    """The loudest frequency of each channel of a WAV file (Hz)."""
    with wave.open(str(path), "rb") as file:
        channels, rate_hz = file.getnchannels(), file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, channels)
    spectra = np.abs(np.fft.rfft(samples.astype(float), axis=0))
    return [
        float(np.argmax(spectra[:, channel]) * rate_hz / len(samples)) if spectra[:, channel].any() else 0.0
        for channel in range(channels)
    ]
