"""Recorders' files as samples: opened one by one, checked to be those that were planned, read at any frame.

WAV files are decoded here from where the plan says that their audio begins, so that a header that was never finished
does no harm; what is no WAV file goes through libsndfile.
"""

import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
import numpy.typing as npt
import soundfile

from cx_pipeline.adapters.audio.decoding import (
    BYTES_PER_SAMPLE,
    EXACT_ENCODINGS,
    SCALE_INT16,
    Bytes,
    Floats,
    Int16s,
    as_float32,
    as_int16,
)
from cx_pipeline.adapters.audio.wav_chunks import RIFF_IDS
from cx_pipeline.adapters.freeswitch.stream_files import StreamProblemError, open_stream
from cx_pipeline.adapters.storage.storage_faults import storage_faults
from cx_pipeline.core.errors import InputError
from cx_pipeline.core.recording.mix_plan import MixInput

_MOST_OPEN_FILES = 64
_HASH_BLOCK_BYTES = 1 << 20

Identity = tuple[int, int, int, int]
"""Device, inode, size and time of the last change: another one is another file."""


class AudioInput:
    """One open file of a plan.

    Raises (when made, and when read):
        InputError: it is not the file that was planned.
        StorageUnavailableError: the storage does not answer.
    """

    def __init__(self, file: BinaryIO, planned: MixInput) -> None:
        self._file, self._planned = file, planned
        self.identity = _identity(file)
        if self.identity[2] != planned.size_bytes:
            raise _changed(planned)
        self._frame_bytes = BYTES_PER_SAMPLE.get(planned.encoding, 0) * planned.channels
        is_wav = self._bytes_at(0, 4) in RIFF_IDS
        self._sound = None if is_wav and self._frame_bytes else self._through_libsndfile()

    def close(self) -> None:
        """Let go of the file."""
        if self._sound is not None:
            self._sound.close()
        self._file.close()

    def is_unchanged(self) -> bool:
        """Whether the open file is as it was when it was opened."""
        return _identity(self._file) == self.identity

    def int16(self, channel: int, start: int, frames: int) -> Int16s:
        """Samples of one channel from frame `start`, of a file whose encoding is an exact one."""
        if self._sound is not None:
            return self._decoded("int16", start, frames)[:, channel]
        return as_int16(
            self._frames_at(start, frames), self._planned.encoding, self._planned.channels, channel
        )

    def float32(self, channel: int, start: int, frames: int) -> Floats:
        """Samples of one channel from frame `start`; full scale is 1."""
        if self._sound is None:
            return as_float32(
                self._frames_at(start, frames), self._planned.encoding, self._planned.channels, channel
            )
        if self._planned.encoding in EXACT_ENCODINGS:
            return self.int16(channel, start, frames).astype(np.float32) / np.float32(SCALE_INT16)
        samples: Floats = np.nan_to_num(self._decoded("float32", start, frames)[:, channel])
        return samples

    def content(self) -> Iterator[bytes]:
        """All bytes of the file, in blocks."""
        position = 0
        while block := self._bytes_at(position, _HASH_BLOCK_BYTES):
            yield block
            position += len(block)

    def _frames_at(self, start: int, frames: int) -> Bytes:
        size = frames * self._frame_bytes
        data = self._bytes_at(self._planned.data_offset_bytes + start * self._frame_bytes, size)
        if len(data) < size:
            raise _changed(self._planned)
        return np.frombuffer(data, dtype=np.uint8)

    def _bytes_at(self, position: int, size: int) -> bytes:
        with storage_faults(f"read {self._planned.file}"):
            data = os.pread(self._file.fileno(), size, position)
            # A network's storage may give less than was asked for, before the end too.
            while len(data) < size and (
                more := os.pread(self._file.fileno(), size - len(data), position + len(data))
            ):
                data += more
        return data

    def _through_libsndfile(self) -> soundfile.SoundFile:
        try:
            with storage_faults(f"read {self._planned.file}"):
                self._file.seek(0)
                sound = soundfile.SoundFile(os.dup(self._file.fileno()))
        except soundfile.LibsndfileError as error:
            raise InputError(
                f"{self._planned.file} is of a format that cannot be read: {error.error_string}"
            ) from None
        if sound.samplerate != self._planned.sample_rate_hz or sound.channels != self._planned.channels:
            raise _changed(self._planned)
        return sound

    def _decoded(self, dtype: str, start: int, frames: int) -> npt.NDArray[Any]:
        sound = self._sound
        if sound is None:
            raise ValueError("the file is decoded here, not by libsndfile")
        try:
            if sound.tell() != start:
                sound.seek(start)
            data: npt.NDArray[Any] = sound.read(frames, dtype=dtype, always_2d=True)
        except soundfile.LibsndfileError as error:
            raise InputError(f"{self._planned.file} cannot be decoded: {error.error_string}") from None
        if len(data) < frames:
            raise _changed(self._planned)
        return data


class AudioInputs:
    """The files of a plan, opened when they are wanted, a limited number at once.

    Used in a `with` block. `hash_all` first: from then on a file that is no longer the same is refused.
    """

    def __init__(self, planned: Sequence[MixInput], roots: Sequence[Path]) -> None:
        self._planned = {each.manifest_id: each for each in planned}
        self._roots = tuple(roots)
        self._open: OrderedDict[str, AudioInput] = OrderedDict()
        self._identities: dict[str, Identity] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._open:
            self._open.popitem()[1].close()

    def planned(self, manifest_id: str) -> MixInput:
        """What the plan knows of a file."""
        return self._planned[manifest_id]

    def opened(self, manifest_id: str) -> AudioInput:
        """The file, open.

        Raises:
            InputError: it is gone, lies outside the roots, or is not the one that was planned.
            StorageUnavailableError: the storage does not answer.
        """
        found = self._open.get(manifest_id)
        if found is None:
            if len(self._open) >= _MOST_OPEN_FILES:
                self._open.popitem(last=False)[1].close()
            found = self._opened_anew(self._planned[manifest_id])
            self._open[manifest_id] = found
        self._open.move_to_end(manifest_id)
        return found

    def hash_all(self) -> tuple[tuple[str, str], ...]:
        """Manifest id and SHA-256 of each file, in the plan's order. Raises what `opened` raises."""
        return tuple((manifest_id, self._hash(manifest_id)) for manifest_id in self._planned)

    def require_unchanged(self) -> None:
        """Refuse what was rendered of a file that was changed meanwhile.

        Raises:
            InputError: a file was changed.
        """
        for manifest_id, file in self._open.items():
            if not file.is_unchanged():
                raise _changed(self._planned[manifest_id])

    def _hash(self, manifest_id: str) -> str:
        digest = hashlib.sha256()
        for block in self.opened(manifest_id).content():
            digest.update(block)
        return digest.hexdigest()

    def _opened_anew(self, planned: MixInput) -> AudioInput:
        file = _open_file(planned, self._roots)
        try:
            found = AudioInput(file, planned)
        except BaseException:
            file.close()
            raise
        if self._identities.setdefault(planned.manifest_id, found.identity) != found.identity:
            found.close()
            raise _changed(planned)
        return found


def _open_file(planned: MixInput, roots: Sequence[Path]) -> BinaryIO:
    try:
        return open_stream(planned.file, roots, buffer_bytes=0)
    except StreamProblemError as problem:
        message = f"an input of the plan (manifest {planned.manifest_id}) cannot be used any more: {problem}"
        raise StreamProblemError(problem.problem, message) from None


def _identity(file: BinaryIO) -> Identity:
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _changed(planned: MixInput) -> InputError:
    return InputError(
        f"{planned.file} (manifest {planned.manifest_id}) was changed since it was planned: "
        "the next computation of its window plans it anew"
    )
