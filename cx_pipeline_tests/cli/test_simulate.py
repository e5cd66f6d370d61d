"""`cx-pipeline simulate traffic`: files, the event store, and wrong use."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cx_pipeline.cli.main import cli
from cx_pipeline.core.events.schema import IDENTITY_COLUMNS

SMALL = ("--calls", "40", "--from", "2024-01-15T09:00:00Z", "--seed", "7")


def simulate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["simulate", "traffic", *map(str, arguments)])


def test_events_true_legs_and_directory_are_written(tmp_path: Path) -> None:
    result = simulate(*SMALL, "--out", tmp_path / "a.parquet", "--directory-out", tmp_path / "site.yaml")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.legs.parquet", "a.parquet", "site.yaml"]
    assert f"{pl.read_parquet(tmp_path / 'a.parquet').height:,} events in" in result.output


@pytest.mark.parametrize("suffix", ["ndjson", "csv", "parquet"])
def test_the_same_arguments_give_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    more = ("--noise", "realistic", "--tenants", "2", "--dialect", "both")
    paths = [tmp_path / f"{name}.{suffix}" for name in "ab"]
    for path in paths:
        assert simulate(*SMALL, *more, "--out", path).exit_code == 0
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_time_with_an_offset_is_that_instant(tmp_path: Path) -> None:
    arguments = (
        "--calls",
        "5",
        "--from",
        "2024-01-15T10:00+01:00",
        "--finish",
        "--out",
        tmp_path / "a.parquet",
    )
    assert simulate(*arguments).exit_code == 0
    first = pl.read_parquet(tmp_path / "a.parquet")["event_time"].min()
    assert str(first).startswith("2024-01-15 09:")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "either --out FILE or --into-store"),
        (("--out", "a.parquet", "--into-store"), "either --out FILE or --into-store"),
        (("--out", "a.txt"), "name the file *.ndjson"),
        (("--out", "a.csv", "--legs-out", "l.csv"), "name the file *.ndjson, *.parquet"),
        (("--out", "a.csv", "--from", "yesterday"), "is no time"),
        (("--out", "a.csv", "--from", "2024-01-15T09:00"), "has no zone"),
        (("--out", "a.csv", "--hours", "0"), "hours 0"),
        (("--out", "a.csv", "--calls", "0"), "--calls"),
        (("--out", "a.csv", "--seed", "-1"), "--seed"),
        (("--out", "a.csv", "--tenants", "0"), "--tenants"),
        (("--out", "a.csv", "--dialect", "sip"), "--dialect"),
        (("--out", "a.csv", "--noise", "loud"), "noise 'loud' is not known"),
        (("--out", "a.csv", "--noise", "lost=7"), "a probability from 0 to 1"),
    ],
)
def test_wrong_use_is_told_and_nothing_is_written(
    arguments: Sequence[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = simulate(*SMALL, *arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert list(tmp_path.iterdir()) == []


def test_events_go_into_the_store_once(
    engine: Engine, database_url: SecretStr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CX_DATABASE_URL", database_url.get_secret_value())
    more = ("--noise", "duplicates=0.1,late=0.1")
    assert simulate(*SMALL, *more, "--out", tmp_path / "a.parquet").exit_code == 0
    events = pl.read_parquet(tmp_path / "a.parquet")
    identity = [name if name != "call_key" else "global_call_id" for name in IDENTITY_COLUMNS]
    different = events.unique(identity).height
    for said in (f"{different:,} stored", "0 stored"):
        result = simulate(*SMALL, *more, "--into-store", "--legs-out", tmp_path / "legs.parquet")
        assert result.exit_code == 0, result.output
        assert said in result.output
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM jtapi_event")).scalar_one() == different
    assert (tmp_path / "legs.parquet").exists()
