"""`cx-pipeline simulate audio`: files and manifests beside simulated traffic, and wrong use."""

from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from cx_pipeline.cli.main import cli
from cx_pipeline.simulator.audio.truth import AUDIO_TRUTH_SCHEMA


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["simulate", *map(str, arguments)])


@pytest.fixture
def legs_file(tmp_path: Path) -> Path:
    traffic = ("--calls", "20", "--from", "2024-01-15T09:00Z", "--seed", "7", "--finish")
    made = run("traffic", *traffic, "--out", tmp_path / "events.parquet")
    assert made.exit_code == 0, made.output
    return tmp_path / "events.legs.parquet"


def test_files_manifests_and_the_truth_are_written(legs_file: Path, tmp_path: Path) -> None:
    out, truth = tmp_path / "streams", tmp_path / "truth.parquet"
    how = ("--noise", "none", "--percent", "40", "--workers", "1")
    done = run("audio", "--legs", legs_file, "--out", out, "--truth-out", truth, *how)
    assert done.exit_code == 0, done.output
    files = list(out.glob("20240115/*.wav"))
    assert f"{len(files):,} files (" in done.output
    assert f"and {len(files):,} manifests" in done.output
    assert "NOT_CHOSEN" in done.output
    frame = pl.read_parquet(truth)
    assert frame.schema == AUDIO_TRUTH_SCHEMA
    assert set(frame["file"]) == {str(file.relative_to(out)) for file in files}
    assert frame["clock_offset_ms"].to_list() == [0] * frame.height


def test_files_that_are_there_are_not_overwritten(legs_file: Path, tmp_path: Path) -> None:
    how = ("--out", tmp_path / "streams", "--percent", "20", "--workers", "1")
    assert run("audio", "--legs", legs_file, *how).exit_code == 0
    again = run("audio", "--legs", legs_file, *how)
    assert again.exit_code != 0
    assert "cannot write the audio" in str(again.exception)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (("--noise", "empty=7"), "give a probability"),
        (("--noise", "sunshine=1"), "is not known"),
        (("--truth-out", "truth.csv"), "parquet"),
        (("--percent", "101"), "percent"),
    ],
)
def test_wrong_use_is_told(legs_file: Path, tmp_path: Path, wrong: tuple[str, ...], says: str) -> None:
    done = run("audio", "--legs", legs_file, "--out", tmp_path / "streams", *wrong)
    assert done.exit_code == 2
    assert says in done.output
    assert not (tmp_path / "streams").exists()
