"""The formats of finished recordings: what takes blocks of frames and gives a file's bytes in order."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import IO, Protocol

import numpy as np
import numpy.typing as npt
import soundfile

from cx_pipeline.adapters.audio.ogg_pages import pages_with_serial
from cx_pipeline.adapters.audio.wav_writer import Sink, WavForm, wav_header, wav_trailer
from cx_pipeline.adapters.storage.storage_faults import storage_faults
from cx_pipeline.core.errors import ConfigurationError, InputError
from cx_pipeline.core.recording.mix_plan import MixPlan

_COPY_BYTES = 1 << 20
_LIBSNDFILE = MappingProxyType(
    {"flac": ("FLAC", "PCM_16"), "opus": ("OGG", "OPUS"), "mp3": ("MP3", "MPEG_LAYER_III")}
)
_RATES_HZ = MappingProxyType(
    {
        "opus": (8_000, 12_000, 16_000, 24_000, 48_000),
        "mp3": (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
    }
)
_MOST_CHANNELS = MappingProxyType({"flac": 8, "opus": 255, "mp3": 2})


class Encoder(Protocol):
    """Writes one file into a sink."""

    def write(self, frames: npt.NDArray[np.int16]) -> None:
        """Take more frames: an array of frames by channels."""

    def finish(self) -> None:
        """Write what is left. Without it the file is not whole."""

    def discard(self) -> None:
        """Let go of what the encoder holds, finished or not."""


def encoder_for(plan: MixPlan, sink: Sink) -> Encoder:
    """The encoder of the plan's format.

    Raises:
        ConfigurationError: the format takes no such sample rate, or not so many channels.
    """
    name = plan.parameters.format
    if name == "wav":
        return WavEncoder(WavForm(plan.sample_rate_hz, plan.channels, plan.frames, plan.markers), sink)
    rates = _RATES_HZ.get(name, (plan.sample_rate_hz,))
    if plan.sample_rate_hz not in rates or plan.channels > _MOST_CHANNELS[name]:
        raise ConfigurationError(
            f"recording {plan.recording_id}: {name} takes {', '.join(map(str, rates))} Hz and at most "
            f"{_MOST_CHANNELS[name]} channels, not {plan.sample_rate_hz} Hz and {plan.channels}; "
            "give its rule another sample rate, layout or format"
        )
    return LibsndfileEncoder(plan, sink)


class WavEncoder:
    """16 bit WAV: frame by frame into the sink, nothing in between."""

    def __init__(self, form: WavForm, sink: Sink) -> None:
        self._form, self._sink = form, sink
        sink.write(wav_header(form))

    def write(self, frames: npt.NDArray[np.int16]) -> None:
        """Take more frames."""
        self._sink.write(np.ascontiguousarray(frames, dtype="<i2").data.cast("B"))

    def finish(self) -> None:
        """Write what stands behind the audio."""
        self._sink.write(wav_trailer(self._form))

    def discard(self) -> None:
        """There is nothing to let go of."""


class LibsndfileEncoder:
    """FLAC, Opus or MP3 through libsndfile, which goes back in the file it writes.

    So it writes into a temporary file that has no name: whatever is killed, no plaintext stays behind.
    """

    def __init__(self, plan: MixPlan, sink: Sink) -> None:
        self._sink = sink
        self._is_ogg = plan.parameters.format == "opus"
        self._serial = int.from_bytes(hashlib.sha256(plan.recording_id.encode()).digest()[:4])
        container, subtype = _LIBSNDFILE[plan.parameters.format]
        with storage_faults("make a temporary file for the encoder"):
            temporary = tempfile.TemporaryFile(prefix="cx-encoder-")  # noqa: SIM115  closed by discard
        self._file = _FaultKeeping(temporary)
        try:
            with self._file.faults_first():
                self._sound = soundfile.SoundFile(
                    self._file, "w", plan.sample_rate_hz, plan.channels, subtype=subtype, format=container
                )
        except BaseException:
            self._file.close()
            raise

    def write(self, frames: npt.NDArray[np.int16]) -> None:
        """Take more frames."""
        # As 32 bit: of MP3 in stereo, libsndfile 1.2.2 makes noise when it is given 16.
        with self._file.faults_first():
            self._sound.write(np.left_shift(frames, 16, dtype=np.int32))

    def finish(self) -> None:
        """Complete the file, and hand it on."""
        with self._file.faults_first():
            self._sound.close()
        self._file.seek(0)
        with storage_faults("read the encoder's temporary file"):
            for block in self._written():
                self._sink.write(block)

    def _written(self) -> Iterator[bytes]:
        if self._is_ogg:
            yield from pages_with_serial(self._file, self._serial)
        while block := self._file.read(_COPY_BYTES):
            yield block

    def discard(self) -> None:
        """Close the file, which ends it."""
        with suppress(soundfile.LibsndfileError):  # what made it fail was told where it failed
            self._sound.close()
        self._file.close()


class _FaultKeeping:
    """A file for libsndfile, through whose callbacks no exception comes: the first is kept, and raised later.

    A library that failed may look into it once more when all is over; then it is empty.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._fault: OSError | None = None

    @contextmanager
    def faults_first(self) -> Iterator[None]:
        """Raise the file's own fault rather than what libsndfile makes of it, or nothing."""
        problem: Exception | None = None
        try:
            yield
        except (soundfile.LibsndfileError, AssertionError) as error:  # soundfile asserts that all was written
            problem = error
        if self._fault is not None:
            with storage_faults("write the encoder's temporary file"):
                raise self._fault
        if problem is not None:
            raise InputError(f"libsndfile could not encode the audio: {problem}") from problem

    def write(self, data: bytes) -> int:
        try:
            return self._file.write(data) if self._fault is None and not self._file.closed else 0
        except OSError as error:
            self._fault = error
            return 0

    def read(self, size: int) -> bytes:
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0 if self._file.closed else self._file.seek(offset, whence)

    def tell(self) -> int:
        return 0 if self._file.closed else self._file.tell()

    def close(self) -> None:
        self._file.close()
