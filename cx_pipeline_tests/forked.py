"""Processes of a test that are killed, as forks of one that has loaded our modules: they cost no start of an interpreter."""

import multiprocessing
import traceback
from collections.abc import Callable
from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["cx_pipeline.adapters.ccm.delivery", "cx_pipeline.adapters.database.connection"]
)


def run_forked(work: Callable[[Path], None], file: Path, *, timeout_s: float) -> int:
    """Have a process do `work(file)`; its exit code, of a signal minus its number.

    Raises:
        AssertionError: it raised, with its traceback; or did not end in its time.
    """
    log = file.with_suffix(".log")
    process = _FORKS.Process(target=_do, args=(work, file, log))
    process.start()
    process.join(timeout_s)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise AssertionError(f"it did not end within {timeout_s:g} s")
    code = process.exitcode
    process.close()
    assert not log.exists(), log.read_text()
    return code


def _do(work: Callable[[Path], None], file: Path, log: Path) -> None:
    try:
        work(file)
    except BaseException:
        log.write_text(traceback.format_exc())
        raise
