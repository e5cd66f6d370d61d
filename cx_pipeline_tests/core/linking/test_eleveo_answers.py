"""Eleveo's answers in the forms that releases give them, and what is none."""

import json

import pytest

from cx_pipeline.core.errors import InputError
from cx_pipeline.core.linking.eleveo_answers import (
    couples_of,
    download_token_of,
    is_login_page,
    session_of,
)

COUPLE = {
    "id": 12, "sid": "abc-12", "startTime": "2026-01-26T11:00:00+01:00", "stop_ts": 1769421660000,
    "callingParty": "555", "calledParty": 1001, "agentExtension": "1001",
}  # fmt: skip
REASONS = {"COUPLE_START_REASON": "START", "COUPLE_END_REASON": "HOLD"}


@pytest.mark.parametrize(
    "answer",
    [
        [{**COUPLE, "externalData": {"JTAPI_CISCO_ID": "7/1", **REASONS}}],
        {"couples": [{**COUPLE, "externalData": {"JTAPI_CISCO_ID": 16777223, **REASONS}}]},
        {"conversations": [{"id": 1, "externalData": {"JTAPI_CISCO_ID": "1_7"}, "couples": [{**COUPLE, **REASONS}]}]},
        {
            "items": [
                {
                    "externalData": [{"key": "JTAPI_CISCO_ID", "value": "7/1"}],
                    "callLegs": [{**COUPLE, "externalData": [{"name": n, "value": v} for n, v in REASONS.items()]}],
                }
            ],
            "total": 1,
        },
    ],
)  # fmt: skip
def test_couples_are_read_in_each_form_that_is_known(answer: object) -> None:
    page = couples_of(json.dumps(answer), "7/1", "JTAPI_CISCO_ID")
    (couple,) = page.couples
    assert (couple.couple_id, couple.sid, couple.call_key) == ("12", "abc-12", "1_7")
    assert (couple.calling, couple.called, couple.agent_extension) == ("555", "1001", "1001")
    assert (couple.start_reason, couple.end_reason) == ("START", "HOLD")
    assert couple.end_time is not None
    assert (couple.end_time - couple.start_time).total_seconds() == 60
    assert (page.item_count, page.unreadable) == (1, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"id": None, "sid": None},
        {"startTime": "yesterday"},
        {"stop_ts": "never"},
        {"startTime": "2026-01-27T11:00:00Z"},
        {"startTime": "2026-01-26T11:00:00"},
    ],
)
def test_a_couple_that_cannot_be_read_is_counted(change: dict[str, object]) -> None:
    page = couples_of(json.dumps([{**COUPLE, **change}, "?"]), "7/1", "JTAPI_CISCO_ID")
    assert (page.couples, page.unreadable) == ((), 2)


@pytest.mark.parametrize(
    "answer", ["", "<ok/>", "{}", '{"couples": {}}', "3", '{"error": "x"}', "[" * 100_000]
)
def test_what_is_no_list_is_an_error_and_never_empty(answer: str) -> None:
    with pytest.raises(InputError, match="Eleveo's answer"):
        couples_of(answer, "7/1", "JTAPI_CISCO_ID")


def test_an_empty_list_is_empty() -> None:
    assert couples_of('{"conversations": []}', "7/1", "JTAPI_CISCO_ID").couples == ()


def test_sessions_tokens_and_login_pages_are_told_apart() -> None:
    assert session_of('<?xml version="1.0"?><ok sessionid="A1B2C3D4E5" number="1">x</ok>') == "A1B2C3D4E5"
    assert session_of('{"sessionId": "A1B2C3D4E5"}') == "A1B2C3D4E5"
    assert session_of('<error number="2">Denied</error>') is None
    assert session_of('<ok sessionid="../../x?y" number="1"/>') is None
    assert download_token_of("<?xml version='1.0'?><reply>tok-1234=</reply>") == "tok-1234="
    assert download_token_of('{"token": "tok-1234"}') == "tok-1234"
    assert download_token_of("tok-12345") == "tok-12345"
    assert download_token_of('<error number="7">No call</error>') is None
    assert is_login_page("text/html;charset=utf-8", "")
    assert is_login_page("text/xml", " <!DOCTYPE html><html>")
    assert not is_login_page("text/xml", "<?xml version='1.0'?><reply>x</reply>")
