"""Ends process groups when the process that began them is gone, however it went: run as a program of its own.

It reads lines from standard input: `group 123` is a process group to look after, `server 123` a process that ends
orderly by SIGINT (PostgreSQL's fast shutdown), `forget 123` one of either kind that ended. The end of the input means
that the parent is gone, by kill -9 as by exit: groups that are left are asked to end, then killed, servers are told.
Standard library only, so that it starts in no time and holds little memory.
"""

import contextlib
import os
import signal
import sys
import time

GRACE_S = 5.0
_STEP_S = 0.1


def end_groups(groups: set[int], grace_s: float = GRACE_S) -> None:
    """Ask process groups to end, and kill those that have not after a while."""
    left = {group for group in groups if _signalled(group, signal.SIGTERM)}
    deadline = time.monotonic() + grace_s
    while left and time.monotonic() < deadline:
        time.sleep(_STEP_S)
        left = {group for group in left if _signalled(group, 0)}
    for group in left:
        _signalled(group, signal.SIGKILL)


def _signalled(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def main() -> None:
    """Look after what standard input names until it ends."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    guarded: dict[int, str] = {}
    for line in sys.stdin:
        kind, process = line.split()
        if kind == "forget":
            guarded.pop(int(process), None)
        else:
            guarded[int(process)] = kind
    end_groups({group for group, kind in guarded.items() if kind == "group"})
    for server in (server for server, kind in guarded.items() if kind == "server"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(server, signal.SIGINT)


if __name__ == "__main__":
    main()
