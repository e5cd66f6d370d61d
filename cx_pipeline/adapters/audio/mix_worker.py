"""A process that mixes: takes orders one after another, and says what came of each. Started by `pool`.

    python -m cx_pipeline.adapters.audio.mix_worker DESCRIPTOR

The descriptor is a socket on which orders come and answers go. Standard input is its lifeline: when it ends, the parent
is gone, by kill -9 as by exit, and this process ends at once, whatever it is doing. The import of the libraries is paid
once, before it says that it is ready.
"""

import os
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread

from cx_pipeline.adapters.audio.mix_answers import OUT_OF_MEMORY, answer_to

READY = "ready"
_FIRST_TO_GO = "500"
"""Where memory runs out, the system is to take this process before its parent."""


def serve(orders: Connection) -> None:
    """Answer orders until there are no more."""
    orders.send(READY)
    while True:
        try:
            make, order = orders.recv()
        except EOFError:
            return
        answer = answer_to(order, make)
        orders.send(answer)
        if answer.failure == OUT_OF_MEMORY:
            return  # another process begins with clean memory


def main() -> None:
    """Run as a program."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    Thread(target=_end_with_parent, daemon=True).start()
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)
    with suppress(BrokenPipeError, ConnectionResetError):
        serve(Connection(int(sys.argv[1])))


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
