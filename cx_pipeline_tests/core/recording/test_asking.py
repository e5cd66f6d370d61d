from cx_pipeline.core.recording.asking import AskingState, recordings_to_ask_for

NINE, TEN, ELEVEN = "2026-03-02-09:00", "2026-03-02-10:00", "2026-03-02-11:00"
ALL = {NINE, TEN, ELEVEN}


def test_a_window_whose_legs_were_computed_is_asked_for_once():
    state = AskingState().after(7, 3, {TEN: "legs:7"})
    chosen = recordings_to_ask_for(state, {}, valid=ALL, busy=set(), limit=9)
    assert chosen == {TEN: f"{TEN}:legs:7"}
    assert state.asked(chosen) == AskingState(7, 3, {})


def test_a_window_of_which_a_run_makes_recordings_stays_pending_as_it_may_have_read_too_early():
    state = AskingState().after(7, 3, {TEN: "legs:7", NINE: "files:3"})
    chosen = recordings_to_ask_for(state, {}, valid=ALL, busy={TEN}, limit=9)
    assert set(chosen) == {NINE}
    assert state.asked(chosen).pending == {TEN: "legs:7"}


def test_what_came_anew_asks_by_a_new_run_key():
    first = AskingState().after(7, 3, {TEN: "legs:7"})
    second = first.asked([TEN]).after(9, 3, {TEN: "legs:9"})
    assert recordings_to_ask_for(second, {}, valid=ALL, busy=set(), limit=9) == {TEN: f"{TEN}:legs:9"}


def test_what_is_due_is_asked_for_beside_what_is_new_newest_window_first_and_no_more_than_the_limit():
    state = AskingState().after(7, 3, {NINE: "legs:7"})
    chosen = recordings_to_ask_for(state, {ELEVEN: "due@x", TEN: "due@x"}, valid=ALL, busy=set(), limit=2)
    assert list(chosen) == [ELEVEN, TEN]


def test_what_is_no_window_of_this_deployment_is_not_asked_for():
    state = AskingState().after(7, 3, {"2020-01-01-00:00": "legs:7"})
    assert recordings_to_ask_for(state, {}, valid=ALL, busy=set(), limit=9) == {}
