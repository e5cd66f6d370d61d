"""Random ranges of a sealed recording are its bytes. `CX_STRESS_RANGES` makes them many, of a recording of two hours."""

import os
import random

import pytest

from cx_pipeline_tests.adapters.playback.made_recordings import Sealed
from cx_pipeline_tests.gateway.audio.conftest import Stage

RANGES = int(os.environ.get("CX_STRESS_RANGES", "200"))
TWO_HOURS_BYTES = 44 + 2 * 3600 * 8000 * 2 * 2
SIZE = TWO_HOURS_BYTES if "CX_STRESS_RANGES" in os.environ else 3_000_017
LONGEST_BYTES = 200_000


def asked(drawn: random.Random) -> tuple[str, int, int]:
    """A range of one of the forms, and where it begins and ends."""
    start = drawn.choice([drawn.randrange(SIZE), drawn.randrange(SIZE // 65_536) * 65_536])
    length = drawn.choice([1, 65_536, drawn.randint(1, LONGEST_BYTES)])
    form = drawn.randrange(4)
    if form == 0:
        start = max(0, SIZE - length)
        return f"bytes=-{length}", start, SIZE
    if form == 1:
        start = max(0, SIZE - length)
        return f"bytes={start}-", start, SIZE
    return f"bytes={start}-{start + length - 1}", start, min(start + length, SIZE)


@pytest.mark.stress
@pytest.mark.parametrize("sealing", ["gcm", "cfb"])
def test_random_ranges_are_the_recordings_bytes(stage: Stage, sealing: Sealed) -> None:
    audio = random.Random(2).randbytes(SIZE)
    path = f"/recordings/{stage.made.recording(audio, sealing=sealing)}/audio"
    player, drawn = stage.gateway.client("player"), random.Random(3)
    for _ in range(RANGES if sealing == "gcm" else RANGES // 4):
        header, start, end = asked(drawn)
        answer = player.get(path, headers={"Range": header})
        assert answer.status_code == 206, header
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{SIZE}"
        assert answer.content == audio[start:end], header
