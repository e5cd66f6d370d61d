"""The schedule of a live site: what it does when, and what of it is awaited."""

import json
from collections import Counter
from datetime import datetime, timedelta

import polars as pl
import pytest

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.simulator.audio.orders import EFSWITCH
from cx_pipeline.simulator.audio.wav_files import is_written
from cx_pipeline.simulator.comparison import KEY
from cx_pipeline.simulator.live.actions import CallEnded, EventHeard, ListenerBeat, RecorderBeat
from cx_pipeline.simulator.live.schedule import moment, schedule_of
from cx_pipeline.simulator.live.site import (
    LiveSite,
    cisco_tenants_of,
    directory_of_site,
    files_left,
    live_site,
    tenants_of,
)
from cx_pipeline.simulator.traffic import simulate_traffic
from cx_pipeline_tests.simulator.live.sites import BEGINS, small_plan


def test_the_same_plan_gives_the_same_schedule(site: LiveSite) -> None:
    plan = site.plan
    events = simulate_traffic(plan.traffic).events
    orders = [action.order for action in files_left(site)]
    assert schedule_of(plan, events, orders) == schedule_of(plan, events, orders)


def test_actions_stand_in_the_order_of_their_moments(site: LiveSite) -> None:
    moments = [action.due for action in site.actions]
    assert moments == sorted(moments)


def test_an_event_is_heard_after_it_happened_and_soon(site: LiveSite) -> None:
    lags = [
        action.due - datetime.fromisoformat(json.loads(action.line)["event_time"])
        for action in site.actions
        if isinstance(action, EventHeard)
    ]
    assert timedelta() < min(lags)
    assert sum(lag > timedelta(milliseconds=100) for lag in lags) < len(lags) / 20  # these come twice


def test_a_file_is_left_a_moment_after_its_talk_and_never_before(site: LiveSite) -> None:
    closing = [action.due - moment(action.order.end) for action in files_left(site)]
    assert closing
    assert all(timedelta(milliseconds=500) <= each <= timedelta(seconds=1) for each in closing)


def test_each_file_is_left_once_and_none_before_its_talk_is_over(site: LiveSite) -> None:
    paths = [action.order.path for action in files_left(site)]
    made = [path.relative_to(site.staging).as_posix() for path in site.staging.rglob("*.wav")]
    assert sorted(paths) == sorted(made)
    assert all(is_written(action.order) for action in files_left(site))
    assert max(moment(action.order.end) for action in files_left(site)) <= site.plan.ends


def test_calls_that_were_over_before_are_no_part_of_it(site: LiveSite) -> None:
    ends = site.true_legs.group_by("tenant_id", "call_number").agg(
        pl.col("end_time").max(), lasts=pl.col("end_time").is_null().any()
    )
    assert ends.filter(~pl.col("lasts"), pl.col("end_time") < site.plan.begins).is_empty()
    keys = {key for keys in site.true_legs["call_keys"] for key in keys}
    lines = [json.loads(action.line) for action in site.actions if isinstance(action, EventHeard)]
    assert {line["jtapi_id"] for line in lines} <= {
        str((int(node) << 24) | int(number)) for node, number in (key.split("_") for key in keys)
    }


def test_awaited_is_each_leg_with_audio_that_ended_in_the_span_once(site: LiveSite) -> None:
    expected = site.expected
    assert expected.height > 2
    assert expected.select(KEY).is_unique().all()
    assert expected["end_time"].is_between(site.plan.begins, site.plan.ends).all()
    left = {action.order.path for action in files_left(site)}
    assert all(files and set(files) <= left for files in expected["files"].to_list())
    legs = site.true_legs.join(expected, on=list(KEY), how="semi")
    assert legs["is_reportable"].all()


def test_each_awaited_leg_has_a_record_some_seconds_after_its_end(site: LiveSite) -> None:
    lags = (site.expected["record_at"] - site.expected["end_time"]).dt.total_seconds()
    assert lags.null_count() == 0
    assert lags.is_between(2, 10).all()


def test_recorders_and_listener_give_signs_of_life_all_along(site: LiveSite) -> None:
    beats = Counter(action.recorder_id for action in site.actions if isinstance(action, RecorderBeat))
    assert {action.order.recorder.recorder_id for action in files_left(site)} <= set(beats)
    assert set(beats.values()) == {3}  # at the begin, in the middle and at the end of a minute
    assert sum(isinstance(action, ListenerBeat) for action in site.actions) == 7


def test_a_call_on_the_switch_is_told_to_be_over_when_it_is(site: LiveSite) -> None:
    of_switch = {
        action.order.channel_uuid: moment(action.order.end)
        for action in files_left(site)
        if action.order.recording_type == EFSWITCH
    }
    told = {action.document["uuid"]: action.due for action in site.actions if isinstance(action, CallEnded)}
    assert told == of_switch != {}


def test_tenants_and_directory_are_known_before_it_is_known_when_it_begins(site: LiveSite) -> None:
    other = small_plan(begins=BEGINS + timedelta(days=3))
    assert tenants_of(other) == site.tenants == ("blue-live", "red-live")
    assert directory_of_site(other) == site.directory
    assert cisco_tenants_of(other) == {str(key): name for name, key in site.cisco.peripheral_ids.items()}


def test_another_begin_takes_other_call_keys() -> None:
    before = simulate_traffic(small_plan().traffic)
    after = simulate_traffic(small_plan(begins=BEGINS + timedelta(minutes=2)).traffic)
    assert not set(before.legs["root_call_key"]) & set(after.legs["root_call_key"])


def test_what_no_site_can_be_is_refused() -> None:
    for changes in ({"begins": BEGINS.replace(tzinfo=None)}, {"seconds": 0}, {"calls_per_hour": 0}):
        with pytest.raises(ConfigurationError):
            small_plan(**changes)


def test_a_staging_folder_that_holds_a_site_is_refused(site: LiveSite) -> None:
    with pytest.raises(ConfigurationError, match="cannot write the audio"):
        live_site(site.plan, site.staging)


def test_some_recorders_tell_the_gateway_and_others_leave_it_to_the_folder(site: LiveSite) -> None:
    told = {action.order.recorder.recorder_id: action.is_told for action in files_left(site)}
    assert set(told.values()) == {True, False}
    assert all(told[action.order.recorder.recorder_id] == action.is_told for action in files_left(site))
