"""Pause and resume: masked by the recorder's own scripts, with an account of who asked for it and why."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cx_pipeline.simulator.freeswitch.event_socket import Channel, FakeEventSocket, running_event_socket
from cx_pipeline.system_settings import EventSocketSettings
from cx_pipeline_tests.gateway.running import ACME, Gateway
from cx_pipeline_tests.lua.switch import CHANNEL, SIBLING, VERSIONS, Switch, from_header

PASSWORD = "of the tests"
WHY = {"agent": "agent-7", "reason": "card number"}


@pytest.fixture(scope="module")
def recorders() -> Iterator[tuple[FakeEventSocket, FakeEventSocket]]:
    first, second = FakeEventSocket(PASSWORD), FakeEventSocket(PASSWORD)
    with running_event_socket(first), running_event_socket(second):
        yield first, second


@pytest.fixture(scope="module")
def module_settings(
    recorders: tuple[FakeEventSocket, FakeEventSocket], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    first, second = recorders
    file = tmp_path_factory.mktemp("secrets") / "password"
    file.write_text(f"{PASSWORD}\n")
    sockets = (
        EventSocketSettings(
            recorder_id="fs1", host="127.0.0.1", port=first.port, password=SecretStr(PASSWORD)
        ),
        EventSocketSettings(
            recorder_id="fs2", host="127.0.0.1", port=second.port, password_file=file, tenants=(ACME,)
        ),
    )
    return {"event_sockets": sockets}


@pytest.fixture
def switch(recorders: tuple[FakeEventSocket, FakeEventSocket], engine: Engine) -> FakeEventSocket:
    """The recorder of all tenants, with calls of acme and globex."""
    for each in recorders:
        each.fault = "none"
        each.password = PASSWORD
        each.channels.clear()
        each.commands.clear()
    recorders[0].channels["c-1"] = Channel({"cx_tenant_id": ACME})
    recorders[0].channels["c-2"] = Channel({"cx_tenant_id": "globex"})
    return recorders[0]


def account(engine: Engine) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        columns = "tenant_id, subject, call_uuid, recorder_id, action, agent, reason, outcome"
        rows = connection.execute(text(f"SELECT {columns} FROM recording_control ORDER BY control_id"))
        return [tuple(row) for row in rows]


def test_a_recording_is_paused_and_resumed_by_who_and_why(
    gateway: Gateway, engine: Engine, switch: FakeEventSocket
) -> None:
    client = gateway.client("controller")

    paused = client.post("/calls/c-1/recording/pause", json=WHY)
    is_masked = switch.channels["c-1"].is_masked
    resumed = client.post("/calls/c-1/recording/resume", json={**WHY, "reason": "done"})

    assert (paused.status_code, paused.json()["status"], is_masked) == (200, "PAUSED", True)
    assert (resumed.json()["status"], switch.channels["c-1"].is_masked) == ("RECORDING", False)
    assert switch.channels["c-1"].asked == [
        ("recording_pause.lua", "agent-7", "card number"),
        ("recording_resume.lua", "agent-7", "done"),
    ]
    assert account(engine) == [
        (ACME, "controller", "c-1", "fs1", "PAUSE", "agent-7", "card number", "+OK masked 2 of 2"),
        (ACME, "controller", "c-1", "fs1", "RESUME", "agent-7", "done", "+OK unmasked 2 of 2"),
    ]


def test_the_mask_stands_in_the_recorders_manifest(
    gateway: Gateway, switch: FakeEventSocket, tmp_path: Path
) -> None:
    folder = tmp_path / "switch"
    folder.mkdir()
    lua = Switch(version=VERSIONS[-1], folder=folder)
    lua.channel({"sip_from_params": from_header("near")})
    lua.channel({"sip_from_params": from_header("far")}, uuid=SIBLING)
    for uuid in (CHANNEL, SIBLING):
        lua.run("record", uuid=uuid)
    tenant = lua.variable("cx_tenant_id", CHANNEL)
    assert tenant

    class RealScripts(FakeEventSocket):
        def answer(self, command: str) -> str:
            if command.startswith("lua "):
                script, *arguments = command.removeprefix("lua ").split()
                return lua.run(script.removesuffix(".lua"), uuid=None, argv=tuple(arguments))
            return super().answer(command)

    switch.channels[CHANNEL] = Channel({"cx_tenant_id": tenant})
    switch.answer = RealScripts(PASSWORD, switch.channels).answer  # type: ignore[method-assign]
    try:
        for action in ("pause", "resume"):
            answer = gateway.client("all").post(f"/calls/{CHANNEL}/recording/{action}", json=WHY)
            assert answer.status_code == 200, answer.text
    finally:
        del switch.answer
    lua.run("cx_hangup", uuid=CHANNEL)
    (mask,) = lua.manifest("*_near.json")["masked"]
    assert (mask["by"], mask["reason"]) == ("agent-7", "card number")
    assert mask["from"] <= mask["to"]


def test_each_recorder_is_asked_for_the_call(
    gateway: Gateway,
    engine: Engine,
    switch: FakeEventSocket,
    recorders: tuple[FakeEventSocket, FakeEventSocket],
) -> None:
    recorders[1].channels["c-9"] = Channel()
    switch.fault = "rude"

    assert gateway.client("controller").post("/calls/c-9/recording/pause", json=WHY).status_code == 200
    assert account(engine)[0][:4] == (ACME, "controller", "c-9", "fs2")


@pytest.mark.parametrize(
    "uuid", ["nobody", "c-2", "c-1%0Aapi%20shutdown", "c-1%20x", "-c", "..%2Fx", "c" * 200, "%E2%82%AC"]
)
def test_an_unknown_call_and_anothers_get_the_same_answer(
    gateway: Gateway, engine: Engine, switch: FakeEventSocket, uuid: str
) -> None:
    answer = gateway.client("controller").post(f"/calls/{uuid}/recording/pause", json=WHY)

    assert answer.status_code == 404
    assert answer.json() in ({"type": "about:blank", "title": "Not found", "status": 404},)
    assert not any(command.startswith("api lua") or "shutdown" in command for command in switch.commands)
    assert account(engine) == []


def test_a_call_of_which_nobody_knows_the_tenant_is_for_those_who_see_all(
    gateway: Gateway, switch: FakeEventSocket
) -> None:
    switch.channels["c-3"] = Channel()

    assert gateway.client("controller").post("/calls/c-3/recording/pause", json=WHY).status_code == 404
    assert gateway.client("all").post("/calls/c-3/recording/pause", json=WHY).status_code == 200


def test_words_cannot_become_commands_or_arguments(
    gateway: Gateway, engine: Engine, switch: FakeEventSocket
) -> None:
    odd = {"agent": "Eve O'Neil\\", "reason": 'it\'s "her" card\n\napi shutdown ${x} Ä'}

    assert gateway.client("controller").post("/calls/c-1/recording/pause", json=odd).status_code == 200

    ((script, who, why),) = switch.channels["c-1"].asked
    assert (script, who, why) == ("recording_pause.lua", "Eve_O_Neil", "it s her cardapi shutdown x Ä")
    assert switch.commands == [
        f"api {c}"
        for c in ("uuid_exists c-1", "uuid_getvar c-1 cx_tenant_id", f"lua {script} c-1 {who} {why}")
    ]


def test_a_refusal_of_the_recorder_is_told(gateway: Gateway, engine: Engine, switch: FakeEventSocket) -> None:
    switch.channels["c-1"].is_recording = False

    answer = gateway.client("controller").post("/calls/c-1/recording/pause", json=WHY)

    assert (answer.status_code, answer.json()["detail"]) == (409, "masked 0 of 0")
    assert account(engine)[0][-1] == "-ERR masked 0 of 0"


@pytest.mark.parametrize("fault", ["rude", "cut_at_command", "cut_in_answer"])
def test_a_recorder_that_does_not_answer_is_told_as_away(
    gateway: Gateway, switch: FakeEventSocket, fault: Any
) -> None:
    switch.fault = fault
    answer = gateway.client("controller").post("/calls/c-1/recording/pause", json=WHY)
    assert answer.status_code == 503
    assert "retry-after" in answer.headers


def test_a_wrong_password_is_told_as_away_and_never_shown(
    gateway: Gateway, switch: FakeEventSocket, caplog: pytest.LogCaptureFixture
) -> None:
    switch.password = "another"
    answer = gateway.client("controller").post("/calls/c-1/recording/pause", json=WHY)
    assert answer.status_code == 503
    assert PASSWORD not in answer.text + caplog.text


@pytest.mark.parametrize("fault", ["pieces", "chatter"])
def test_answers_in_pieces_and_between_events_are_understood(
    gateway: Gateway, switch: FakeEventSocket, fault: Any
) -> None:
    switch.fault = fault
    assert gateway.client("controller").post("/calls/c-1/recording/pause", json=WHY).status_code == 200


@pytest.mark.parametrize("body", [{}, {"agent": "a"}, {"agent": "a", "reason": ["r"]}, [WHY, WHY], 7])
def test_who_and_why_are_wanted(gateway: Gateway, switch: FakeEventSocket, body: Any) -> None:
    assert gateway.client("controller").post("/calls/c-1/recording/pause", json=body).status_code == 422


def test_only_who_may_control_recordings_does(gateway: Gateway, switch: FakeEventSocket) -> None:
    assert gateway.client("recorder").post("/calls/c-1/recording/pause", json=WHY).status_code == 403
