"""Files of couples, put together to one of their leg: each at its offset, silence between them. Constant memory."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from cx_pipeline.adapters.audio.wav_writer import SAMPLE_BYTES, WavForm, wav_header
from cx_pipeline.adapters.storage.storage_faults import storage_faults
from cx_pipeline.core.errors import InputError

MOST_BYTES = (1 << 32) - (1 << 16)
"""What a plain WAV file can hold."""
_BLOCK_FRAMES = 1 << 16
_MOST_CHANNELS = 2

Frames = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Part:
    """The file of a couple, of a format that libsndfile reads, and where in the leg it begins."""

    name: str
    """For messages."""
    file: BinaryIO
    offset_ms: int


def splice(parts: Sequence[Part], target: BinaryIO) -> int:
    """Write one WAV file, 16 bit, at the highest rate of its parts; stereo where one of them is.

    Where a part is longer than the time until the next one, that one counts from its start.

    Args:
        parts: in the order of their offsets; one at least.
        target: empty, and seekable.

    Returns:
        The size of the file in bytes.

    Raises:
        InputError: a part cannot be decoded, has more than two channels, or all of it is longer than a WAV file may be.
        StorageUnavailableError: it cannot be written.
    """
    with ExitStack() as stack:
        sounds = [stack.enter_context(_opened(part)) for part in parts]
        form = WavForm(
            max(sound.samplerate for sound in sounds), max(sound.channels for sound in sounds), frames=0
        )
        writer = _Writer(target, form)
        starts = [part.offset_ms * form.sample_rate_hz // 1000 for part in parts]
        for part, sound, start, following in zip(parts, sounds, starts, [*starts[1:], None], strict=True):
            writer.silence_until(start)
            _copy(part, sound, writer, following)
    return writer.finish()


class _Writer:
    """Frames into the file, its header last: only then its length is known."""

    def __init__(self, target: BinaryIO, form: WavForm) -> None:
        self._target, self._form = target, form
        self.frames = 0
        self._write(bytes(len(wav_header(form))))

    @property
    def form(self) -> WavForm:
        """Rate and channels; its frames are not known yet."""
        return self._form

    def write(self, frames: Frames) -> None:
        """Take frames: an array of frames by channels, or by one that all channels get."""
        self.frames += len(frames)
        if self.frames * self._form.channels * SAMPLE_BYTES > MOST_BYTES:
            raise InputError("the couples of this leg are longer together than a WAV file may be")
        wide = np.broadcast_to(frames, (len(frames), self._form.channels))
        self._write(np.ascontiguousarray(wide, dtype="<i2").tobytes())

    def silence_until(self, frame: int) -> None:
        """Fill a gap."""
        while self.frames < frame:
            count = min(_BLOCK_FRAMES, frame - self.frames)
            self.write(np.zeros((count, 1), dtype=np.int16))

    def finish(self) -> int:
        form = WavForm(self._form.sample_rate_hz, self._form.channels, self.frames)
        header = wav_header(form)
        with storage_faults("keep the audio of a leg from Eleveo"):
            self._target.seek(0)
        self._write(header)
        with storage_faults("keep the audio of a leg from Eleveo"):
            self._target.flush()
        return len(header) + form.data_bytes

    def _write(self, data: bytes) -> None:
        with storage_faults("keep the audio of a leg from Eleveo"):
            self._target.write(data)


def _opened(part: Part) -> soundfile.SoundFile:
    try:
        with storage_faults(f"read couple {part.name} of Eleveo"):
            part.file.seek(0)
            sound = soundfile.SoundFile(part.file)
    except soundfile.LibsndfileError as error:
        raise _undecodable(part, error) from None
    if sound.channels > _MOST_CHANNELS:
        sound.close()
        raise InputError(f"couple {part.name} of Eleveo has {sound.channels} channels, and not one or two")
    return sound


def _copy(part: Part, sound: soundfile.SoundFile, writer: _Writer, end: int | None) -> None:
    """The part's frames, until it or its time ends."""
    rate = writer.form.sample_rate_hz
    resampler = (
        None
        if sound.samplerate == rate
        else soxr.ResampleStream(sound.samplerate, rate, sound.channels, "float32")
    )
    is_last = False
    while not is_last and (end is None or writer.frames < end):
        try:
            block = sound.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise _undecodable(part, error) from None
        is_last = len(block) < _BLOCK_FRAMES
        if resampler is not None:
            block = resampler.resample_chunk(block, last=is_last)
        room = len(block) if end is None else min(len(block), end - writer.frames)
        writer.write(_as_int16(block[:room]))


def _as_int16(block: npt.NDArray[np.float32]) -> Frames:
    steps = np.rint(np.nan_to_num(block) * np.float32(32768))
    clipped: Frames = np.clip(steps, -32768, 32767).astype(np.int16)
    return clipped


def _undecodable(part: Part, error: soundfile.LibsndfileError) -> InputError:
    return InputError(f"couple {part.name} of Eleveo cannot be decoded: {error.error_string}")
