"""The audio of a couple: the agent left, what the phone hears right, as one stereo file."""

import io
from typing import Literal

import numpy as np
import numpy.typing as npt
import soundfile

from cx_pipeline.simulator.audio.voices import RATE_HZ, as_steps, first_frame, said
from cx_pipeline.simulator.eleveo.couples import HeldCouple

AudioFormat = Literal["wav", "mp3"]
MEDIA_TYPES: dict[AudioFormat, str] = {"wav": "audio/x-wav", "mp3": "audio/mpeg"}


def sound_of(couple: HeldCouple) -> npt.NDArray[np.int16]:
    """What is heard: (frames, 2) at `RATE_HZ`."""
    begin, end = first_frame(couple.start), first_frame(couple.end)
    far = np.zeros(end - begin, dtype=np.float32)
    for heard in couple.far:
        first, last = max(begin, first_frame(heard.start)), min(end, first_frame(heard.end))
        if last > first:
            far[first - begin : last - begin] += said(heard.voice_key, first, last - first)
    return np.stack([as_steps(said(couple.near, begin, end - begin)), as_steps(far)], axis=1)


def file_of(couple: HeldCouple, audio_format: AudioFormat) -> bytes:
    """The couple's file."""
    target = io.BytesIO()
    samples = sound_of(couple)
    if audio_format == "wav":
        soundfile.write(target, samples, RATE_HZ, format="WAV", subtype="PCM_16")
    else:
        # As 32 bit: of MP3 in stereo, libsndfile 1.2.2 makes noise when it is given 16.
        wide = np.left_shift(samples, 16, dtype=np.int32)
        soundfile.write(target, wide, RATE_HZ, format="MP3", subtype="MPEG_LAYER_III")
    return target.getvalue()
