"""The demo's parts: an hour that is past, tenants of its own, settings that touch nobody else, and what it tells."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner
from pydantic import SecretStr
from rich.console import Console

from cx_pipeline.adapters.directory.yaml_file import read_directory_file
from cx_pipeline.adapters.intake.event_frames import read_event_files
from cx_pipeline.cli.demo_keys import RING_FILE, demo_folder, keys_to_listen
from cx_pipeline.cli.demo_site import build_site, demo_plan, demo_settings, remove_files
from cx_pipeline.cli.demo_systems import TROUBLE
from cx_pipeline.cli.main import cli
from cx_pipeline.cli.rendering.demo_report import DemoSummary, print_summary
from cx_pipeline.core.calls.correlate import correlate
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.settings import Settings
from cx_pipeline.simulator.cisco.comparison import compare_matches
from cx_pipeline.simulator.cisco.plan import CiscoPlan
from cx_pipeline.simulator.cisco.records import simulate_records
from cx_pipeline.simulator.comparison import compare

NOW = datetime(2026, 3, 2, 0, 5, tzinfo=UTC)


def test_the_hour_is_yesterdays_and_long_enough_ago_for_every_silence(tmp_path: Path) -> None:
    plan = demo_plan(30, 1, NOW)
    assert plan.start == datetime(2026, 3, 1, 9, tzinfo=UTC)
    settings = demo_settings(Settings(home=tmp_path), tmp_path, plan)
    site = build_site(plan, settings, tmp_path)
    assert site.windows[0].start == plan.start
    assert site.windows[-1].end + settings.correlation_rules.max_silence < NOW
    assert all(
        after.start == before.end for before, after in zip(site.windows, site.windows[1:], strict=False)
    )


def test_nobody_elses_database_storage_or_rules_are_touched(tmp_path: Path) -> None:
    given = Settings(
        home=tmp_path,
        database_url=SecretStr("postgresql://production/cx"),
        dagster_database_url=SecretStr("postgresql://production/dagster"),
        storage_root=tmp_path / "production",
        min_reportable_s=5,
        first_window=NOW + timedelta(days=400),
        ccm_url="https://ccm.example.com",
        ccm_token=SecretStr("of production"),
        ccm_voice_path="/elsewhere",
        messages_when="ended",
        outbound_service_identifiers={"*": "8000"},
    )
    settings = demo_settings(given, tmp_path / "demo", demo_plan(30, 1, NOW))
    assert settings.database_url is None
    assert settings.dagster_database_url is None
    assert settings.frames_root == tmp_path / "storage"
    assert settings.min_reportable_s == 0
    assert settings.ccm_url is settings.ccm_token is None
    assert settings.ccm_voice_path == Settings(_env_file=None).ccm_voice_path
    assert settings.messages_when == "enriched"
    assert settings.outbound_service_identifiers == {}
    assert settings.first_window <= demo_plan(30, 1, NOW).start


def test_its_recordings_are_to_be_heard_later_where_no_keys_are_set(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert keys_to_listen(settings) == {}
    ring = demo_folder(tmp_path) / RING_FILE
    ring.parent.mkdir()
    ring.touch()
    assert keys_to_listen(settings) == {"CX_KEY_RING_FILE": str(ring)}
    assert keys_to_listen(Settings(home=tmp_path, key_ring_file=tmp_path / "own.json")) == {}
    assert keys_to_listen(Settings(home=tmp_path, key_ring=SecretStr("{}"))) == {}


def test_demos_of_different_calls_do_not_mix(tmp_path: Path) -> None:
    tenants = []
    for seed in (1, 2):
        plan = demo_plan(20, seed, NOW)
        site = build_site(plan, demo_settings(Settings(home=tmp_path), tmp_path, plan), tmp_path)
        tenants += site.tenants
        assert set(site.true_legs["tenant_id"]) <= set(site.tenants)
        assert set(read_directory_file(site.directory_file).agents["tenant_id"]) == set(site.tenants)
    assert len(set(tenants)) == 4


def test_its_files_hold_all_events_and_go_when_it_is_done(tmp_path: Path) -> None:
    plan = demo_plan(30, 1, NOW)
    site = build_site(plan, demo_settings(Settings(home=tmp_path), tmp_path, plan), tmp_path)
    rows = [len(path.read_text().splitlines()) for path in site.event_files]
    assert rows[0] + rows[1] - 1 == site.event_count  # CSV has a header
    remove_files(site, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["directory.yaml"]


def summary_of(legs: int, matching: int) -> DemoSummary:
    counts = dict.fromkeys((field.name for field in fields(DemoSummary)), 0)
    return DemoSummary(
        **counts | {"legs": legs, "legs_true": 20, "legs_matching": matching, "calls_by_type": {"SIMPLE": 15}}
    )


def wrong_matches(truth: pl.DataFrame) -> pl.DataFrame:
    """The legs of the records as if each had that of the next one."""
    return truth.filter(pl.col("start_time").is_not_null()).with_columns(
        record_id=pl.concat_str(pl.lit("simulated:"), pl.col("record_key").shift(-1)),
        enrichment_status=pl.lit("COMPLETE"),
    )


def test_a_leg_that_is_not_as_it_was_is_shown(tmp_path: Path) -> None:
    plan = demo_plan(30, 1, NOW)
    settings = demo_settings(Settings(home=tmp_path), tmp_path, plan)
    site = build_site(plan, settings, tmp_path)
    events = read_event_files(site.event_files[:1]).events
    legs = correlate(events, settings.correlation_rules, read_directory_file(site.directory_file), NOW).legs
    wrong = legs.with_columns(call_type=pl.lit("RONA"))
    comparison = compare(site.true_legs, wrong)
    console = Console(width=200, file=StringIO())
    cisco = simulate_records(site.true_legs, CiscoPlan(seed=1, trouble=TROUBLE))
    matches = compare_matches(wrong_matches(cisco.truth), cisco.truth, site.true_legs)
    print_summary(console, summary_of(20, comparison.matched), comparison, matches)
    told = console.file.getvalue()  # type: ignore[attr-defined]
    assert "call_type: truly SIMPLE, found RONA" in told
    assert "legs are missing" in told  # those of the other source
    assert ", which is WRONG; its own is " in told


@pytest.mark.parametrize("arguments", [("--calls", "0"), ("--seed", "-1"), ("--calls", "many")])
def test_wrong_use_is_told(arguments: tuple[str, ...]) -> None:
    assert CliRunner().invoke(cli, ["demo", *arguments]).exit_code == 2


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").write_text("a file")
    monkeypatch.setenv("CX_HOME", str(tmp_path / "home"))
    result = CliRunner().invoke(cli, ["demo", "--calls", "5"])
    assert isinstance(result.exception, ConfigurationError)
    assert "cannot write to" in str(result.exception)
