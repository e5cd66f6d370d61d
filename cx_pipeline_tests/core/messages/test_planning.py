import json
from dataclasses import dataclass
from datetime import timedelta

import polars as pl
import pytest

from cx_pipeline.core.messages.building import MessageOptions
from cx_pipeline.core.messages.parsing import parse
from cx_pipeline.core.messages.planning import message_ids
from cx_pipeline_tests.core.messages.enriched_legs import CALL_ID, LEG_ID, START, hold, leg
from cx_pipeline_tests.core.messages.outbox_state import OutboxState


@dataclass(frozen=True)
class Known:
    conversation_id: str | None
    channel_session_id: str | None


@pytest.fixture
def outbox():
    return OutboxState()


def told(planned):
    return [(row.intent, row.ordinal, row.revision) for row in planned]


def body(row):
    return json.loads(row.payload)["body"]


def test_a_new_leg_gets_its_messages_once(outbox):
    planned = outbox.tick(leg())
    assert told(planned) == [("CALL_LEG_STARTED", 0, 0), ("CALL_LEG_ENDED", 0, 0), ("WRAPUP", 0, 0)]
    assert {(row.ordering_key, row.leg_id, row.destination) for row in planned} == {
        (CALL_ID, LEG_ID, "voice")
    }
    assert outbox.tick(leg()) == []


def test_the_payload_bears_the_id_of_its_row(outbox):
    for row in outbox.tick(leg(hold_segments=[hold(1, 2)])):
        assert parse(row.payload).id == row.message_id


def test_ids_are_made_of_leg_intent_ordinal_and_revision_and_stay_for_ever():
    slots = pl.DataFrame(
        [("leg", "CALL_HOLD", 1, 0), ("leg", "CALL_HOLD", 0, 1)],
        schema=["leg_id", "intent", "ordinal", "revision"],
        orient="row",
    )
    assert message_ids(slots).to_list() == [
        "b5548fc9-ae8a-8c89-b818-62a49b12bc5b",
        "824c7b05-1a99-8bc3-9dd9-394b3daa8f7a",
    ]


def test_what_changed_is_sent_again_and_names_what_it_supersedes(outbox):
    first = {row.intent: row for row in outbox.tick(leg(wrap_up="A"))}
    planned = outbox.tick(leg(wrap_up="B"))
    assert told(planned) == [("WRAPUP", 0, 1)]
    detail = body(planned[0])["additionalDetail"]
    assert (detail["revision"], detail["supersedes"]) == (1, first["WRAPUP"].message_id)
    assert body(planned[0])["wrapUpCode"] == "B"


def test_a_digest_that_changed_without_a_change_of_what_is_said_sends_nothing(outbox):
    outbox.tick(leg(duration_ms=300_000))
    planned = outbox.tick(leg(duration_ms=300_001))
    assert planned == []


def test_a_record_that_comes_late_corrects_what_went_out_without_it(outbox):
    bare = {"agent_name": None, "wrap_up": None, "cisco_duration_ms": None, "customer_identifier": None}
    outbox.tick(leg(enrichment_status="PARTIAL", **bare))
    assert told(outbox.tick(leg())) == [
        ("CALL_LEG_STARTED", 0, 1),
        ("CALL_LEG_ENDED", 0, 1),
        ("WRAPUP", 0, 0),
    ]


def test_what_is_sent_at_once_is_corrected_as_well(outbox):
    at_once = MessageOptions(when="ended")
    waiting = leg(enrichment_status="PENDING", is_decided=False, wrap_up=None, cisco_duration_ms=None)
    first = outbox.tick(waiting, options=at_once)
    assert body(first[0])["additionalDetail"]["enrichmentStatus"] == "PARTIAL"
    assert [row.revision for row in outbox.tick(leg(), options=at_once)] == [1, 1, 0]


def test_a_leg_that_waits_for_its_record_says_nothing_yet(outbox):
    assert outbox.tick(leg(is_decided=False)) == []


def test_a_hold_that_was_none_is_taken_back(outbox):
    first = outbox.tick(leg(hold_segments=[hold(10, 20), hold(30, 40)]))
    planned = outbox.tick(leg(hold_segments=[hold(10, 20)]))
    assert told(planned) == [("CALL_HOLD", 1, 1), ("CALL_RESUME", 1, 1), ("CALL_LEG_ENDED", 0, 1)]
    taken = planned[0]
    assert body(taken)["reasonCode"] == "SUPERSEDED"
    assert body(taken)["additionalDetail"]["supersedes"] == first[3].message_id
    assert parse(taken.payload).id == taken.message_id
    assert outbox.tick(leg(hold_segments=[hold(10, 20)], agent_name="X"))[0].intent == "CALL_LEG_STARTED"


@pytest.mark.parametrize("dialect", ["guide", "published"])
def test_a_wrap_up_that_was_none_is_taken_back_once_and_may_come_again(outbox, dialect):
    options = MessageOptions(dialect=dialect)
    outbox.tick(leg(), options=options)
    taken = outbox.tick(leg(wrap_up=None), options=options)
    assert told(taken) == [("WRAPUP", 0, 1)]
    said = body(taken[0])
    assert said.get("reasonCode") == "SUPERSEDED" or said["wrapups"] == []
    assert parse(taken[0].payload, dialect).id == taken[0].message_id
    assert outbox.tick(leg(wrap_up=" "), options=options) == []
    assert told(outbox.tick(leg(), options=options)) == [("WRAPUP", 0, 2)]


def test_a_leg_that_vanished_is_taken_back_once(outbox):
    ended = outbox.tick(leg())[1]
    planned = outbox.tick(vanished=[LEG_ID])
    assert told(planned) == [("CALL_LEG_ENDED", 0, 1)]
    (row,) = planned
    assert row.ordering_key == CALL_ID
    assert parse(row.payload).body.reason_code == "SUPERSEDED"
    expected = json.loads(ended.payload)
    expected["id"] = row.message_id
    expected["body"]["reasonCode"] = "SUPERSEDED"
    expected["body"]["additionalDetail"] |= {"revision": 1, "supersedes": ended.message_id}
    assert json.loads(row.payload) == expected
    assert outbox.tick(vanished=[LEG_ID]) == []


def test_a_leg_that_vanished_before_anything_was_said_of_it_is_forgotten(outbox):
    assert outbox.tick(vanished=["never told"]) == []


@pytest.mark.parametrize("columns", [{"is_reportable": False}, {"status": "IN_PROGRESS", "end_time": None}])
def test_a_leg_that_may_have_no_messages_any_more_is_taken_back_and_comes_back_whole(outbox, columns):
    outbox.tick(leg())
    assert told(outbox.tick(leg(**columns))) == [("CALL_LEG_ENDED", 0, 1)]
    assert outbox.tick(leg(**columns)) == []
    assert told(outbox.tick(leg())) == [
        ("CALL_LEG_STARTED", 0, 1),
        ("CALL_LEG_ENDED", 0, 2),
        ("WRAPUP", 0, 1),
    ]
    assert outbox.tick(leg()) == []


def test_a_leg_that_is_there_is_not_gone_whatever_is_said(outbox):
    planned = outbox.tick(leg(), vanished=[LEG_ID])
    assert told(planned) == [("CALL_LEG_STARTED", 0, 0), ("CALL_LEG_ENDED", 0, 0), ("WRAPUP", 0, 0)]
    assert all(row.revision == 0 for row in planned)


def test_conversations_are_named_where_known_and_to_learn_one_corrects_nothing(outbox):
    known = {CALL_ID: Known("conv", "session")}
    outbox.tick(leg())
    assert outbox.tick(leg(), conversations=known) == []
    corrected = outbox.tick(leg(wrap_up="Other"), conversations=known)[0]
    header = json.loads(corrected.payload)["header"]
    assert (header["conversationId"], header["channelSessionId"]) == ("conv", "session")
    assert outbox.tick(leg(wrap_up="Other"), conversations={}) == []


def test_what_is_taken_back_names_its_conversation_as_well(outbox):
    outbox.tick(leg())
    (row,) = outbox.tick(vanished=[LEG_ID], conversations={CALL_ID: Known("conv", None)})
    assert json.loads(row.payload)["header"]["conversationId"] == "conv"
    assert "null" not in row.payload


def test_rows_come_by_the_start_of_their_legs_after_those_taken_back(outbox):
    outbox.tick(leg(leg_id="old"))
    later = leg(leg_id="later", start_time=START + timedelta(seconds=30), wrap_up=None)
    planned = outbox.tick(later, leg(leg_id="sooner", wrap_up=None), vanished=["old"])
    assert [row.leg_id for row in planned] == ["old", "sooner", "sooner", "later", "later"]


def test_messages_of_recordings_in_the_outbox_are_left_alone(outbox):
    outbox.tick(leg())
    recording = type(outbox.rows[0])("id", CALL_ID, LEG_ID, "VOICE_RECORDING", 0, 0, "{}", "f", "third-party")
    outbox.rows.append(recording)
    assert told(outbox.tick(leg(wrap_up="Other"))) == [("WRAPUP", 0, 1)]
