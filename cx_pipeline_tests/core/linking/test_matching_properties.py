"""What holds of links whatever legs, recordings and activities there are, and however wrong what they tell is."""

import os
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cx_pipeline.core.linking.schema import AMBIGUOUS, LINKED, SHOWN, UNMATCHED
from cx_pipeline_tests.core.linking.linked import a_leg, activity, audio_of, leg_id, links_of

EXAMPLES = int(os.environ.get("CX_STRESS_EXAMPLES", "3"))
CALLS = [f"7c1d2e3f-0000-8000-8000-{number:012d}" for number in range(3)]
KEYS = ["16945106", "16945107"]
SECONDS = st.integers(-4, 30)
EXTENSIONS = st.sampled_from(["1005", "1006"])


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Legs, what can be played of some of them, and activities: crowded into half a minute, two tenants, few keys."""
    legs = []
    for number in range(draw(st.integers(0, 5))):
        start = draw(SECONDS)
        call = draw(st.integers(0, 2))
        facts = {"call_id": CALLS[call], "tenant_id": ("acme", "other", "acme")[call]}
        facts |= {
            "jtapi_id": draw(st.sampled_from(KEYS)),
            "root_call_key": None,
            "agent_extension": draw(EXTENSIONS),
        }
        legs.append(a_leg(number, start, start + draw(st.integers(0, 20)), **facts))
    audio = [audio_of(leg) for leg in legs if draw(st.booleans())]
    audio = [row | ({"leg_id": None} if draw(st.integers(0, 3)) == 0 else {}) for row in audio]
    activities = []
    for number in range(draw(st.integers(0, 5))):
        start = draw(st.none() | SECONDS)
        facts = {
            "leg_id": draw(st.none() | st.sampled_from([leg_id(n) for n in range(6)])),
            "call_id": draw(st.none() | st.sampled_from([*CALLS, *KEYS])),
            "agent_extension": draw(st.none() | EXTENSIONS),
            "conversation_id": draw(st.sampled_from(["one", "two"])),
        }
        end = None if start is None else draw(st.none() | st.integers(start, start + 20))
        activities.append(activity(str(number), start, end, **facts))
    return legs, audio, activities


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(), st.integers(0, 1000))
def test_links_are_one_to_one_of_one_extension_and_the_same_in_any_order(world: Any, seed: int) -> None:
    legs, audio, activities = world
    links = links_of(activities, audio, legs)
    linked = [link for link in links.values() if link["state"] in {LINKED, SHOWN}]
    by_id, by_candidate = {leg["leg_id"]: leg for leg in legs}, {row["candidate_id"]: row for row in audio}
    told = {row["activity_id"]: row for row in activities}
    for of in ("leg_id", "candidate_id"):
        claimed = [link[of] for link in linked if link["state"] == LINKED and link[of] is not None]
        assert len(claimed) == len(set(claimed))
    for link in linked:
        given_by, played = told[link["activity_id"]], by_candidate[link["candidate_id"]]
        leg = by_id.get(link["leg_id"])
        if leg is not None:
            assert leg["agent_extension"] == played["agent_extension"]
            assert leg["tenant_id"] == played["tenant_id"]
        if given_by["leg_id"] != link["leg_id"]:
            assert given_by["agent_extension"] in {None, played["agent_extension"]}
        if given_by["leg_id"] in by_id and len({row["leg_id"] for row in activities}) == len(activities):
            assert link["leg_id"] == given_by["leg_id"]
    assert {link["state"] for link in links.values()} <= {LINKED, SHOWN, AMBIGUOUS, UNMATCHED}
    rng = Random(seed)
    shuffled = [rng.sample(rows, len(rows)) for rows in (activities, audio, legs)]
    assert links_of(*shuffled) == links
