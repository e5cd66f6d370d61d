import pytest
from pydantic import ValidationError

from cx_pipeline.simulator.ccm.failures import DROPPED, ERROR, REFUSED, Failures


def ways(failures, count=400):
    return [failures.before_keeping(f"message-{n}", 1) for n in range(count)]


def test_nothing_fails_unless_told_to():
    assert set(ways(Failures())) == {None}
    assert not Failures().drops_the_answer("message", 1)


def test_failures_come_at_their_rate():
    assert 70 <= ways(Failures(error_rate=0.25)).count(ERROR) <= 130
    assert ways(Failures(refuse_rate=1)) == [REFUSED] * 400


def test_the_same_seed_fails_the_same_requests_in_whatever_order():
    failures = Failures(error_rate=0.3, hang_rate=0.1, seed=7)
    names = [f"message-{n}" for n in range(50)]
    forwards = {name: failures.before_keeping(name, 1) for name in names}
    assert forwards == {name: failures.before_keeping(name, 1) for name in reversed(names)}
    assert ways(failures) != ways(Failures(error_rate=0.3, hang_rate=0.1, seed=8))


def test_a_request_that_failed_may_do_the_next_time():
    failures = Failures(drop_rate=0.5)
    assert {failures.drops_the_answer("message", attempt) for attempt in range(30)} == {True, False}


def test_each_way_to_fail_has_dice_of_its_own():
    failures = Failures(error_rate=0.5, drop_rate=0.5)
    names = [f"message-{n}" for n in range(200)]
    both = [(failures.before_keeping(n, 1) == ERROR, failures.drops_the_answer(n, 1)) for n in names]
    assert set(both) == {(False, False), (False, True), (True, False), (True, True)}
    assert DROPPED not in ways(failures)


@pytest.mark.parametrize(
    "wrong", [{"error_rate": 1.1}, {"error_rate": -0.1}, {"eror_rate": 0.1}, {"hang_s": 0}]
)
def test_a_rate_that_is_none_is_refused(wrong):
    with pytest.raises(ValidationError):
        Failures(**wrong)
