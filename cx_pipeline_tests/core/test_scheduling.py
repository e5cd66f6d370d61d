from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cx_pipeline.core.events.vocabulary import JTAPI, JTAPI_TABLE
from cx_pipeline.core.scheduling import (
    LateState,
    as_of,
    keys_in_range,
    late_windows_to_ask_for,
    newest_call_end,
    silence_ran_out,
    windows_to_refresh,
)
from cx_pipeline.core.windows import Window, window_of

HOUR = timedelta(hours=1)
MAX_SILENCE = timedelta(hours=12)
TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
WINDOW = Window(TEN, TEN + HOUR)

moments = st.integers(0, 4 * 86_400).map(
    lambda second: datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=second)
)


def test_the_open_window_is_looked_at_from_its_start():
    assert as_of(WINDOW, TEN + timedelta(minutes=59), MAX_SILENCE) == TEN


def test_a_window_whose_silences_all_ran_out_is_always_looked_at_from_the_same_moment():
    final = WINDOW.end + MAX_SILENCE
    assert as_of(WINDOW, final, MAX_SILENCE) == final
    assert as_of(WINDOW, final + timedelta(days=400), MAX_SILENCE) == final


@given(moments, st.integers(0, 59 * 60))
def test_two_computations_within_one_hour_look_from_the_same_moment(now, seconds):
    hour = now.replace(minute=0, second=0, microsecond=0)
    assert as_of(WINDOW, now, MAX_SILENCE) == as_of(WINDOW, hour + timedelta(seconds=seconds), MAX_SILENCE)


@given(moments, st.integers(0, 3599))
def test_a_call_that_fell_silent_is_in_the_open_window_or_closed_in_its_own_but_never_in_neither(now, second):
    """A call whose last fact lies in a window leaves the open window at the moment from which its own may close it."""
    last_fact = TEN + timedelta(seconds=second)
    is_closed_in_the_open_window = last_fact + MAX_SILENCE <= as_of(window_of(now, HOUR), now, MAX_SILENCE)
    is_closed_in_its_own = last_fact + MAX_SILENCE <= as_of(WINDOW, now, MAX_SILENCE)
    assert is_closed_in_the_open_window == is_closed_in_its_own


def test_silence_runs_out_once_and_not_before_the_first_call_can_be_closed():
    settled = WINDOW.end + timedelta(minutes=15)
    assert not silence_ran_out(WINDOW, settled, TEN + MAX_SILENCE - HOUR, MAX_SILENCE)
    assert silence_ran_out(WINDOW, settled, WINDOW.end + MAX_SILENCE, MAX_SILENCE)
    assert not silence_ran_out(WINDOW, WINDOW.end + MAX_SILENCE, WINDOW.end + timedelta(days=9), MAX_SILENCE)


def test_the_window_before_is_refreshed_until_it_settled():
    settle = timedelta(minutes=15)
    before = Window(TEN - HOUR, TEN)
    assert windows_to_refresh(TEN + timedelta(minutes=14), HOUR, settle) == [before, WINDOW]
    assert windows_to_refresh(TEN + timedelta(minutes=15), HOUR, settle) == [WINDOW]
    assert windows_to_refresh(TEN, HOUR, timedelta(0)) == [WINDOW]


def test_short_windows_settle_several_at_once():
    refreshed = windows_to_refresh(TEN + timedelta(minutes=3), timedelta(minutes=5), timedelta(minutes=15))
    assert [window.key[-5:] for window in refreshed] == ["09:45", "09:50", "09:55", "10:00"]


def test_a_range_holds_its_two_ends():
    keys = ["2026-03-02-09:00", "2026-03-02-10:00", "2026-03-03-00:00", "2026-03-03-01:00"]
    assert keys_in_range("2026-03-02-10:00", "2026-03-03-00:00", keys) == set(keys[1:3])


def test_only_ends_of_calls_wake_the_listener_sensor_whatever_package_names_them():
    newest = {
        (JTAPI, "CallCtlTermConnTalkingEv"): 90,
        (JTAPI, "javax.telephony.callcontrol.events.CallCtlConnDisconnectedEv"): 40,
        (JTAPI_TABLE, "CALL_DISCONNECTED"): 55,
    }
    assert newest_call_end(newest) == 55
    assert newest_call_end({(JTAPI, "CallCtlTermConnTalkingEv"): 90}) is None


def test_a_window_stays_pending_until_it_was_computed_as_far_as_its_newest_late_event():
    state = (
        LateState(10)
        .after(20, {"2026-03-02-10:00": 15})
        .after(30, {"2026-03-02-10:00": 22, "2026-03-02-11:00": 21})
    )
    assert state == LateState(30, {"2026-03-02-10:00": 22, "2026-03-02-11:00": 21})
    assert state.without_computed({"2026-03-02-10:00": 21, "2026-03-02-11:00": 21}).pending == {
        "2026-03-02-10:00": 22
    }


def test_pending_windows_are_asked_for_unless_scheduled_busy_or_no_partition():
    state = LateState(9, {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5})
    asked = late_windows_to_ask_for(state, valid="abcd", scheduled="b", busy="c", limit=10)
    assert asked == {"a": 1, "d": 4}
    assert late_windows_to_ask_for(state, valid="abcd", scheduled="b", busy="c", limit=1) == {"d": 4}
