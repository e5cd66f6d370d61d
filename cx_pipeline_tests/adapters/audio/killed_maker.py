"""Makes a recording in a process of its own, which kills itself, as kill -9 would, at the nth time of a step.

    python -m cx_pipeline_tests.adapters.audio.killed_maker ORDER STEP NTH

`ORDER` is a pickled order. An unknown step: it lives. It prints a line when it begins to make the recording.
"""

import os
import pickle
import signal
import sys
from collections import Counter
from pathlib import Path

from cx_pipeline.adapters.audio.mixing import make_recording


def main(file: Path, fatal_step: str, nth: int) -> None:
    order = pickle.loads(file.read_bytes())
    reached: Counter[str] = Counter()

    def on_step(step: str) -> None:
        reached[step] += 1
        if step == fatal_step and reached[step] == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.stdout.write("begun\n")
    sys.stdout.flush()
    make_recording(order, on_step)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
