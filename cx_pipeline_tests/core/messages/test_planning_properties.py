"""Whatever facts come in whatever order: revisions without gaps, each naming the one before, and nothing twice."""

import json
from itertools import groupby

from hypothesis import given, settings
from hypothesis import strategies as st

from cx_pipeline.core.messages.building import messages_of
from cx_pipeline.core.messages.parsing import parse
from cx_pipeline.core.messages.planning import fingerprint_of
from cx_pipeline_tests.core.messages.enriched_legs import hold, leg
from cx_pipeline_tests.core.messages.outbox_state import OutboxState

HOLDS = st.integers(0, 3).map(lambda count: [hold(10 * n, 10 * n + 5) for n in range(1, count + 1)])
LEGS = st.builds(
    leg,
    leg_id=st.sampled_from(["leg-a", "leg-b"]),
    wrap_up=st.sampled_from([None, "A", "B"]),
    agent_name=st.sampled_from([None, "Anna", "Änne \U0001f600"]),
    cisco_duration_ms=st.sampled_from([None, 300_000]),
    hold_segments=HOLDS,
    status=st.sampled_from(["COMPLETED", "COMPLETED", "IN_PROGRESS"]),
    is_reportable=st.sampled_from([True, True, False]),
    is_decided=st.sampled_from([True, True, False]),
)
TICKS = st.lists(st.lists(LEGS, max_size=2, unique_by=lambda row: row["leg_id"]), min_size=1, max_size=7)


def played(ticks):
    """The outbox after each tick wrote its plan; legs that are not in a tick any more vanished."""
    outbox, present = OutboxState(), set()
    for rows in ticks:
        now = {row["leg_id"] for row in rows}
        outbox.tick(*rows, vanished=present - now)
        present = now
    return outbox


@given(TICKS)
@settings(max_examples=60, deadline=None)
def test_revisions_count_up_without_gaps_and_name_the_one_before(ticks):
    rows = sorted(played(ticks).rows, key=lambda row: (row.leg_id, row.intent, row.ordinal))
    for _, slot in groupby(rows, key=lambda row: (row.leg_id, row.intent, row.ordinal)):
        before = None
        for number, row in enumerate(slot):
            detail = json.loads(row.payload)["body"]["additionalDetail"]
            assert row.revision == number == detail.get("revision", 0)
            assert detail.get("supersedes") == before
            before = row.message_id


@given(TICKS)
@settings(max_examples=60, deadline=None)
def test_the_same_facts_make_the_same_rows_and_ids_are_unique(ticks):
    rows = played(ticks).rows
    assert rows == played(ticks).rows
    assert len({row.message_id for row in rows}) == len(rows)


@given(TICKS)
@settings(max_examples=60, deadline=None)
def test_planning_twice_gives_nothing_new(ticks):
    outbox = played(ticks)
    outbox.digests.clear()
    assert outbox.tick(*ticks[-1]) == []


@given(TICKS)
@settings(max_examples=60, deadline=None)
def test_the_newest_messages_say_what_the_facts_say(ticks):
    outbox = played(ticks)
    newest = {(row.leg_id, row.intent, row.ordinal): row for row in outbox.newest()}
    for row in ticks[-1]:
        if row["status"] == "COMPLETED" and row["is_reportable"] and row["is_decided"]:
            drafts = messages_of(row)
            said = {(draft.intent, draft.ordinal): fingerprint_of(draft) for draft in drafts}
            for (leg_id, intent, ordinal), written in newest.items():
                if leg_id == row["leg_id"] and (intent, ordinal) not in said:
                    assert parse(written.payload).body.reason_code == "SUPERSEDED"
            assert said == {slot: newest[row["leg_id"], *slot].fingerprint for slot in said}


@given(TICKS)
@settings(max_examples=60, deadline=None)
def test_every_payload_is_a_message_as_the_receiver_wants_it(ticks):
    for row in played(ticks).rows:
        message = parse(row.payload)
        assert (message.id, message.header.intent) == (row.message_id, row.intent)


@given(TICKS)
@settings(max_examples=60, deadline=None)
def test_a_leg_without_messages_ends_as_superseded_or_was_never_told(ticks):
    outbox = played(ticks)
    fit = {row["leg_id"] for row in ticks[-1] if row["status"] == "COMPLETED" and row["is_reportable"]}
    ends = [row for row in outbox.newest() if row.intent == "CALL_LEG_ENDED"]
    for row in ends:
        if row.leg_id not in fit:
            assert parse(row.payload).body.reason_code == "SUPERSEDED"
