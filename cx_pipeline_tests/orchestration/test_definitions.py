import subprocess
import sys

import dagster as dg

from cx_pipeline.core.frames import FRAMES, TABLES
from cx_pipeline.orchestration.build import build_definitions
from cx_pipeline.orchestration.jobs import LINKS, RECORDING_ASSETS, WINDOW_ASSETS
from cx_pipeline.orchestration.partitions import window_partitions
from cx_pipeline.settings import Settings

SETTINGS = Settings(_env_file=None)


def specs():
    definitions = build_definitions(SETTINGS)
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


def test_everything_can_be_loaded():
    dg.Definitions.validate_loadable(build_definitions(SETTINGS))


def test_every_frame_and_table_of_the_registry_is_an_asset_and_every_asset_one_of_them():
    assert set(specs()) == set(FRAMES) | set(TABLES)


def test_the_lineage_page_describes_each_asset():
    for name, spec in specs().items():
        assert spec.description, name
        assert spec.group_name in {"ingest", "correlate", "enrich", "record", "link"}
        assert spec.kinds, name
        assert spec.owners, name
        contract = FRAMES.get(name) or TABLES[name]
        columns = spec.metadata["dagster/column_schema"].columns
        assert [column.name for column in columns] == contract.schema.names()
        assert all(column.description for column in columns)
        assert "dagster/code_references" in spec.metadata
        assert spec.partitions_def == window_partitions(SETTINGS)
    for name in ("call_legs", "enriched_call_legs", "recording_decisions"):
        assert "dagster/column_lineage" in specs()[name].metadata


def test_each_asset_comes_from_those_that_it_reads_or_has_to_wait_for():
    upstream = {name: {dep.asset_key.to_user_string() for dep in spec.deps} for name, spec in specs().items()}
    assert upstream == {
        "raw_jtapi_events": set(),
        "call_legs": {"raw_jtapi_events"},
        "calls": {"raw_jtapi_events"},
        "quarantined_events": {"raw_jtapi_events"},
        # The time of a leg's end says where its record is looked for.
        "raw_cisco_call_details": {"call_legs"},
        "enriched_call_legs": {"call_legs", "calls", "raw_cisco_call_details"},
        "cim_messages": {"enriched_call_legs"},
        # An order: what this run told is in the list that it reads.
        "raw_ccm_voice_activities": {"cim_messages"},
        "raw_recording_manifests": set(),
        "recording_decisions": {"enriched_call_legs", "raw_recording_manifests"},
        "mixed_recordings": {"recording_decisions", "raw_recording_manifests"},
        "recording_links": {"mixed_recordings", "raw_ccm_voice_activities"},
    }


def test_what_must_hold_blocks_and_what_should_hold_does_not():
    checks = {
        (spec.asset_key.to_user_string(), spec.name): spec.blocking
        for checks in build_definitions(SETTINGS).resolve_asset_graph().asset_check_keys
        for spec in [build_definitions(SETTINGS).resolve_asset_graph().get_check_spec(checks)]
    }
    assert checks == {
        ("raw_jtapi_events", "schema"): True,
        ("raw_jtapi_events", "listener_heartbeat"): False,
        ("call_legs", "schema"): True,
        ("call_legs", "no_overlapping_legs"): True,
        ("call_legs", "events_accounted_for"): True,
        ("call_legs", "quarantine_rate"): False,
        ("call_legs", "clock_skew"): False,
        ("raw_cisco_call_details", "schema"): True,
        ("enriched_call_legs", "schema"): True,
        ("enriched_call_legs", "every_leg_once"): True,
        ("enriched_call_legs", "one_record_one_leg"): True,
        ("enriched_call_legs", "pending_rate"): False,
        ("enriched_call_legs", "partial_rate"): False,
        ("enriched_call_legs", "ambiguous_rate"): False,
        ("enriched_call_legs", "cisco_clock"): False,
        ("cim_messages", "outbox_age"): False,
        ("cim_messages", "no_dead_messages"): False,
        ("raw_ccm_voice_activities", "schema"): True,
        ("raw_recording_manifests", "schema"): True,
        ("raw_recording_manifests", "usable_files"): False,
        ("recording_decisions", "schema"): True,
        ("recording_decisions", "rules"): False,
        ("mixed_recordings", "nothing_failed"): False,
        ("mixed_recordings", "both_voices"): False,
        ("recording_links", "schema"): True,
        ("recording_links", "link_rate"): False,
        ("recording_links", "ambiguous_links"): False,
    }


def test_schedules_and_sensors_are_on_from_the_start():
    definitions = build_definitions(SETTINGS)
    assert {s.name: s.default_status.value for s in definitions.schedules or []} == {
        "open_window_schedule": "RUNNING",
        "maintenance_schedule": "RUNNING",
    }
    assert {s.name: s.default_status.value for s in definitions.sensors or []} == {
        "listener_sensor": "RUNNING",
        "late_data_sensor": "RUNNING",
        "record_sensor": "RUNNING",
        "recording_sensor": "RUNNING",
        "link_sensor": "RUNNING",
        "outbox_sensor": "RUNNING",
        "run_failure_alerts": "RUNNING",
        "check_failure_alerts": "RUNNING",
    }


def test_a_backfill_has_a_run_for_each_window_or_one_in_all_as_set():
    def policy(windows):
        definitions = build_definitions(Settings(_env_file=None, backfill_windows_per_run=windows))
        node = definitions.resolve_asset_graph().get(dg.AssetKey("call_legs"))
        return node.backfill_policy

    assert policy(1) is None  # Dagster's own way, whose runs bear the window's tag
    assert policy(24) == dg.BackfillPolicy.multi_run(24)
    assert policy(0) == dg.BackfillPolicy.single_run()


def test_windows_of_other_lengths_are_partitions_too():
    partitions = window_partitions(Settings(_env_file=None, window_minutes=15))
    assert partitions.get_first_partition_key() == "2026-01-01-00:00"
    assert partitions.get_partition_keys()[1] == "2026-01-01-00:15"


def test_a_run_computes_the_assets_in_the_order_in_which_they_are_named():
    graph = build_definitions(SETTINGS).resolve_asset_graph()
    order = [key.to_user_string() for level in graph.toposorted_asset_keys_by_level for key in sorted(level)]
    named = [*WINDOW_ASSETS, *RECORDING_ASSETS, LINKS]
    assert sorted(order) == sorted(named)
    ancestors = {
        name: {key.to_user_string() for key in graph.get_ancestor_asset_keys(dg.AssetKey(name))}
        for name in named
    }
    for place, name in enumerate(named):
        assert not ancestors[name] & set(named[place + 1 :])


def test_legs_and_messages_never_wait_for_audio():
    definitions = build_definitions(SETTINGS)
    graph = definitions.resolve_asset_graph()
    for name in WINDOW_ASSETS:
        ancestors = {key.to_user_string() for key in graph.get_ancestor_asset_keys(dg.AssetKey(name))}
        assert not ancestors & set(RECORDING_ASSETS)
    hot = definitions.resolve_job_def("window_job").asset_layer.executable_asset_keys
    assert {key.to_user_string() for key in hot} == {*WINDOW_ASSETS, LINKS}


def test_drawing_the_graph_loads_no_driver():
    """What the code location loads, every tick of every sensor and every run waits for."""
    code = (
        "import sys, cx_pipeline.definitions\n"
        "print({m for m in ('sqlalchemy', 'psycopg', 'adbc_driver_postgresql', 'alembic', 'httpx', 'scipy')"
        " if m in sys.modules})"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "set()"
