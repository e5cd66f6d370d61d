"""What recorders send: manifests (guide 19.6.1), signs of life, ends of calls, and questions for the rules."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.recorder_heartbeats import RecorderHeartbeats
from cx_pipeline_tests.adapters.freeswitch.recorder import wav
from cx_pipeline_tests.gateway.running import ACME, Gateway

RULES = """
rules:
  - {tenant: acme, id: no-8001, type: DN, condition: {dns: ["8001"]}, action: SKIP}
  - {tenant: acme, id: no-1005, type: AGENT, condition: {extensions: ["1005"]}, action: SKIP}
"""


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("streams")


@pytest.fixture(scope="module")
def module_settings(streams: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    rules = tmp_path_factory.mktemp("rules") / "rules.yaml"
    rules.write_text(RULES)
    return {"stream_roots": (streams,), "recording_rules_file": rules}


@pytest.fixture
def file(streams: Path) -> Iterator[Path]:
    path = streams / "gcid-abc-123_20260608100000.wav"
    path.write_bytes(wav(8000))
    yield path
    path.unlink()


def manifest(file: Path | str, **told: Any) -> dict[str, Any]:
    """As guide 19.6.1 has it."""
    return {
        "callId": "gcid-abc-123",
        "globalCallId": "gcid-abc-123",
        "jtapiCallId": "12345",
        "agentExtension": "1005",
        "callingNumber": "+18005550199",
        "calledNumber": "8001",
        "direction": "INBOUND",
        "startTime": "2026-06-08T10:00:00.000Z",
        "endTime": "2026-06-08T10:05:30.000Z",
        "filePath": str(file),
        "fileSize": 2640000,
        "recordingType": "BIB",
        "tenantId": ACME,
        **told,
    }


def stored(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        query = text("SELECT * FROM recording_manifest ORDER BY arrival_sequence")
        return list(connection.execute(query))


def reasons(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT reason FROM quarantined_input ORDER BY id")).scalars())


@pytest.mark.parametrize("path", ["/mixer/sip-data", "/mixer/api/sip-data", "/mixapi"])
def test_a_manifest_is_taken_in_with_what_its_file_tells(
    gateway: Gateway, engine: Engine, file: Path, path: str
) -> None:
    client = gateway.client("recorder")

    answers = [client.post(path, json=manifest(file)) for _ in range(2)]

    (row,) = stored(engine)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["jobId"] == str(row.manifest_id)
    assert answers[0].json()["status"] == "QUEUED"
    assert (row.tenant_id, row.source, row.frames, row.is_finished, row.file_problem) == (
        ACME,
        "gateway",
        8000,
        True,
        None,
    )


def test_a_manifest_with_a_refci_in_place_of_a_call_id_is_taken_in(
    gateway: Gateway, engine: Engine, file: Path
) -> None:
    told = manifest(file, refci="38960750", side="near", masked={}, channelUuid="c-1", sampleRate=8000)
    for name in ("callId", "globalCallId", "jtapiCallId", "tenantId"):
        del told[name]

    assert gateway.client("recorder").post("/mixer/sip-data", json=told).status_code == 200

    (row,) = stored(engine)
    assert (row.refci, row.call_key, row.side, row.tenant_id) == ("38960750", None, "near", ACME)


def test_a_file_that_is_not_there_yet_may_come(gateway: Gateway, engine: Engine, streams: Path) -> None:
    answer = gateway.client("recorder").post("/mixer/sip-data", json=manifest(streams / "later.wav"))

    assert answer.status_code == 200
    assert stored(engine)[0].file_problem == "MISSING"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"startTime": None, "filePath": "{streams}/x.wav"}, "NO_TIME: there is no start_time"),
        ({"startTime": "2026-06-08T10:00:00"}, "TIME_WITHOUT_ZONE: startTime has no offset from UTC"),
        ({"filePath": None}, "NO_FILE: there is no file_path"),
        ({"filePath": "/etc/passwd"}, "OUTSIDE_ROOTS: filePath"),
        ({"filePath": "{streams}/../x.wav"}, "OUTSIDE_ROOTS: filePath"),
        ({"filePath": "{streams}/link.wav"}, "OUTSIDE_ROOTS: filePath"),
        ({"tenantId": "globex"}, "OTHER_TENANT: tenantId"),
        ({"recordingType": "TAPE"}, "WRONG_VALUE: recording_type"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_kept_apart_and_refused_by_its_field(
    gateway: Gateway, engine: Engine, streams: Path, file: Path, changes: dict[str, Any], reason: str
) -> None:
    link = streams / "link.wav"
    if not link.is_symlink():
        link.symlink_to("/etc/hostname")
    told = {name: value and value.format(streams=streams) for name, value in changes.items()}

    answer = gateway.client("recorder").post("/mixer/sip-data", json=manifest(file, **told))

    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(reason)
    assert [told.startswith(reason) for told in reasons(engine)] == [True]
    assert stored(engine) == []


def test_of_a_list_the_usable_ones_are_taken_in(gateway: Gateway, engine: Engine, file: Path) -> None:
    told = [manifest(file), manifest(file, startTime="never"), 7]

    answer = gateway.client("recorder").post("/mixer/sip-data", json=told)

    assert answer.status_code == 200
    assert [each["status"] for each in answer.json()] == ["QUEUED", "REFUSED", "REFUSED"]
    assert len(stored(engine)) == 1
    assert len(reasons(engine)) == 2


def test_a_recorders_sign_of_life_is_noted_when_it_was_sent(gateway: Gateway, engine: Engine) -> None:
    client = gateway.client("recorder")
    sent = {"recorderId": "fs1", "sentTime": "2026-06-08T10:00:00.000Z"}

    assert client.post("/recorders/heartbeat", json=sent).json() == {"stored": 1}
    assert client.post("/recorders/heartbeat", json={"sentTime": sent["sentTime"]}).status_code == 422

    moment = datetime(2026, 6, 8, 10, tzinfo=UTC)
    beats = RecorderHeartbeats(engine).between(moment, moment)
    assert beats.select("recorder_id", "beat_at").rows() == [("fs1", moment)]


def test_the_end_of_a_call_is_noted_once_with_all_that_was_told(gateway: Gateway, engine: Engine) -> None:
    told = {
        "uuid": "c-1",
        "endTime": "2026-06-08T10:05:30.000Z",
        "hangupCause": "NORMAL_CLEARING",
        "eslHost": "fs1",
        "odd": ["\0", "\ud800", 1e999],
    }
    client = gateway.client("recorder")
    body = '{"uuid":"c-1","endTime":"2026-06-08T10:05:30.000Z","hangupCause":"NORMAL_CLEARING","eslHost":"fs1","odd":["\\u0000","\\ud800",1e999]}'

    assert [client.post("/call-ended", content=body).json() for _ in range(2)] == [{"stored": 1}] * 2
    assert client.post("/call-ended", json={"tenantId": "globex", "uuid": "c"}).status_code == 422
    assert client.post("/call-ended", json=[]).status_code == 422

    with engine.connect() as connection:
        (row,) = connection.execute(text("SELECT * FROM call_end"))
    assert (row.call_uuid, row.tenant_id, row.recorder_id) == ("c-1", ACME, "fs1")
    assert row.ended_at == datetime(2026, 6, 8, 10, 5, 30, tzinfo=UTC)
    assert {**row.details, "odd": told["odd"]} == told


def test_rules_say_no_only_where_nothing_unknown_can_change_it(gateway: Gateway) -> None:
    client = gateway.client("recorder")
    question = {
        "agentExtension": "1005",
        "callingNumber": "+18005550199",
        "calledNumber": "1005",
        "direction": "INBOUND",
        "globalCallId": "1_291",
        "timestamp": "2026-06-08T10:00:00.000Z",
    }

    def ask(**changes: Any) -> dict[str, Any]:
        return dict(client.post("/vrs/recording-rules/evaluate", json={**question, **changes}).json())

    unknown_number = ask()
    other_agent = ask(agentExtension="1006")
    assert (unknown_number["record"], unknown_number["action"], unknown_number["isFinal"]) == (
        False,
        "SKIP",
        True,
    )
    assert unknown_number["ruleId"] == "no-1005"
    assert (other_agent["record"], other_agent["quality"], other_agent["isFinal"]) == (True, "stereo", False)


def test_a_question_that_cannot_be_read_is_refused(gateway: Gateway) -> None:
    client = gateway.client("recorder")
    answers = [
        client.post("/vrs/recording-rules/evaluate", json=question).status_code
        for question in ([], 7, {"timestamp": "now"}, {"tenantId": "globex"}, {"agentExtension": {}})
    ]
    assert answers == [422] * 5


def test_only_recorders_may_write_here(gateway: Gateway) -> None:
    for path in ("/mixer/sip-data", "/recorders/heartbeat", "/call-ended", "/vrs/recording-rules/evaluate"):
        assert gateway.client("listener").post(path, json={}).status_code == 403
