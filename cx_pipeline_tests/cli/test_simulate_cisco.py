"""`cx-pipeline simulate cisco`: the reporting database beside simulated traffic, and wrong use."""

import json
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cx_pipeline.adapters.cisco.source import CiscoSource
from cx_pipeline.cli.main import cli
from cx_pipeline.simulator.cisco.truth import TRUTH_SCHEMA
from cx_pipeline.system_settings import CiscoSourceSettings

FROM, TO = datetime(2024, 1, 14, tzinfo=UTC), datetime(2024, 1, 17, tzinfo=UTC)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["simulate", *map(str, arguments)])


@pytest.fixture
def legs_file(tmp_path: Path) -> Path:
    made = run(
        *(
            "traffic",
            "--calls",
            "60",
            "--from",
            "2024-01-15T09:00Z",
            "--tenants",
            "2",
            "--seed",
            "7",
            "--finish",
        ),
        *("--out", tmp_path / "events.parquet"),
    )
    assert made.exit_code == 0, made.output
    return tmp_path / "events.legs.parquet"


@pytest.fixture
def filled(database_url: SecretStr, monkeypatch: pytest.MonkeyPatch) -> SecretStr:
    monkeypatch.setenv("CX_DATABASE_URL", database_url.get_secret_value())
    return database_url


def said_source(result: Result) -> CiscoSourceSettings:
    line = next(line for line in result.output.splitlines() if line.startswith("CX_CISCO_SOURCES="))
    (assignment,) = shlex.split(line)
    (source,) = json.loads(assignment.partition("=")[2])
    return CiscoSourceSettings.model_validate(source)


@pytest.mark.parametrize(("flavour", "version"), [("ucce", "12.5"), ("ucce", "11.6"), ("uccx", "12.5")])
def test_the_printed_setting_reads_every_record_of_the_truth(
    legs_file: Path, filled: SecretStr, flavour: str, version: str
) -> None:
    out = legs_file.with_name("truth.parquet")
    result = run("cisco", "--legs", legs_file, "--flavour", flavour, "--version", version, "--out", out)
    assert result.exit_code == 0, result.output
    truth = pl.read_parquet(out)
    assert truth.schema == TRUTH_SCHEMA
    source = CiscoSource(said_source(result), embedded_url=lambda: filled)
    try:
        records = pl.concat(source.read(FROM, TO))
    finally:
        source.close()
    assert sorted(records["record_id"]) == sorted(f"simulated:{key}" for key in truth["record_key"])
    told = records.select(
        "ended_at", "extension", record_key=pl.col("record_id").str.strip_prefix("simulated:")
    )
    both = truth.join(told, on="record_key", suffix="_read")
    assert both.filter(pl.col("ended_at") != pl.col("ended_at_read")).is_empty()
    assert both.filter(pl.col("extension").ne_missing(pl.col("extension_read"))).is_empty()


def test_running_it_again_replaces_the_records_of_its_tenants_and_leaves_others(
    legs_file: Path, filled: SecretStr, engine: Engine
) -> None:
    other = legs_file.with_name("other.parquet")
    pl.read_parquet(legs_file).with_columns(pl.col("tenant_id") + "-other").write_parquet(other)
    assert run("cisco", "--legs", other, "--noise", "none").exit_code == 0

    def counts() -> dict[str, int]:
        statement = (
            "SELECT tenant_id, count(*) AS rows FROM cisco_ucce.termination_call_detail_all GROUP BY 1"
        )
        with engine.connect() as connection:
            return {row.tenant_id: row.rows for row in connection.execute(text(statement))}

    kept = counts()
    for noise in ("none", "none", "none,missing=1"):
        result = run("cisco", "--legs", legs_file, "--noise", noise)
        assert result.exit_code == 0, result.output
    assert counts() == kept
    assert "0 records of legs" in result.output


def test_skew_moves_what_the_database_says(legs_file: Path, filled: SecretStr, engine: Engine) -> None:
    def last_end() -> datetime:
        with engine.connect() as connection:
            statement = "SELECT max(callterminateddatetimeutc) FROM cisco_ucce.termination_call_detail_all"
            found = connection.execute(text(statement)).scalar_one()
            assert isinstance(found, datetime)
            return found

    ends = []
    for skew in ("0", "-5"):
        assert run("cisco", "--legs", legs_file, "--noise", "none", "--skew", skew).exit_code == 0
        ends.append(last_end())
    assert (ends[0] - ends[1]).total_seconds() == 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--noise", "loud"), "trouble 'loud' is not known"),
        (("--noise", "missing=2"), "a probability from 0 to 1"),
        (("--noise", "missing=often"), "a probability from 0 to 1"),
        (("--noise", "late_minutes=60-5"), "give two numbers from 0 to"),
        (("--noise", "late_minutes=soon"), "whole numbers"),
        (("--version", "9"), "give one of 12.5, 11.6"),
        (("--skew", "7200"), "skew 7200 s"),
        (("--flavour", "genesys"), "--flavour"),
        (("--out", "truth.csv"), "name the file *.parquet"),
    ],
)
def test_wrong_use_is_told(arguments: Sequence[str], said: str, legs_file: Path) -> None:
    result = run("cisco", "--legs", legs_file, *arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_a_file_that_is_missing_or_no_true_legs_is_told_before_anything_is_written(
    tmp_path: Path, filled: SecretStr, engine: Engine
) -> None:
    no_parquet, events = tmp_path / "a.parquet", tmp_path / "events.parquet"
    no_parquet.write_text("not a frame", encoding="utf-8")
    assert run("traffic", "--calls", "5", "--from", "2024-01-15T09:00Z", "--out", events).exit_code == 0
    for file, said in (
        (tmp_path / "none.parquet", "cannot read"),
        (no_parquet, "is no Parquet file"),
        (events, "these are no true legs"),
        (tmp_path / "a.ndjson", "name the file *.parquet"),
    ):
        result = run("cisco", "--legs", file)
        assert result.exit_code != 0
        assert said in f"{result.output} {result.exception}"
    with engine.connect() as connection:
        assert connection.execute(text("SELECT to_regnamespace('cisco_ucce')")).scalar_one() is None
