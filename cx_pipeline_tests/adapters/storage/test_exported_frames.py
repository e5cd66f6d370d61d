"""Frames as files for others: every format, text that can be read back, and never half a file."""

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from cx_pipeline.adapters.storage.exported_frames import export_frame, require_export_suffix, write_text_whole
from cx_pipeline.core.errors import ConfigurationError

NINE = datetime(2024, 1, 15, 9, 0, 0, 250_000, UTC)
FRAME = pl.DataFrame(
    {
        "name": ['a,"b"\n', None],
        "time": [NINE, None],
        "spans": [[{"start": NINE, "end": None}], []],
        "inner": [{"at": {"time": NINE}}, None],
        "keys": [["1_1", "ü"], None],
        "v": [1, 2],
    },
    schema={
        "name": pl.String,
        "time": pl.Datetime("us", "UTC"),
        "spans": pl.List(pl.Struct({"start": pl.Datetime("us", "UTC"), "end": pl.Datetime("us", "UTC")})),
        "inner": pl.Struct({"at": pl.Struct({"time": pl.Datetime("us", "UTC")})}),
        "keys": pl.List(pl.String),
        "v": pl.Int64,
    },
)
TIME = "2024-01-15T09:00:00.250000Z"


def test_parquet_keeps_types_and_values(tmp_path: Path) -> None:
    export_frame(FRAME, tmp_path / "a.parquet")
    assert_frame_equal(pl.read_parquet(tmp_path / "a.parquet"), FRAME)


def test_times_in_ndjson_are_rfc_3339_however_deep_they_lie(tmp_path: Path) -> None:
    export_frame(FRAME, tmp_path / "a.ndjson")
    rows = [json.loads(line) for line in (tmp_path / "a.ndjson").read_text().splitlines()]
    assert rows[0] == {
        "name": 'a,"b"\n',
        "time": TIME,
        "spans": [{"start": TIME, "end": None}],
        "inner": {"at": {"time": TIME}},
        "keys": ["1_1", "ü"],
        "v": 1,
    }
    assert rows[1] == {"name": None, "time": None, "spans": [], "inner": None, "keys": None, "v": 2}


def test_lists_and_structs_in_csv_are_json(tmp_path: Path) -> None:
    export_frame(FRAME, tmp_path / "a.CSV")
    rows = pl.read_csv(tmp_path / "a.CSV", infer_schema=False).rows(named=True)
    assert rows[0]["name"] == 'a,"b"\n'
    assert rows[0]["time"] == TIME
    assert json.loads(rows[0]["spans"]) == [{"start": TIME, "end": None}]
    assert json.loads(rows[0]["inner"]) == {"at": {"time": TIME}}
    assert json.loads(rows[0]["keys"]) == ["1_1", "ü"]
    assert (rows[1]["spans"], rows[1]["inner"], rows[1]["keys"]) == ("[]", None, None)


@pytest.mark.parametrize("suffix", ["csv", "ndjson", "parquet"])
def test_an_empty_frame_is_a_file(tmp_path: Path, suffix: str) -> None:
    export_frame(FRAME.clear(), tmp_path / f"a.{suffix}")
    assert (tmp_path / f"a.{suffix}").exists()


def test_a_file_takes_the_place_of_the_old_one_with_the_usual_rights(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    write_text_whole("new", path)
    assert path.read_text() == "new"
    usual = tmp_path / "usual"
    usual.touch()
    assert path.stat().st_mode == usual.stat().st_mode


def test_what_fails_half_way_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")
    unwritable = pl.DataFrame({"a": [object()]}, schema={"a": pl.Object})
    with pytest.raises(pl.exceptions.PolarsError):
        export_frame(unwritable, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_and_an_unknown_suffix_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        export_frame(FRAME, tmp_path / "no" / "a.csv")
    with pytest.raises(ConfigurationError, match=r"a.txt: name the file \*.parquet"):
        require_export_suffix(Path("a.txt"))
