"""The stand-in of Consul keeps Consul's rules of sessions and locks."""

import httpx
import pytest

from cx_pipeline.simulator.consul.agent import AgentOptions, running_consul
from cx_pipeline.simulator.consul.sessions import (
    ConsulState,
    UnknownSessionError,
    WrongRequestError,
    duration_s,
)


def state_with(**wanted: object) -> tuple[ConsulState, str]:
    state = ConsulState()
    return state, state.create({"TTL": "10s", "LockDelay": "1s", **wanted}, now_s=0)


def test_a_session_lives_as_long_as_it_is_renewed_and_ends_at_twice_its_ttl():
    state, session = state_with()
    state.renew(session, now_s=15)
    state.renew(session, now_s=34.9)
    with pytest.raises(UnknownSessionError):
        state.renew(session, now_s=54.9)


def test_a_key_is_held_by_one_living_session():
    state, session = state_with()
    other = state.create({"TTL": "10s"}, now_s=0)
    assert state.acquire("k", session, b"", now_s=1)
    assert state.acquire("k", session, b"again", now_s=1)
    assert not state.acquire("k", other, b"", now_s=1)
    assert not state.release("k", other)
    assert state.release("k", session)
    assert state.acquire("k", other, b"", now_s=1)
    assert state.entries["k"].lock_index == 2
    with pytest.raises(UnknownSessionError):
        state.acquire("k", "none", b"", now_s=1)


@pytest.mark.parametrize("behavior", ["release", "delete"])
def test_a_key_whose_session_ended_is_closed_for_its_delay(behavior: str):
    state, session = state_with(Behavior=behavior)
    assert state.acquire("k", session, b"", now_s=0)
    other = state.create({"TTL": "20s"}, now_s=0)
    assert not state.acquire("k", other, b"", now_s=20)
    assert ("k" in state.entries) is (behavior == "release")
    assert not state.acquire("k", other, b"", now_s=20.9)
    assert state.acquire("k", other, b"", now_s=21)


@pytest.mark.parametrize("wanted", [{"TTL": "9s"}, {"TTL": "86401s"}, {"TTL": "soon"}, {"Behavior": "keep"}])
def test_what_consul_refuses_is_refused(wanted: dict[str, object]):
    with pytest.raises(WrongRequestError):
        ConsulState().create(wanted, now_s=0)


def test_durations_are_go_s_or_numbers():
    assert [duration_s(text) for text in ("1m30s", "500ms", "1.5h", 15, 15_000_000_000)] == [
        90.0,
        0.5,
        5400.0,
        15.0,
        15.0,
    ]


def test_a_question_waits_for_a_change_and_no_longer():
    with running_consul(AgentOptions(pace=0.1)) as consul, httpx.Client(base_url=consul.url) as http:
        missing = http.get("/v1/kv/k")
        assert missing.status_code == 404
        http.put("/v1/kv/k", content=b"value")
        found = http.get("/v1/kv/k", params={"index": missing.headers["x-consul-index"]})
        assert found.json()[0]["Value"] == "dmFsdWU="
        index = found.headers["x-consul-index"]
        assert http.get("/v1/kv/k", params={"index": index, "wait": "1s"}).headers["x-consul-index"] == index


def test_sessions_are_shown_over_http_and_their_ends():
    with running_consul(AgentOptions(pace=0.1)) as consul, httpx.Client(base_url=consul.url) as http:
        session = http.put("/v1/session/create", json={"TTL": "10s"}).json()["ID"]
        assert http.get(f"/v1/session/info/{session}").json()[0]["TTL"] == "10s"
        assert http.put(f"/v1/session/renew/{session}").status_code == 200
        assert http.put("/v1/session/create", json={"TTL": "1s"}).status_code == 400
        assert http.put("/v1/kv/k", params={"acquire": "none"}).status_code == 500
        http.put(f"/v1/session/destroy/{session}")
        assert http.get(f"/v1/session/info/{session}").json() == []
        assert http.put(f"/v1/session/renew/{session}").status_code == 404
