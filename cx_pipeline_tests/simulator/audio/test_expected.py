"""What should be heard where two files of one side meet."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from cx_pipeline.simulator.audio.call_files import microseconds
from cx_pipeline.simulator.audio.expected import Expected, channel_content

TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
SECOND_US = 1_000_000
FRAMES = 4000


def stretch(voice: int, start_s: float, end_s: float, *, residual_ms: int = 0, leg: str = "1005") -> Expected:
    start, end = TEN + timedelta(seconds=start_s), TEN + timedelta(seconds=end_s)
    row: dict[str, Any] = {
        "tenant_id": "acme",
        "root_call_key": "1_100",
        "agent_extension": leg,
        "leg_start_time": TEN,
        "side": "far",
        "file_start_time": start,
        "drift_ppm": 0,
        "voices": [{"voice_key": voice, "start_time": start, "end_time": end}],
    }
    return Expected(row, 1, microseconds(start), microseconds(end), residual_ms * 1000, ())


def test_of_two_files_of_one_side_that_overlap_by_an_unknown_clock_the_later_is_heard() -> None:
    earlier, later = stretch(7, 0, 10), stretch(8, 10, 20, residual_ms=-800)
    heard = channel_content([earlier, later], later, later.start, FRAMES)
    assert np.array_equal(heard, later.content(later.start, FRAMES))


def test_voices_of_two_legs_on_one_channel_are_heard_together() -> None:
    one, other = stretch(7, 0, 10), stretch(8, 5, 20, leg="1006")
    heard = channel_content([one, other], other, other.start, FRAMES)
    assert np.array_equal(heard, other.content(other.start, FRAMES) + one.content(other.start, FRAMES))
