"""heartbeat.lua: one sign of life a run, and a schedule that the switch keeps."""

from cx_pipeline_tests.lua.conftest import NewSwitch
from cx_pipeline_tests.lua.switch import START_MS, Switch


def test_a_run_tells_the_gateway_once(switch: Switch) -> None:
    switch.run("heartbeat", uuid=None)

    (told,) = switch.requests("/recorders/heartbeat")
    told.pop("_")
    assert told == {"recorderId": "recorder-1", "sentTime": "2026-06-08T10:00:00.123Z"}


def test_the_start_leaves_the_rest_to_the_switch(switch: Switch) -> None:
    switch.run("heartbeat", uuid=None, argv=("start",))

    assert switch.commands("sched_api") == ["@30 cx_heartbeat lua heartbeat.lua"]
    assert switch.requests("/recorders/heartbeat") == []


def test_a_gateway_that_hangs_is_left_after_two_seconds(new_switch: NewSwitch) -> None:
    switch = new_switch(answer=lambda _url, _body: (200, "", 3_600_000))

    switch.run("heartbeat", uuid=None)

    assert switch.world.clock_ms - START_MS == 2000
