"""The processes that write simulated audio live as long as the one that began them, and no longer."""

import subprocess
import sys
from pathlib import Path

import psutil

from cx_pipeline_tests.waiting import eventually

WRITES = """
import sys
from pathlib import Path
from cx_pipeline.simulator.audio.plan import AudioPlan
from cx_pipeline.simulator.audio.simulation import simulate_audio
from cx_pipeline_tests.simulator.audio.sound import some_legs
simulate_audio(some_legs(400, seed=4, hours=2), AudioPlan(), Path(sys.argv[1]), workers=2)
"""


def test_they_end_when_it_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITES, str(tmp_path)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[3]) as parent:
        try:
            assert eventually(lambda: any(tmp_path.rglob("*.wav")) or parent.poll() is not None)
            begun = psutil.Process(parent.pid).children(recursive=True)
        finally:
            parent.kill()
    assert len(begun) >= 2
    assert psutil.wait_procs(begun, timeout=10)[1] == []
