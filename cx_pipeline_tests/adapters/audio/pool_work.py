"""What the processes of a pool do in its tests: the plan's call id says it."""

import os
import signal
import time
from pathlib import Path

from cx_pipeline.adapters.audio.mixing import MixOrder
from cx_pipeline.core.errors import InputError, StorageUnavailableError
from cx_pipeline.core.recording.rendered import RenderedFile

HANG_S = 600


class UnportableError(InputError):
    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} and {other}")


def work(order: MixOrder) -> RenderedFile:
    """Do as told; what is made carries the process's id as its path."""
    match order.plan.call_id:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(3)
        case "hang":
            time.sleep(HANG_S)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "memory":
            raise MemoryError
        case "storage":
            raise StorageUnavailableError("the storage is away")
        case "unportable":
            raise UnportableError("this", "that")
        case "fault":
            raise ZeroDivisionError("a fault")
        case "note":
            (order.recordings_root / "begun").write_text(str(os.getpid()))
            time.sleep(HANG_S)
    return rendered(str(os.getpid()))


def never_starts(order: MixOrder) -> RenderedFile:
    raise AssertionError(order)


def rendered(path: str) -> RenderedFile:
    return RenderedFile(
        path=path,
        metadata_path=f"{path}.json",
        size_bytes=1,
        audio_bytes=1,
        sha256="",
        md5="",
        encryption="none",
        channels=(),
        input_sha256=(),
        render_s=0.0,
        hash_s=0.0,
    )


def is_alive(process_id: int) -> bool:
    """Neither gone nor a zombie."""
    status = Path(f"/proc/{process_id}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] not in "ZX"
