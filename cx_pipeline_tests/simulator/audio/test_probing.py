"""Where known content is looked for, when a recorder's clock is not known."""

from types import SimpleNamespace
from typing import Any

import pytest

from cx_pipeline.simulator.audio.finished import FinishedRecording
from cx_pipeline.simulator.audio.probing import PROBE_MS, _Look
from cx_pipeline_tests.simulator.audio.test_expected import SECOND_US, TEN, stretch

MINUTE_LONG: Any = SimpleNamespace(frames=60 * 8000, samplerate=8000, channels=2)


@pytest.mark.parametrize(("off_ms", "margin_s"), [(0, 0), (-2000, 2), (2000, 2)])
def test_a_stretch_is_not_looked_for_where_an_unknown_clock_moved_it_into_a_hold(off_ms: int, margin_s: int):
    expected = stretch(7, 10, 40, residual_ms=off_ms)
    recording = FinishedRecording("recording", "path", "LEG", TEN, ("leg",))
    probes = list(_Look(recording, [expected], MINUTE_LONG).probes_of(expected))
    assert len(probes) == 2
    assert probes[0].moment >= expected.start + margin_s * SECOND_US
    assert probes[0].moment <= expected.start + (margin_s + 2) * SECOND_US
    assert probes[1].moment + PROBE_MS * 1000 <= expected.end - margin_s * SECOND_US
