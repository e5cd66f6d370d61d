"""Makes one recording in a process of its own and prints by how many bytes that let the process grow.

    python -m cx_pipeline_tests.adapters.audio.measured_maker WARM_UP ORDER

Both are pickled orders; the first one's imports and buffers are not counted.
"""

import pickle
import sys
from pathlib import Path

from cx_pipeline.adapters.audio.mixing import make_recording


def main(warm_up: Path, file: Path) -> None:
    make_recording(pickle.loads(warm_up.read_bytes()))
    order = pickle.loads(file.read_bytes())
    before = status_bytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    make_recording(order)
    sys.stdout.write(f"{status_bytes('VmHWM') - before}\n")


def status_bytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
