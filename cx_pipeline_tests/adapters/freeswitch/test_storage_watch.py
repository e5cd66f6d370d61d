"""A storage that hangs is an error in time, and nobody waits for it any more."""

import threading

import pytest

from cx_pipeline.adapters.freeswitch.storage_watch import StorageWatch
from cx_pipeline.core.errors import StorageUnavailableError


def test_what_work_returns_or_raises_comes_out() -> None:
    watch = StorageWatch()

    def work() -> int:
        with watch.operation("list /streams"):
            return 7

    def failing() -> int:
        with watch.operation("list /streams"):
            raise TimeoutError("of the work itself")

    assert watch.run(work) == 7
    with pytest.raises(TimeoutError, match="of the work itself"):
        watch.run(failing)


def test_an_operation_that_hangs_is_an_error_that_names_it() -> None:
    watch, release, went_on = StorageWatch(timeout_s=0.05), threading.Event(), threading.Event()
    ended = threading.Event()

    def hanging() -> None:
        try:
            with watch.operation("list /streams/20260608"):
                release.wait(30)
            went_on.set()
        finally:
            ended.set()

    with pytest.raises(
        StorageUnavailableError, match=r"asked to list /streams/20260608: see whether it is mounted"
    ):
        watch.run(hanging)
    release.set()
    assert ended.wait(30)
    assert not went_on.is_set()


def test_work_beside_the_storage_may_take_its_time() -> None:
    watch = StorageWatch(timeout_s=0.01)

    def patient() -> str:
        threading.Event().wait(0.1)
        with watch.operation("open a file"):
            return "done"

    assert watch.run(patient) == "done"
