from datetime import timedelta

import dagster as dg
import pytest

from cx_pipeline.adapters.storage.frame_store import FrameMark
from cx_pipeline.core.frames import CALL_LEGS, CALLS, RAW_JTAPI_EVENTS
from cx_pipeline_tests.orchestration.deployment import HOUR, TEN, Deployment, call, event

MINUTE = timedelta(minutes=1)
NINE_KEY, TEN_KEY, ELEVEN_KEY = "2026-03-02-09:00", "2026-03-02-10:00", "2026-03-02-11:00"


def test_a_window_becomes_legs_in_tables_and_frames(deployment: Deployment):
    mark = deployment.store(*call("1_100", TEN + MINUTE, lasts=5 * MINUTE))
    deployment.run(TEN_KEY)
    assert deployment.rows("SELECT agent_extension, status, duration_ms FROM call_leg") == [
        ("1001", "COMPLETED", 294_000)
    ]
    legs = deployment.frames.read(CALL_LEGS, deployment.window(TEN_KEY))
    assert legs.frame["leg_id"].to_list() == [str(deployment.value("SELECT leg_id FROM call_leg"))]
    assert legs.mark == FrameMark(mark, is_open=False)
    assert deployment.rows("SELECT high_water, input_count, used_count FROM window_computation") == [
        (mark, 5, 5)
    ]


def test_a_window_computed_twice_gives_the_same_bytes_and_touches_no_row(deployment: Deployment):
    deployment.store(
        *call("1_100", TEN + MINUTE, lasts=5 * MINUTE), *call("1_101", TEN - MINUTE, lasts=5 * MINUTE)
    )
    deployment.run(TEN_KEY)
    before = deployment.frame_bytes(), deployment.rows("SELECT xmin::text, written_at FROM call_leg")
    deployment.run(TEN_KEY)
    assert (
        deployment.frame_bytes(),
        deployment.rows("SELECT xmin::text, written_at FROM call_leg"),
    ) == before
    assert len(before[1]) == 2


def test_a_call_over_a_window_s_end_is_in_the_window_in_which_it_ended_whatever_order_they_are_computed_in(
    deployment: Deployment,
):
    deployment.store(*call("1_100", TEN - 2 * MINUTE, lasts=5 * MINUTE))
    for key in (TEN_KEY, NINE_KEY, TEN_KEY):
        deployment.run(key)
    assert deployment.frames.read(CALLS, deployment.window(NINE_KEY)).frame.height == 0
    assert deployment.frames.read(CALLS, deployment.window(TEN_KEY)).frame.height == 1
    assert deployment.rows("SELECT window_start FROM call_leg") == [(TEN,)]
    raw = deployment.frames.read(RAW_JTAPI_EVENTS, deployment.window(NINE_KEY)).frame
    assert raw["in_window"].to_list() == [True, True, True, False, False]


def test_a_range_in_a_single_run_gives_what_its_windows_alone_give(deployment: Deployment):
    for number in range(4):
        deployment.store(*call(f"1_{number}", TEN - HOUR + number * 50 * MINUTE, lasts=15 * MINUTE))
    for key in (NINE_KEY, TEN_KEY, ELEVEN_KEY):
        deployment.run(key)
    alone = deployment.frame_bytes()
    result = deployment.run_range(NINE_KEY, ELEVEN_KEY)
    together = deployment.frame_bytes()
    assert {path: together[path] for path in alone} == alone
    materialised = [
        event.partition
        for event in result.get_asset_materialization_events()
        if event.step_key == "call_legs"
    ]
    assert sorted(set(materialised)) == [NINE_KEY, TEN_KEY, ELEVEN_KEY]


def test_figures_of_each_window_stand_with_its_materialisation(deployment: Deployment):
    deployment.store(*call("1_100", TEN + MINUTE, lasts=5 * MINUTE))
    result = deployment.run_range(NINE_KEY, TEN_KEY)
    figures = {
        (event.asset_key.to_user_string(), event.partition): event.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
    assert figures["call_legs", NINE_KEY]["dagster/partition_row_count"].value == 0
    assert figures["call_legs", TEN_KEY]["dagster/partition_row_count"].value == 1
    assert figures["raw_jtapi_events", TEN_KEY]["dagster/partition_row_count"].value == 5
    assert figures["call_legs", TEN_KEY]["legs_inserted"].value == 1
    assert "SIMPLE" in str(figures["call_legs", TEN_KEY]["calls_by_type"].value)


def test_an_empty_window_is_computed_too(deployment: Deployment):
    result = deployment.run(TEN_KEY)
    assert all(check.passed for check in result.get_asset_check_evaluations())
    assert deployment.frames.read(CALL_LEGS, deployment.window(TEN_KEY)).frame.height == 0


def test_legs_without_raw_events_fail_with_what_to_do(deployment: Deployment):
    assets = [
        asset for asset in deployment.definitions.assets or [] if isinstance(asset, dg.AssetsDefinition)
    ]
    with pytest.raises(
        Exception, match="raw_jtapi_events for the window 2026-03-02-10:00: materialise it first"
    ):
        dg.materialize(
            assets,
            selection=["call_legs", "calls", "quarantined_events"],
            partition_key=TEN_KEY,
            instance=deployment.instance,
            resources=deployment.definitions.resources,
        )


def test_what_breaks_a_blocking_check_is_not_written_and_fails_the_run(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
):
    from cx_pipeline.core import window_computation
    from cx_pipeline.core.window_checks import Verdict

    deployment.store(*call("1_100", TEN + MINUTE, lasts=5 * MINUTE))
    monkeypatch.setattr(
        window_computation, "overlap_verdict", lambda _legs: Verdict(False, "two legs overlap")
    )
    result = deployment.run(TEN_KEY, ok=False)
    assert deployment.value("SELECT count(*) FROM call_leg") == 0
    assert not any(path.startswith("call_legs/") for path in deployment.frame_bytes())
    materialised = {
        e.asset_key.to_user_string() for e in result.get_asset_materialization_events() if e.asset_key
    }
    assert materialised == {"raw_jtapi_events"}
    failed = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert [(check.check_name, check.description) for check in failed] == [
        ("no_overlapping_legs", f"window {TEN_KEY}: two legs overlap")
    ]


def test_events_that_cannot_be_used_are_quarantined_counted_and_warned_of(deployment: Deployment):
    deployment.store(
        event("1_7", "CallCtlTermConnDroppedEv", TEN + MINUTE, "1001"), *call("1_8", TEN, lasts=MINUTE)
    )
    result = deployment.run(TEN_KEY)
    quarantined = int(deployment.value("SELECT count(*) FROM quarantined_event") or 0)
    rate = next(
        check for check in result.get_asset_check_evaluations() if check.check_name == "quarantine_rate"
    )
    assert rate.passed is (quarantined == 0)
    assert rate.severity is dg.AssetCheckSeverity.WARN


def test_a_newer_computation_that_is_written_already_is_left_alone(deployment: Deployment):
    deployment.store(*call("1_100", TEN + MINUTE, lasts=5 * MINUTE))
    deployment.run(TEN_KEY)
    with deployment.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE window_computation SET high_water = high_water + 1000")
        connection.exec_driver_sql("DELETE FROM jtapi_event WHERE true")
    raw = deployment.frames.read(RAW_JTAPI_EVENTS, deployment.window(TEN_KEY))
    deployment.frames.write(raw.frame.clear(), RAW_JTAPI_EVENTS, deployment.window(TEN_KEY), raw.mark)
    assets = [
        asset for asset in deployment.definitions.assets or [] if isinstance(asset, dg.AssetsDefinition)
    ]
    result = dg.materialize(
        assets,
        selection=["call_legs", "calls", "quarantined_events"],
        partition_key=TEN_KEY,
        instance=deployment.instance,
        resources=deployment.definitions.resources,
    )
    assert result.success
    assert deployment.value("SELECT count(*) FROM call_leg") == 1
