from datetime import UTC, datetime, timedelta

from cx_pipeline.core.listening import ListenerState, listener_verdict

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


def listener(name: str = "l1", *, seconds: int = 5, failed: int = 0) -> ListenerState:
    return ListenerState("jtapi", name, NOW - timedelta(seconds=seconds), failed == 0, failed)


def test_listeners_that_beat_lately_are_well():
    assert listener_verdict([listener(), listener("l2", seconds=60, failed=9)], NOW).passed
    assert listener_verdict([], NOW).passed


def test_a_listener_that_failed_ten_times_to_reconnect_is_told():
    verdict = listener_verdict([listener(), listener("l2", failed=10)], NOW)
    assert not verdict.passed
    assert verdict.is_grave
    assert "listener l2 of jtapi failed to reach its source 10 times in a row" in verdict.description
    assert "l1" not in verdict.description


def test_a_silent_listener_is_told_with_how_long():
    verdict = listener_verdict([listener(seconds=605)], NOW)
    assert "is silent for 10 min" in verdict.description
