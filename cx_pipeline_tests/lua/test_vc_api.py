"""vc_api.lua: a customer's way to an agent, also where nobody answers and where nobody is there to ask."""

import pytest

from cx_pipeline_tests.lua.conftest import NewSwitch
from cx_pipeline_tests.lua.switch import CHANNEL, START_MS, Switch, gone

CALL = {
    "destination_number": "8001",
    "caller_id_number": "+18005550199",
    "sip_call_id": "abc-123@host",
}
SERVICES = """{
  ["8001"] = { tenant_id = "north", queue = "Sales", queue_type = "NAME", priority = "3", prompts = "/app/prompts/n" },
  ["8002"] = { queue = "Care", transfer_type = "NAMED" },
  ["8003"] = { queue = "Night", voicemail_enabled = true, voicemail_number = "*98" },
}"""
SETTINGS = {"service_numbers": SERVICES, "esl_host": '"192.168.1.161"'}


@pytest.fixture
def platform(new_switch: NewSwitch) -> Switch:
    switch = new_switch(settings=SETTINGS)
    switch.channel(CALL)
    return switch


def test_a_call_that_comes_in_asks_for_an_agent_of_its_queue(platform: Switch) -> None:
    platform.run("vc_api")

    (asked,) = platform.requests("/request-agent")
    assert asked.pop("_").timeout_s == 3
    assert asked == {
        "callingNumber": "+18005550199",
        "queue": "Sales",
        "queueType": "NAME",
        "callSipId": "abc-123@host",
        "callUid": CHANNEL,
        "eslHost": "192.168.1.161",
        "serviceIdentifier": "8001",
        "direction": "INBOUND",
        "priority": "3",
    }
    assert platform.world.answered[CHANNEL]
    assert platform.variable("sip_h_X-queue") == "Sales"
    assert platform.variable("sip_h_X-Destination-Number") == "8001"
    assert platform.variable("api_hangup_hook") == "lua cx_hangup.lua"
    assert platform.executed("playback") == ["local_stream://moh"]


@pytest.mark.parametrize("status", [None, 500, 503])
def test_after_three_tries_the_prompt_is_played_and_the_call_ends(
    new_switch: NewSwitch, status: int | None
) -> None:
    switch = new_switch(settings=SETTINGS, answer=lambda _url, _body: (status, "", 0))
    switch.channel(CALL)

    switch.run("vc_api")

    assert len(switch.requests("/request-agent")) == 3
    assert switch.executed("playback") == ["/app/prompts/n/error_try_later.wav"]
    assert switch.world.hung_up[CHANNEL] == "SERVICE_UNAVAILABLE"
    assert "no agent can be asked for" in switch.log


def test_the_third_try_may_succeed(new_switch: NewSwitch) -> None:
    answers = iter([(None, None, 0), (503, "", 0), (200, "", 0)])
    switch = new_switch(settings=SETTINGS, answer=lambda _url, _body: next(answers))
    switch.channel(CALL)

    switch.run("vc_api")

    assert switch.executed("playback") == ["local_stream://moh"]
    assert CHANNEL not in dict(switch.world.hung_up.items())


def test_a_connector_that_hangs_costs_eleven_seconds_at_most(new_switch: NewSwitch) -> None:
    switch = new_switch(settings=SETTINGS, answer=lambda _url, _body: (200, "", 3_600_000))
    switch.channel(CALL)

    switch.run("vc_api")

    assert switch.world.clock_ms - START_MS == 11_000


def test_an_agent_who_does_not_answer_is_cancelled_as_rona_and_the_call_is_queued_again(
    platform: Switch,
) -> None:
    platform.channel({**CALL, "originate_failed_cause": "NO_ANSWER"})

    platform.run("vc_api", argv=("rona",))

    (cancelled,) = platform.requests("/cancel-agent")
    assert cancelled["errorCode"] == "RONA"
    assert cancelled["callUid"] == CHANNEL
    (asked,) = platform.requests("/request-agent")
    assert asked["_"].at_ms - cancelled["_"].at_ms == 3000 + 5  # the first answer took 5 ms
    assert asked["queue"] == "Sales"
    assert platform.executed("playback") == ["local_stream://moh"]


@pytest.mark.parametrize(
    ("cause", "code"),
    [("NO_ANSWER", "RONA"), ("USER_BUSY", "USER_BUSY"), ("", "UNKNOWN"), ("../x; y", "x_y")],
)
def test_only_no_answer_becomes_rona(platform: Switch, cause: str, code: str) -> None:
    platform.channel({**CALL, "originate_failed_cause": cause})

    platform.run("vc_api", argv=("rona",))

    assert platform.requests("/cancel-agent")[0]["errorCode"] == code


def test_a_callers_own_header_does_not_choose_the_service(platform: Switch) -> None:
    platform.channel({**CALL, "sip_h_X-Destination-Number": "8003"})

    platform.run("vc_api")
    platform.world.variables[CHANNEL]["destination_number"] = "1005"  # the transfer to the agent
    platform.run("vc_api", argv=("rona",))

    assert [asked["serviceIdentifier"] for asked in platform.requests("/request-agent")] == ["8001", "8001"]
    assert platform.executed("transfer") == []


def test_a_service_with_voicemail_takes_the_call_there_and_frees_the_agent(platform: Switch) -> None:
    platform.channel({**CALL, "destination_number": "8003", "context": "cx"})

    platform.run("vc_api", argv=("rona",))

    assert platform.executed("transfer") == ["*98 XML cx"]
    assert len(platform.requests("/cancel-agent")) == 1
    assert platform.requests("/request-agent") == []


def test_a_call_for_one_named_agent_ends_with_the_prompt(platform: Switch) -> None:
    platform.channel({**CALL, "destination_number": "8002"})

    platform.run("vc_api", argv=("rona",))

    assert platform.executed("playback") == ["/app/prompts/error_try_later.wav"]
    assert len(platform.requests("/cancel-agent")) == 1
    assert platform.requests("/request-agent") == []


def test_a_consult_call_for_a_named_agent_is_queued_again(platform: Switch) -> None:
    platform.channel({**CALL, "destination_number": "8002", "sip_h_X-CallType": "CONSULT"})

    platform.run("vc_api", argv=("rona",))

    assert len(platform.requests("/request-agent")) == 1


def test_a_customer_who_hung_up_is_not_queued_again(platform: Switch) -> None:
    platform.world.hung_up[CHANNEL] = True

    platform.run("vc_api", argv=("rona",))

    assert len(platform.requests("/cancel-agent")) == 1
    assert platform.requests("/request-agent") == []


def test_a_request_can_be_cancelled(platform: Switch) -> None:
    platform.run("vc_api", argv=("cancel", "NO_AGENT_AVAILABLE"))

    assert platform.requests("/cancel-agent")[0]["errorCode"] == "NO_AGENT_AVAILABLE"


def test_a_branch_that_there_is_not_does_nothing(platform: Switch) -> None:
    platform.run("vc_api", argv=("../evil",))

    assert dict(platform.world.requests.items()) == {}
    assert "there is no branch" in platform.log


def test_without_a_connector_the_caller_hears_the_prompt(new_switch: NewSwitch) -> None:
    switch = new_switch(settings={**SETTINGS, "voice_connector_url": "nil"}, answer=gone)
    switch.channel(CALL)

    switch.run("vc_api")

    assert switch.world.hung_up[CHANNEL] == "SERVICE_UNAVAILABLE"
    assert "voice_connector_url is not set" in switch.log
