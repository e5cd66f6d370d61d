import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import cast
from uuid import UUID

import psutil
import pytest

from cx_pipeline.adapters.audio import pool as pool_module
from cx_pipeline.adapters.audio.mixing import MixOrder
from cx_pipeline.adapters.audio.pool import MixOutcome, MixPool
from cx_pipeline.core.errors import (
    ConfigurationError,
    InputError,
    PermanentError,
    StorageUnavailableError,
    TransientError,
)
from cx_pipeline_tests.adapters.audio.made_audio import mix_plan, order_of, placed, tone, wav_input
from cx_pipeline_tests.adapters.audio.pool_work import is_alive, work

LONG_S = 60


def told(what: str, number: int = 0, folder: Path = Path("/nowhere")) -> MixOrder:
    plan = mix_plan([], [], 0, recording_id=str(UUID(int=number)))
    return order_of(replace(plan, call_id=what), folder)


def outcomes(*orders: MixOrder, workers: int = 2, timeout_s: float = LONG_S) -> list[MixOutcome]:
    with MixPool(workers, timeout_s, work) as pool:
        return list(pool.run(orders))


def by_call(found: list[MixOutcome]) -> dict[str | None, MixOutcome]:
    return {outcome.order.plan.call_id: outcome for outcome in found}


def wait_until(is_so: Callable[[], bool], limit_s: float = 30) -> None:
    deadline = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


def test_real_recordings_are_made_in_other_processes(tmp_path: Path) -> None:
    near = wav_input(tmp_path / "near.wav", tone(800))
    plan = mix_plan([near], [placed(near, 0)], 800)
    orders = [order_of(replace(plan, recording_id=str(UUID(int=n))), tmp_path) for n in range(5)]
    with MixPool(2, LONG_S) as pool:
        found = list(pool.run(orders))
    assert [outcome.failure for outcome in found] == [None] * 5
    made = {outcome.rendered.path for outcome in found if outcome.rendered is not None}
    assert len(made) == 5
    assert all((tmp_path / "recordings" / path).is_file() for path in made)


def test_the_processes_stay_warm() -> None:
    with MixPool(2, LONG_S, work) as pool:
        first = [
            outcome.rendered.path
            for outcome in pool.run([told("ok", n) for n in range(6)])
            if outcome.rendered
        ]
        again = [
            outcome.rendered.path
            for outcome in pool.run([told("ok", n) for n in range(6)])
            if outcome.rendered
        ]
    assert len(first) == len(again) == 6
    assert len({*first, *again}) <= 2
    assert str(os.getpid()) not in {*first, *again}


def test_a_process_that_goes_down_costs_only_its_own_recording() -> None:
    failures = {"kill": "KILLED", "exit": "KILLED", "memory": "OUT_OF_MEMORY"}
    orders = [told(what, n) for n, what in enumerate(["ok", *failures, "ok", "ok", *failures, *["ok"] * 5])]
    found = outcomes(*orders)
    assert len(found) == len(orders)
    assert all(outcome.failure == failures.get(outcome.order.plan.call_id or "") for outcome in found)
    assert all(isinstance(outcome.error, TransientError) for outcome in found if outcome.failure)


@pytest.mark.parametrize("what", ["hang", "stop"])
def test_a_process_that_stands_still_is_given_up_after_its_time(what: str) -> None:
    found = by_call(outcomes(told(what), told("ok", 1), timeout_s=2.0))
    assert found["ok"].failure is None
    assert found[what].failure == "TIMED_OUT"
    assert isinstance(found[what].error, TransientError)
    assert str(UUID(int=0)) in str(found[what].error)


def test_what_the_work_raised_comes_back_as_an_error_of_the_tree() -> None:
    found = by_call(outcomes(told("storage"), told("unportable"), told("fault"), workers=1))
    assert (type(found["storage"].error), found["storage"].failure) == (
        StorageUnavailableError,
        "STORAGE_UNAVAILABLE",
    )
    assert (type(found["unportable"].error), found["unportable"].failure) == (InputError, "INPUT")
    assert (type(found["fault"].error), found["fault"].failure) == (PermanentError, "UNEXPECTED")
    assert "ZeroDivisionError: a fault" in str(found["fault"].error)


def test_an_order_that_cannot_be_handed_over_costs_only_itself() -> None:
    odd = replace(told("ok", 1), description=MappingProxyType({"callback": lambda: None}))
    found = outcomes(odd, told("ok", 2), workers=1)
    assert [(outcome.order.plan.recording_id, outcome.failure) for outcome in found] == [
        (str(UUID(int=1)), "UNEXPECTED"),
        (str(UUID(int=2)), None),
    ]


def test_orders_are_taken_only_as_processes_are_free() -> None:
    taken: list[int] = []

    def orders() -> Iterator[MixOrder]:
        for number in range(10):
            taken.append(number)
            yield told("ok", number)

    with MixPool(2, LONG_S, work) as pool:
        for done, _ in enumerate(pool.run(orders()), 1):
            assert len(taken) <= done + 2
    assert taken == list(range(10))


def test_no_orders_give_no_outcomes() -> None:
    assert outcomes() == []


def test_leaving_in_the_middle_ends_all_processes_and_leaves_no_zombie(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    begun = tmp_path / "recordings" / "begun"
    before = psutil.Process().children()
    with MixPool(3, LONG_S, work) as pool:
        run = pool.run([told("note", 1, tmp_path), told("hang", 2), told("ok", 3)])
        next(run)
        wait_until(begun.exists)
        workers = [child for child in psutil.Process().children() if child not in before]
        cast("Generator[MixOutcome]", run).close()
    assert len(workers) == 3
    assert [worker for worker in workers if worker.is_running()] == []


def test_an_exception_in_the_block_ends_all_processes() -> None:
    before = {child.pid for child in psutil.Process().children()}

    def interrupted() -> None:
        with MixPool(2, LONG_S, work) as pool:
            for _ in pool.run([told("ok"), told("hang"), told("hang")]):
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert {child.pid for child in psutil.Process().children()} <= before


def test_processes_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    program = (
        "from pathlib import Path\n"
        "from cx_pipeline.adapters.audio.pool import MixPool\n"
        "from cx_pipeline_tests.adapters.audio.pool_work import work\n"
        "from cx_pipeline_tests.adapters.audio.test_pool import told\n"
        f"with MixPool(1, 60, work) as pool:\n    list(pool.run([told('note', 1, Path({str(tmp_path)!r}))]))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[3])
    begun = tmp_path / "recordings" / "begun"
    try:
        wait_until(lambda: begun.exists() and bool(begun.read_text()))
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    wait_until(lambda: not is_alive(int(begun.read_text())))


def test_processes_that_do_not_start_are_an_error_and_no_endless_loop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cx_pipeline.py").touch()  # in the place of the package
    monkeypatch.setattr(pool_module, "_environment", lambda: {"PYTHONPATH": str(tmp_path)})
    with pytest.raises(ConfigurationError, match="do not start"), MixPool(2, LONG_S, work) as pool:
        list(pool.run([told("ok")]))


def test_a_process_sees_no_setting_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CX_KEY_RING", "a secret")
    assert "a secret" not in pool_module._environment().values()
