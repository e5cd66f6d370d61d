import json
from datetime import UTC, datetime

import pytest

from cx_pipeline.core.errors import InputError
from cx_pipeline.core.messages.activities import CCM_VOICE_ACTIVITY_SCHEMA, Page, activities_of, page_of

ACTIVITY = {
    "id": "activity-1",
    "conversationId": "conversation-1",
    "channelSessionId": "session-1",
    "callId": "call-1",
    "leg": "call-1:1005:+18005550199:2026-06-08T10:00:00.000Z",
    "legId": "leg-1",
    "agentExtension": "1005",
    "agentId": "5001",
    "startTime": "2026-06-08T10:00:00.000Z",
    "endTime": "2026-06-08T12:05:00.000+02:00",
}
START, END = datetime(2026, 6, 8, 10, tzinfo=UTC), datetime(2026, 6, 8, 10, 5, tzinfo=UTC)


def test_an_activity_is_a_row_and_stays_as_it_came():
    frame = activities_of([{**ACTIVITY, "mood": {"is": "gut ä"}}])
    assert frame.schema == CCM_VOICE_ACTIVITY_SCHEMA
    (row,) = frame.to_dicts()
    assert json.loads(row.pop("raw")) == {**ACTIVITY, "mood": {"is": "gut ä"}}
    assert row == {
        "activity_id": "activity-1",
        "conversation_id": "conversation-1",
        "channel_session_id": "session-1",
        "call_id": "call-1",
        "leg": "call-1:1005:+18005550199:2026-06-08T10:00:00.000Z",
        "leg_id": "leg-1",
        "agent_extension": "1005",
        "agent_id": "5001",
        "start_time": START,
        "end_time": END,
    }


def test_an_activity_may_be_a_message_with_header_and_body():
    detail = {key: ACTIVITY[key] for key in ("legId", "agentExtension", "agentId", "startTime", "endTime")}
    message = {
        "id": "activity-1",
        "header": {"conversationId": "conversation-1", "channelSessionId": "session-1", "intent": "X"},
        "body": {"callId": "call-1", "leg": ACTIVITY["leg"], "additionalDetail": detail},
    }
    assert activities_of([message]).drop("raw").equals(activities_of([ACTIVITY]).drop("raw"))


@pytest.mark.parametrize("absent", [{"endTime": None}, {"endTime": ""}, {}])
def test_what_is_not_told_is_not_known(absent):
    (row,) = activities_of([{"id": 17, "legId": 12345, **absent}]).to_dicts()
    assert (row["activity_id"], row["leg_id"], row["call_id"], row["end_time"]) == ("17", "12345", None, None)


@pytest.mark.parametrize("written", [1780912800, 1780912800.0, 1780912800000, "2026-06-08T10:00:00Z"])
def test_a_time_may_be_a_number(written):
    assert activities_of([{**ACTIVITY, "startTime": written}])["start_time"].item() == START


def test_an_activity_without_an_id_is_known_by_its_leg():
    assert activities_of([{"legId": "leg-1"}, {"leg": "c:1005::t"}])["activity_id"].to_list() == [
        "leg-1",
        "c:1005::t",
    ]


def test_what_is_told_twice_counts_once_as_told_last():
    assert activities_of([ACTIVITY, {**ACTIVITY, "agentId": "9"}])["agent_id"].to_list() == ["9"]


@pytest.mark.parametrize(
    ("item", "named"),
    [
        ("text", "activity 2.*no JSON object"),
        ({"callId": "c"}, "activity 2.*neither id, legId nor leg"),
        ({**ACTIVITY, "startTime": "2026-06-08T10:00:00"}, "startTime is no time with a zone"),
        ({**ACTIVITY, "endTime": "soon"}, "endTime is no time with a zone"),
        ({**ACTIVITY, "endTime": True}, "endTime is no time with a zone"),
        ({**ACTIVITY, "endTime": 1e300}, "endTime is no time with a zone"),
        ({**ACTIVITY, "callId": ["c"]}, "callId is neither text nor a number"),
    ],
)
def test_what_cannot_be_read_is_named_and_never_left_out(item, named):
    with pytest.raises(InputError, match=named):
        activities_of([ACTIVITY, item])


def test_no_activities_are_an_empty_frame():
    assert activities_of([]).schema == CCM_VOICE_ACTIVITY_SCHEMA


@pytest.mark.parametrize(
    ("answer", "number", "page"),
    [
        ([1, 2], 0, Page([1, 2])),
        ({"content": [1], "last": True, "number": 3}, 3, Page([1])),
        ({"content": [1], "last": False, "number": 3}, 3, Page([1], next_number=4)),
        ({"content": [], "last": False}, 0, Page([], next_number=1)),
        ({"content": [1], "totalPages": 2, "number": 0}, 0, Page([1], next_number=1)),
        ({"content": [1], "totalPages": 2, "number": 1}, 1, Page([1])),
        ({"content": [1], "page": {"number": 0, "totalPages": 2}}, 0, Page([1], next_number=1)),
        ({"content": [1]}, 0, Page([1])),
        ({"content": [1], "next": "/list?page=1"}, 0, Page([1], next_link="/list?page=1")),
        ({"content": [1], "links": {"next": "/b"}}, 0, Page([1], next_link="/b")),
        ({"content": [1], "_links": {"next": {"href": "/b"}}}, 0, Page([1], next_link="/b")),
        ({"content": [1], "next": None, "last": True}, 0, Page([1])),
    ],
)
def test_a_page_tells_where_the_next_one_is(answer, number, page):
    assert page_of(answer, number) == page


@pytest.mark.parametrize("answer", [None, "x", {}, {"content": {}}, {"error": "x"}])
def test_an_answer_that_is_no_list_is_an_error_and_not_an_empty_list(answer):
    with pytest.raises(InputError, match="neither a JSON list nor a page"):
        page_of(answer, 0)


def test_a_server_that_answers_the_same_page_for_ever_is_noticed():
    with pytest.raises(InputError, match="page 0 where page 1 was asked"):
        page_of({"content": [1], "number": 0, "last": False}, 1)
