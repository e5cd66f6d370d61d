"""Which recording an activity gets. Times are seconds after a start; unless said otherwise all are of extension 1005."""

import json
from datetime import timedelta
from typing import Any

import pytest

from cx_pipeline.core.linking.matching import (
    NO_CONVERSATION,
    NO_RECORDING,
    NOTHING_FITS,
    ONLY_TIME,
    TIMES_DIFFER,
)
from cx_pipeline.core.linking.schema import AMBIGUOUS, LINKED, SCREEN, SHOWN, UNMATCHED
from cx_pipeline.core.linking.ties import CLOSE_RIVAL, CONTESTED, TAKEN
from cx_pipeline_tests.core.linking.linked import (
    CALL,
    OTHER_CALL,
    a_leg,
    activity,
    audio_of,
    leg_id,
    links_of,
)

LEG = a_leg(1, 0, 300)
TEXT = f"{CALL}:1005:+18005550199:2026-06-08T10:00:00.000Z"
OTHER_TENANT = {"call_id": OTHER_CALL, "tenant_id": "other"}


@pytest.mark.parametrize(
    ("given", "state", "method", "reason"),
    [
        # What it bears             start, end  otherwise
        (activity("a", 0, 300, leg_id=leg_id(1)), LINKED, "leg_id", None),
        (activity("a", 4000, 4300, leg_id=leg_id(1)), LINKED, "leg_id", None),
        (activity("a", None, None, leg_id=leg_id(1)), LINKED, "leg_id", None),
        (activity("a", 0, 300, leg_id=LEG["leg_key"]), LINKED, "leg_id", None),
        (activity("a", 0, 300, leg=LEG["leg_key"]), LINKED, "leg_id", None),
        (activity("a", 0, 300, leg=TEXT), LINKED, "leg_id", None),
        (activity("a", 4, 304, call_id=CALL), LINKED, "call_id", None),
        (activity("a", 4, None, call_id=CALL), LINKED, "call_id", None),
        (activity("a", 4, 304, call_id=CALL, agent_extension=None), LINKED, "call_id", None),
        (activity("a", 4, 304, leg=f"{CALL}:1005:+1800:2026-06-08T10:00:04Z"), LINKED, "call_id", None),
        (activity("a", 4, 304, call_id="16945106"), LINKED, "call_id", None),
        (activity("a", 4, 304, call_id="167890/1"), LINKED, "call_id", None),
        (activity("a", 20, 320, call_id=CALL), LINKED, "call_id", None),
        (activity("a", None, None, call_id=CALL), LINKED, "call_id", None),
        (activity("a", 200, 500, call_id=CALL), SHOWN, "call_id", TIMES_DIFFER),
        (activity("a", 9000, 9300, call_id=CALL), SHOWN, "call_id", TIMES_DIFFER),
        (activity("a", 8, 308, call_id="167890/1"), SHOWN, "call_id", TIMES_DIFFER),
        (activity("a", 9000, 9300, call_id="167890/1"), UNMATCHED, None, NOTHING_FITS),
        (activity("a", 0, 300, call_id=CALL, agent_extension="1006"), UNMATCHED, None, NOTHING_FITS),
        (activity("a", 4, 304), SHOWN, "time", ONLY_TIME),
        (activity("a", 4, 304, call_id="of the manager's own"), SHOWN, "time", ONLY_TIME),
        (activity("a", 4, 310), UNMATCHED, None, NOTHING_FITS),
        (activity("a", 4, 304, agent_extension=None), UNMATCHED, None, NOTHING_FITS),
        (activity("a", 0, 300, leg_id=leg_id(1), channel_session_id=None), SHOWN, "leg_id", NO_CONVERSATION),
    ],
)
def test_one_leg_and_one_activity(
    given: dict[str, Any], state: str, method: str | None, reason: str | None
) -> None:
    link = links_of([given], [audio_of(LEG)], [LEG])["a"]
    assert (link["state"], link["method"], link["reason"]) == (state, method, reason)
    assert (link["candidate_id"] == "audio of 001") is (state != UNMATCHED)
    assert (link["leg_id"] == leg_id(1)) is (state != UNMATCHED)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"leg_id": leg_id(1)}, (NO_RECORDING, "leg_id")),
        ({"call_id": CALL}, (NO_RECORDING, "call_id")),
        ({}, (NOTHING_FITS, None)),
    ],
)
def test_an_activity_whose_leg_has_no_recording_gets_that_of_no_other(
    told: dict[str, Any], expected: Any
) -> None:
    neighbour = a_leg(2, 3, 303, call_id=OTHER_CALL, root_call_key="1_1", agent_extension="1006")
    link = links_of([activity("a", 1, 301, **told)], [audio_of(neighbour)], [LEG, neighbour])["a"]
    assert (link["state"], link["reason"], link["method"]) == (UNMATCHED, *expected)
    assert link["candidate_id"] is None


def test_legs_of_a_transfer_are_told_apart_by_their_agents() -> None:
    first, second = a_leg(1, 0, 300), a_leg(2, 290, 600, agent_extension="1006")
    told = [
        activity("first", 2, 302, call_id=CALL),
        activity("second", 292, 602, call_id=CALL, agent_extension="1006"),
    ]
    links = links_of(told, [audio_of(first), audio_of(second)], [first, second])
    assert {name: link["leg_id"] for name, link in links.items()} == {"first": leg_id(1), "second": leg_id(2)}
    assert {link["state"] for link in links.values()} == {LINKED}


def test_legs_of_one_agent_in_a_call_are_told_apart_by_their_times() -> None:
    """The agent transferred the call away, and got it back."""
    first, second = a_leg(1, 0, 300), a_leg(2, 320, 600)
    told = [activity("first", 4, 304, call_id=CALL), activity("second", 324, 604, call_id=CALL)]
    links = links_of(told, [audio_of(first), audio_of(second)], [first, second])
    assert {name: link["leg_id"] for name, link in links.items()} == {"first": leg_id(1), "second": leg_id(2)}
    assert links["first"]["runner_up_id"] == "audio of 002"
    assert links["first"]["score"] > links["first"]["runner_up_score"]


def test_two_legs_of_one_agent_that_are_as_near_as_clocks_may_be_off_are_given_to_none() -> None:
    first, second = a_leg(1, 0, 3), a_leg(2, 4, 8)
    told = [activity("first", 3, 6, call_id=CALL), activity("second", 7, 11, call_id=CALL)]
    links = links_of(told, [audio_of(first), audio_of(second)], [first, second])
    assert {(link["state"], link["reason"]) for link in links.values()} == {(AMBIGUOUS, CLOSE_RIVAL)}
    assert {link["candidate_id"] for link in links.values()} == {"audio of 002"}
    assert {link["runner_up_id"] for link in links.values()} == {"audio of 001"}


def test_a_leg_without_a_recording_makes_its_neighbour_as_unclear_as_one_that_has_it() -> None:
    """The first leg was never recorded: the activity may be its own."""
    first, second = a_leg(1, 0, 3), a_leg(2, 4, 8)
    link = links_of([activity("a", 3, 6, call_id=CALL)], [audio_of(second)], [first, second])["a"]
    assert link["state"] == AMBIGUOUS


def test_a_consultation_with_a_key_of_its_own_is_linked_by_it() -> None:
    leg = a_leg(2, 100, 160, agent_extension="1006", jtapi_id="16945200")
    told = activity("a", 101, 161, call_id="16945200", agent_extension="1006")
    assert links_of([told], [audio_of(leg)], [LEG, leg])["a"]["leg_id"] == leg_id(2)


def test_a_key_that_comes_again_hours_later_ties_each_call_to_its_own_time() -> None:
    later = a_leg(2, 14_400, 14_700, call_id=OTHER_CALL)
    told = [
        activity("now", 2, 302, call_id="16945106"),
        activity("later", 14_402, 14_702, call_id="16945106"),
    ]
    links = links_of(told, [audio_of(LEG), audio_of(later)], [LEG, later])
    assert {name: link["leg_id"] for name, link in links.items()} == {"now": leg_id(1), "later": leg_id(2)}


@pytest.mark.parametrize(("later_s", "state"), [(0, AMBIGUOUS), (4, AMBIGUOUS), (9, AMBIGUOUS), (20, LINKED)])
def test_equal_keys_of_two_tenants_are_told_apart_only_where_times_are_clear(
    later_s: float, state: str
) -> None:
    twin = a_leg(2, later_s, 300 + later_s, **OTHER_TENANT)
    told = activity("a", 1, 301, call_id="16945106")
    link = links_of([told], [audio_of(LEG), audio_of(twin)], [LEG, twin])["a"]
    assert link["state"] == state
    assert link["leg_id"] == (leg_id(1) if state == LINKED else None)
    assert link["candidate_id"] is not None


def test_the_tenant_of_a_leg_that_is_named_decides_between_equal_keys() -> None:
    twin = a_leg(2, 0, 300, **OTHER_TENANT)
    links = links_of(
        [activity("a", 1, 301, call_id="16945106", leg_id=leg_id(2))],
        [audio_of(LEG), audio_of(twin)],
        [LEG, twin],
    )
    assert (links["a"]["leg_id"], links["a"]["tenant_id"]) == (leg_id(2), "other")


def test_of_two_activities_that_claim_one_leg_that_which_names_it_has_it() -> None:
    told = [
        activity("names it", 200, 500, leg_id=leg_id(1), conversation_id="one"),
        activity("fits better", 0, 300, call_id=CALL, conversation_id="two"),
    ]
    links = links_of(told, [audio_of(LEG)], [LEG])
    assert (links["names it"]["state"], links["names it"]["leg_id"]) == (LINKED, leg_id(1))
    assert (links["fits better"]["state"], links["fits better"]["reason"]) == (UNMATCHED, TAKEN)


def test_two_activities_that_claim_one_leg_alike_both_go_without() -> None:
    told = [activity(name, 0, 300, call_id=CALL, conversation_id=name) for name in ("one", "two")]
    links = links_of(told, [audio_of(LEG)], [LEG])
    assert {(link["state"], link["reason"]) for link in links.values()} == {(AMBIGUOUS, CONTESTED)}


def test_two_conversations_that_name_one_leg_are_told_of_it_in_neither() -> None:
    told = [
        activity(name, 0, 300, leg_id=leg_id(1), call_id=CALL, conversation_id=name)
        for name in ("one", "two")
    ]
    assert {link["state"] for link in links_of(told, [audio_of(LEG)], [LEG]).values()} == {AMBIGUOUS}


@pytest.mark.parametrize("ids", [{"leg_id": leg_id(1)}, {"leg": TEXT}, {"call_id": CALL}])
def test_begin_and_end_of_a_leg_told_apart_are_one_activity(ids: dict[str, Any]) -> None:
    told = [activity("begin", 0, None, **ids), activity("end", 0, 300, **ids)]
    links = links_of(told, [audio_of(LEG)], [LEG])
    assert {name: link["state"] for name, link in links.items()} == {"end": LINKED}


def test_activities_that_only_time_ties_to_one_leg_are_ambiguous() -> None:
    told = [activity("one", 0, 300), activity("two", 1, 301)]
    assert {link["state"] for link in links_of(told, [audio_of(LEG)], [LEG]).values()} == {AMBIGUOUS}


def test_time_alone_takes_nothing_that_an_id_gave_to_another() -> None:
    told = [activity("by id", 0, 300, call_id=CALL), activity("by time", 0, 300, conversation_id="other")]
    links = links_of(told, [audio_of(LEG)], [LEG])
    assert {name: link["state"] for name, link in links.items()} == {"by id": LINKED, "by time": UNMATCHED}


def test_a_clock_that_is_known_is_taken_off_before_times_are_compared() -> None:
    """Seven calls say that the manager is 8 s ahead: then the eighth, by a key that comes again, fits as well."""
    calls = [
        a_leg(
            n,
            400 * n,
            400 * n + 300,
            call_id=f"7c1d2e3f-0000-8000-8000-{n:012d}",
            jtapi_id=str(n),
            root_call_key=f"1_{n}",
        )
        for n in range(1, 9)
    ]
    told = [activity(str(n), 400 * n + 8, 400 * n + 308, leg_id=leg_id(n)) for n in range(1, 8)]
    told.append(activity("8", 3208, 3508, call_id="1_8"))
    link = links_of(told, [audio_of(leg) for leg in calls], calls)["8"]
    evidence = json.loads(link["evidence"])
    assert link["state"] == LINKED
    assert (evidence["clock_offset_ms"], evidence["start_apart_ms"]) == (8000, 0)


def test_the_evidence_says_what_tied_them_and_how_far_apart_they_are() -> None:
    link = links_of([activity("a", 20, 318, call_id=CALL)], [audio_of(LEG)], [LEG])["a"]
    assert json.loads(link["evidence"]) == {
        "tied_by": "call_id",
        "recording_tied_by": "leg_id",
        "start_apart_ms": 20_000,
        "end_apart_ms": 18_000,
        "is_beyond_tolerance": True,
        "clock_offset_ms": None,
    }


@pytest.mark.parametrize(
    ("start_s", "end_s", "ids", "state", "reason"),
    [
        (2, 302, {"call_key": "1_167890"}, LINKED, None),
        (8, 308, {"call_key": "1_167890"}, SHOWN, TIMES_DIFFER),
        (2, 302, {"call_key": "1_4"}, SHOWN, ONLY_TIME),
        (2, 302, {"call_key": "1_167890", "tenant_id": "other"}, UNMATCHED, NO_RECORDING),
        (2, 302, {"call_key": "1_167890", "agent_extension": "1006"}, UNMATCHED, NO_RECORDING),
    ],
)
def test_a_recording_of_which_no_leg_is_told_is_as_sure_as_what_ties_it_to_one(
    start_s: float, end_s: float, ids: dict[str, Any], state: str, reason: str | None
) -> None:
    times = a_leg(1, start_s, end_s)
    foreign = audio_of(
        times, leg_id=None, cx_call_id=None, candidate_id="foreign", leg_key="its own:1005::1", **ids
    )
    link = links_of([activity("a", 0, 300, leg_id=leg_id(1))], [foreign], [LEG])["a"]
    assert (link["state"], link["reason"]) == (state, reason)
    assert link["leg_key"] == ("its own:1005::1" if state != UNMATCHED else LEG["leg_key"])


def test_two_recordings_without_a_leg_that_fit_one_leg_alike_are_ambiguous() -> None:
    foreign = [audio_of(LEG, leg_id=None, cx_call_id=None, candidate_id=name) for name in ("one", "two")]
    link = links_of([activity("a", 0, 300, leg_id=leg_id(1))], foreign, [LEG])["a"]
    assert (link["state"], link["reason"]) == (AMBIGUOUS, CONTESTED)


def test_a_recording_of_a_call_without_a_leg_of_ours_is_linked_by_its_own_ids() -> None:
    dialog = "550e8400-e29b-41d4-a716-446655440000"
    foreign = audio_of(LEG, leg_id=None, cx_call_id=None, call_key=None, dialog_id=dialog)
    link = links_of([activity("a", 3, 303, call_id=dialog)], [foreign])["a"]
    assert (link["state"], link["method"], link["leg_id"], link["tenant_id"]) == (
        LINKED,
        "call_id",
        None,
        "acme",
    )


def test_of_screens_only_what_fits_is_told_of() -> None:
    screen = audio_of(LEG, kind=SCREEN, end_time=None)
    told = [activity("a", 0, 300, leg_id=leg_id(1)), activity("b", 0, 300, agent_extension="1006")]
    links = links_of(told, [screen, audio_of(LEG)], [LEG], kind=SCREEN)
    assert {name: (link["state"], link["kind"]) for name, link in links.items()} == {"a": (LINKED, SCREEN)}


def test_nothing_at_all_gives_no_links() -> None:
    assert links_of([], [], []) == {}
    assert links_of([activity("a", 0, 300)], [], [])["a"]["state"] == UNMATCHED


def test_a_site_may_choose_another_tolerance() -> None:
    given = activity("a", 8, 308, call_id="167890/1")
    assert links_of([given], [audio_of(LEG)], [LEG], tolerance=timedelta(seconds=9))["a"]["state"] == LINKED
