from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr
from sqlalchemy import Engine, insert

from cx_pipeline.adapters.database.recording_tables import recording, recording_leg
from cx_pipeline.adapters.recording_rules.loading import load_rules
from cx_pipeline.adapters.recording_rules.table import newest_rule_set, read_rules_table
from cx_pipeline.adapters.storage.frame_store import FrameMark, FrameStore
from cx_pipeline.cli.rules import rules
from cx_pipeline.core.directory import EMPTY_DIRECTORY
from cx_pipeline.core.errors import ConfigurationError, InputError
from cx_pipeline.core.frames import ENRICHED_CALL_LEGS, RAW_RECORDING_MANIFESTS, RECORDING_DECISIONS
from cx_pipeline.core.recording.evaluation import decide_window
from cx_pipeline.core.recording.rule_parsing import EMPTY_RULES
from cx_pipeline.core.windows import Window
from cx_pipeline.settings import load_settings
from cx_pipeline_tests.core.messages.enriched_legs import leg, legs
from cx_pipeline_tests.core.recording.given_rules import a_file, files

START = datetime(2026, 1, 31, 9, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(hours=1))
KEY = "2026-01-31-09:00"
RULES = """
rules:
  - {tenant_id: acme, id: internal, name: Skip internal, rule_type: ANI, condition: {pattern: "^8"}, action: SKIP}
  - {tenant_id: acme, id: base, rule_type: DEFAULT, action: RECORD, parameters: {layout: mono}}
"""
LEG_IDS = [f"00000000-0000-8000-8000-{number:012d}" for number in range(4)]


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: SecretStr) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CX_DATABASE_URL", database_url.get_secret_value())
    monkeypatch.setenv("CX_HOME", str(tmp_path / "home"))
    Path("rules.yaml").write_text(RULES)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(rules, arguments)


def lines(result: Result) -> list[list[str]]:
    return [line.split() for line in result.stdout.splitlines()]


def store_window(*, with_files: bool) -> None:
    """Three legs, of which two are internal, and one nobody answered; a file without a leg."""
    store, mark = FrameStore(load_settings().frames_root), FrameMark(1, is_open=False)
    internal = {"customer_identifier": "8123"}
    given = legs(
        leg(leg_id=LEG_IDS[0]),
        leg(leg_id=LEG_IDS[1], **internal),
        leg(leg_id=LEG_IDS[2], **internal),
        leg(leg_id=LEG_IDS[3], is_answered=False, is_reportable=False),
    )
    store.write(given, ENRICHED_CALL_LEGS, WINDOW, mark)
    if with_files:
        alone = files(a_file(manifest_id="m1", calling_number="8123"), a_file(manifest_id="m2"))
        store.write(alone, RAW_RECORDING_MANIFESTS, WINDOW, mark)
        decided = decide_window(given, alone, EMPTY_RULES, EMPTY_DIRECTORY, unmatched=["m1"])
        store.write(decided, RECORDING_DECISIONS, WINDOW, mark)


def store_recording(engine: Engine, number: int, leg_id: str) -> None:
    recording_id = f"00000000-0000-8000-8000-9{number:011d}"
    row = {"recording_id": recording_id, "tenant_id": "acme", "kind": "LEG", "window_start": START,
           "state": "COMPLETED", "path": "a.wav", "manifest_ids": ["m9"]}  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(recording).values(row))
        connection.execute(
            insert(recording_leg).values(recording_id=recording_id, leg_id=leg_id, offset_ms=0)
        )


def test_a_file_that_is_right_is_told_with_its_tenants(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CX_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    result = run("check", "rules.yaml")
    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert first.startswith("rules.yaml: 2 rules, version ")
    assert second == "Tenant acme: 1 rule, then RECORD; clock of UTC"


def test_a_file_that_is_refused_is_told_with_its_line() -> None:
    Path("rules.yaml").write_text(RULES.replace('"^8"', '"^(?!8)"'))
    result = run("check", "rules.yaml", "--window", KEY)
    assert isinstance(result.exception, ConfigurationError)
    assert "rules, entry 1 (line 3), condition.pattern: is no pattern" in str(result.exception)


def test_what_the_file_would_record_skip_and_delete_is_told(engine: Engine) -> None:
    store_window(with_files=True)
    store_recording(engine, 1, LEG_IDS[1])
    store_recording(engine, 2, LEG_IDS[0])
    result = run("check", "rules.yaml", "--window", KEY)
    assert result.exit_code == 0, result.output
    table = lines(result)
    assert ["base", "1", "0", "0", "0", "1", "0"] in table
    assert ["internal", "(Skip", "internal)", "0", "3", "0", "3", "0", "1"] in table
    assert ["unanswered", "(Unanswered)", "0", "1", "0", "0", "0", "0"] in table
    assert "Recorded     1, now 4: 0 that are skipped now, 1 with other parameters" in result.stdout
    assert "Skipped      4, now 1: 3 that are recorded now" in result.stdout
    assert "Deleted      1 recording of those that are there" in result.stdout


def test_the_comparison_is_with_the_rules_that_the_pipeline_used_last(engine: Engine) -> None:
    store_window(with_files=False)
    run("load", "rules.yaml")
    used = load_rules(load_settings(), engine).rules
    result = run("check", "rules.yaml", "--window", KEY)
    assert f"against the rules in force, version {used.version} (the same)" in result.stdout
    assert "Recorded     1, now 1: 0 that are skipped now\n" in result.stdout
    assert "Deleted      0 recordings" in result.stdout


def test_checking_changes_nothing(engine: Engine) -> None:
    store_window(with_files=False)
    run("check", "rules.yaml", "--window", KEY)
    assert read_rules_table(engine) == EMPTY_RULES
    assert newest_rule_set(engine) is None


def test_a_window_that_was_not_computed_is_told() -> None:
    result = run("check", "rules.yaml", "--window", KEY)
    assert isinstance(result.exception, InputError)
    assert "no frame of enriched_call_legs" in str(result.exception)


def test_a_window_without_legs_changes_nothing() -> None:
    store = FrameStore(load_settings().frames_root)
    store.write(legs(), ENRICHED_CALL_LEGS, WINDOW, FrameMark(1, is_open=False))
    result = run("check", "rules.yaml", "--window", KEY)
    assert result.exit_code == 0
    assert "Recorded     0, now 0" in result.stdout


def test_rules_in_force_that_are_refused_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    store_window(with_files=False)
    Path("broken.yaml").write_text("rules: 5")
    monkeypatch.setenv("CX_RECORDING_RULES_FILE", "broken.yaml")
    result = run("check", "rules.yaml", "--window", KEY)
    assert result.exit_code == 0
    assert "The rules in force are refused, everything is recorded" in result.stderr


def test_a_file_is_loaded_into_the_table(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("load", "rules.yaml")
    assert result.exit_code == 0
    assert result.stdout.startswith("2 rules in the database, version ")
    assert [rule.rule_id for rule in read_rules_table(engine).of("acme").rules] == ["internal"]
    monkeypatch.setenv("CX_RECORDING_RULES_FILE", "other.yaml")
    assert "They are not used: CX_RECORDING_RULES_FILE names other.yaml" in run("load", "rules.yaml").stderr


def test_a_file_with_a_fault_loads_nothing(engine: Engine) -> None:
    run("load", "rules.yaml")
    Path("rules.yaml").write_text("rules: [{id: x}]")
    assert isinstance(run("load", "rules.yaml").exception, ConfigurationError)
    assert len(read_rules_table(engine).document) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["check"],
        ["check", "missing.yaml"],
        ["check", "rules.yaml", "--window", "today"],
        ["load"],
        ["unload"],
    ],
)
def test_wrong_use_is_told(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2
