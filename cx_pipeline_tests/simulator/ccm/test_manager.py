"""The reference conversation manager over real HTTP."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from pydantic import SecretStr

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.simulator.ccm.authorisation import TOKEN_PATH, ClientCredentials, StaticToken
from cx_pipeline.simulator.ccm.conversations import conversation_of
from cx_pipeline.simulator.ccm.failures import Failures
from cx_pipeline.simulator.ccm.manager import ManagerOptions
from cx_pipeline.simulator.ccm.running import listen, running_ccm
from cx_pipeline_tests.simulator.ccm.messages import THIRD_PARTY, VOICE, id_of, message, recording

SPAN = {"startTime": "2026-06-08T10:00:00Z", "endTime": "2026-06-08T11:00:00Z"}
SECRET = "s3cret"


@pytest.fixture
def http():
    with httpx.Client(trust_env=False, timeout=20) as client:
        yield client


@pytest.fixture
def manager():
    with running_ccm() as running:
        yield running


def send(http, running, content, path=VOICE, **headers):
    return http.post(running.url + path, json=content, headers=headers)


def listed(http, running, **more):
    return http.get(running.url + VOICE, params={**SPAN, **more})


def test_a_message_is_kept_once_however_often_it_comes(http, manager):
    first, again = (send(http, manager, message("CALL_LEG_STARTED")) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == {"id": message("CALL_LEG_STARTED")["id"], **conversation_of("call-1")}
    ledger = manager.ledger()
    assert (ledger["messages"], ledger["duplicates"]) == (1, 1)


def test_what_came_before_is_a_conflict_where_told_so(http):
    with running_ccm(ManagerOptions(duplicates="conflict")) as running:
        codes = [send(http, running, message("CALL_LEG_STARTED")).status_code for _ in range(2)]
    assert codes == [200, 409]


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"header": {}}, "header.intent must be one of"),
        ({"id": "17"}, "id: String should match pattern"),
        ({"body": {}}, "body.callId: Field required"),
    ],
)
def test_a_message_that_is_wrong_is_refused_with_the_reason(http, manager, change, detail):
    answer = send(http, manager, {**message("CALL_LEG_STARTED"), **change})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert detail in answer.json()["detail"]
    assert sum(manager.ledger()["rejected"].values()) == 1


def test_a_message_at_the_wrong_end_point_is_refused(http, manager):
    assert send(http, manager, recording()).status_code == 422
    assert send(http, manager, message("WRAPUP"), THIRD_PARTY).status_code == 422
    assert send(http, manager, recording(), THIRD_PARTY).status_code == 200


def test_an_idempotency_key_that_is_not_the_messages_id_is_refused(http, manager):
    told = message("CALL_LEG_STARTED")
    assert send(http, manager, told, **{"Idempotency-Key": id_of("other")}).status_code == 422
    assert send(http, manager, told, **{"Idempotency-Key": told["id"]}).status_code == 200


def test_one_id_says_one_thing(http, manager):
    told = message("WRAPUP")
    send(http, manager, told)
    told["body"]["wrapUpCode"] = "Other"
    answer = send(http, manager, told)
    assert answer.status_code == 422
    assert "said something else" in answer.json()["detail"]


def test_a_conversation_that_is_not_that_of_the_call_is_refused(http, manager):
    told = message("CALL_LEG_STARTED")
    told["header"] |= conversation_of("call-1")
    assert send(http, manager, told).status_code == 200
    told = message("CALL_LEG_ENDED")
    told["header"]["conversationId"] = "another"
    assert send(http, manager, told).status_code == 422


def test_the_list_tells_of_each_leg_and_its_conversation(http, manager):
    for intent in ("CALL_LEG_STARTED", "CALL_LEG_ENDED", "WRAPUP"):
        send(http, manager, message(intent))
    (leg,) = listed(http, manager).json()["content"]
    assert leg.pop("id")
    assert leg == {
        **conversation_of("call-1"),
        "callId": "call-1",
        "leg": "call-1:1005::2026-06-08T10:00:00.000Z",
        "legId": "leg-1",
        "agentExtension": "1005",
        "startTime": "2026-06-08T10:00:00.000Z",
        "endTime": "2026-06-08T10:05:00.000Z",
        "channel": "CISCO_VOICE",
        "reasonCode": "INBOUND",
    }


def test_the_list_knows_legs_that_went_on_in_the_span_and_none_that_were_superseded(http, manager):
    for intent in ("CALL_LEG_STARTED", "CALL_LEG_ENDED"):
        send(http, manager, message(intent))
    send(http, manager, message("CALL_LEG_STARTED", "leg-2"))

    def ids(start, end):
        page = listed(http, manager, startTime=start, endTime=end).json()
        return [leg["legId"] for leg in page["content"]]

    assert ids("2026-06-08T10:05:00Z", "2026-06-08T10:06:00Z") == ["leg-1", "leg-2"]
    assert ids("2026-06-08T10:06:00Z", "2026-06-08T10:07:00Z") == ["leg-2"]
    assert ids("2026-06-08T09:00:00Z", "2026-06-08T10:00:00Z") == []
    taken_back = message("CALL_LEG_ENDED", revision=1)
    taken_back["body"]["reasonCode"] = "SUPERSEDED"
    send(http, manager, taken_back)
    assert ids("2026-06-08T10:00:00Z", "2026-06-08T10:07:00Z") == ["leg-2"]


def test_the_list_comes_in_pages(http, manager):
    for number in range(5):
        send(http, manager, message("CALL_LEG_STARTED", f"leg-{number}", f"call-{number}"))
    pages = [listed(http, manager, page=page, size=2).json() for page in range(3)]
    assert [len(page["content"]) for page in pages] == [2, 2, 1]
    assert [page["last"] for page in pages] == [False, False, True]
    assert pages[0]["totalElements"] == 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"startTime": "soon"},
        {"startTime": "2026-06-08T10:00:00"},
        {"page": "-1"},
        {"size": "0"},
        {"size": "1001"},
    ],
)
def test_a_list_that_cannot_be_is_refused(http, manager, wrong):
    answer = listed(http, manager, **wrong)
    assert answer.status_code == 400
    assert next(iter(wrong)) in answer.json()["detail"]


def test_tokens_of_a_client_run_out(http):
    access = ClientCredentials("pipeline", SecretStr(SECRET), lifetime_s=0.3)
    with running_ccm(ManagerOptions(access=access)) as running:
        form = {"grant_type": "client_credentials", "client_id": "pipeline", "client_secret": SECRET}
        assert listed(http, running).status_code == 401
        token = http.post(running.url + TOKEN_PATH, data=form).json()
        bearer = {"Authorization": f"Bearer {token['access_token']}"}
        codes = set()
        while codes != {200, 401}:
            codes.add(send(http, running, message("CALL_LEG_STARTED"), **bearer).status_code)
        assert running.ledger()["tokens"] == 1


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"grant_type": "password"}, 400),
        ({"grant_type": "client_credentials", "client_id": "pipeline", "client_secret": "no"}, 401),
        ({"grant_type": "client_credentials"}, 401),
    ],
)
def test_who_is_not_the_client_gets_no_token(http, form, code):
    access = ClientCredentials("pipeline", SecretStr(SECRET))
    with running_ccm(ManagerOptions(access=access)) as running:
        assert http.post(running.url + TOKEN_PATH, data=form).status_code == code
        basic = http.post(
            running.url + TOKEN_PATH, data={"grant_type": "client_credentials"}, auth=("pipeline", SECRET)
        )
        assert basic.status_code == 200


def test_a_static_token_is_asked_for(http):
    with running_ccm(ManagerOptions(access=StaticToken(SecretStr(SECRET)))) as running:
        assert listed(http, running).status_code == 401
        assert http.get(
            running.url + VOICE, params=SPAN, headers={"Authorization": f"Bearer {SECRET}"}
        ).is_success
        assert running.ledger()["unauthorised"] == 1


def test_a_connection_is_closed_where_told_to_refuse(http, manager):
    manager.fail(Failures(refuse_rate=1))
    with pytest.raises(httpx.TransportError):
        send(http, manager, message("CALL_LEG_STARTED"))
    assert manager.ledger()["messages"] == 0
    manager.fail(Failures())
    assert send(http, manager, message("CALL_LEG_STARTED")).is_success


def test_a_dropped_answer_is_of_a_message_that_was_kept(http, manager):
    manager.fail(Failures(drop_rate=1))
    with pytest.raises(httpx.TransportError):
        send(http, manager, message("CALL_LEG_STARTED"))
    ledger = manager.ledger()
    assert (ledger["messages"], ledger["failed"]) == (1, {"dropped": 1})


def test_a_hung_request_is_never_answered(http, manager):
    manager.fail(Failures(hang_rate=1))
    with pytest.raises(httpx.ReadTimeout):
        http.get(manager.url + VOICE, params=SPAN, timeout=0.2)
    manager.fail(Failures(hang_rate=1, hang_s=0.05))
    with pytest.raises(httpx.RemoteProtocolError):
        listed(http, manager)


def test_requests_that_hang_do_not_keep_the_manager_from_ending(http):
    with (
        running_ccm(ManagerOptions(failures=Failures(hang_rate=1))) as running,
        ThreadPoolExecutor(1) as pool,
    ):
        hanging = pool.submit(listed, http, running)
        while not running.ledger()["failed"]:
            pass
        running.end()
        assert isinstance(hanging.exception(), httpx.TransportError)


@pytest.mark.parametrize(("rate", "code"), [("error_rate", 500), ("throttle_rate", 429)])
def test_errors_and_throttling_keep_nothing(http, manager, rate, code):
    manager.fail(Failures(**{rate: 1.0}, retry_after_s=7))
    answer = send(http, manager, message("CALL_LEG_STARTED"))
    assert answer.status_code == code
    assert answer.headers.get("retry-after") == ("7" if code == 429 else None)
    assert manager.ledger()["messages"] == 0


def test_the_token_end_point_fails_where_told_to(http):
    options = ManagerOptions(failures=Failures(token_error_rate=1))
    with running_ccm(options) as running:
        assert http.post(running.url + TOKEN_PATH, data={}).status_code == 500


def test_failures_that_are_none_are_refused(http, manager):
    assert http.post(manager.url + "/failures", json={"error_rate": 2}).status_code == 422
    assert http.get(manager.url + "/failures").json()["error_rate"] == 0


def test_what_was_kept_is_known_after_a_new_start(http, tmp_path):
    options = ManagerOptions(journal=tmp_path / "journal.ndjson", failures=Failures(drop_rate=0))
    with running_ccm(options) as running:
        for intent in ("CALL_LEG_STARTED", "CALL_LEG_ENDED", "CALL_LEG_ENDED"):
            send(http, running, message(intent))
        send(http, running, {})
        before, legs = running.ledger(), listed(http, running).json()
    with running_ccm(options) as running:
        assert running.ledger() == before
        assert listed(http, running).json() == legs
        assert send(http, running, message("CALL_LEG_ENDED")).is_success
        assert running.ledger()["by_message"][message("CALL_LEG_ENDED")["id"]] == 3


def test_many_at_once_are_each_kept_once_and_on_disk(tmp_path):
    journal = tmp_path / "journal.ndjson"
    sent = [message("CALL_LEG_STARTED", f"leg-{n % 40}", f"call-{n % 40}") for n in range(80)]
    with (
        running_ccm(ManagerOptions(journal=journal)) as running,
        httpx.Client(trust_env=False, timeout=20) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        assert all(answer.is_success for answer in pool.map(lambda m: send(client, running, m), sent))
        ledger = running.ledger()
    assert (ledger["messages"], ledger["duplicates"]) == (40, 40)
    assert len([line for line in journal.read_text().splitlines() if "message" in json.loads(line)]) == 40


def test_a_port_that_is_taken_is_told():
    with listen() as taken, pytest.raises(ConfigurationError, match="cannot listen on"):
        listen(port=taken.getsockname()[1])
