"""Traffic as files: what is written reads back, whole or not at all."""

import json
from pathlib import Path

import polars as pl
import pytest
import yaml

from cx_pipeline.adapters.directory.yaml_file import read_directory_file
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.simulator import files
from cx_pipeline.simulator.plan import REALISTIC
from cx_pipeline.simulator.traffic import Traffic, simulate_traffic
from cx_pipeline_tests.simulator.stage import plan


@pytest.fixture(scope="module")
def traffic() -> Traffic:
    return simulate_traffic(plan(calls=60, tenants=2, dialect="both", noise=REALISTIC))


def test_parquet_reads_back_as_it_was(traffic: Traffic, tmp_path: Path) -> None:
    files.write_events(traffic.events, tmp_path / "a.parquet")
    files.write_true_legs(traffic.legs, tmp_path / "a.legs.parquet")
    assert pl.read_parquet(tmp_path / "a.parquet").equals(traffic.events)
    assert pl.read_parquet(tmp_path / "a.legs.parquet").equals(traffic.legs)


def test_text_files_bear_utc_times_with_microseconds(traffic: Traffic, tmp_path: Path) -> None:
    files.write_events(traffic.events, tmp_path / "a.csv")
    files.write_events(traffic.events, tmp_path / "a.ndjson")
    first = json.loads((tmp_path / "a.ndjson").read_text(encoding="utf-8").splitlines()[0])
    expected = traffic.events["event_time"].dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    assert first["event_time"] == expected[0]
    assert pl.read_csv(tmp_path / "a.csv", infer_schema=False)["event_time"].to_list() == expected.to_list()


def test_ndjson_leaves_columns_out_that_no_event_has(traffic: Traffic, tmp_path: Path) -> None:
    files.write_events(traffic.events, tmp_path / "a.ndjson")
    lines = [json.loads(line) for line in (tmp_path / "a.ndjson").read_text(encoding="utf-8").splitlines()]
    assert len(lines) == traffic.events.height
    assert "link_id" not in lines[0]
    assert "direction" in lines[0]


def test_true_legs_in_ndjson_keep_their_lists(traffic: Traffic, tmp_path: Path) -> None:
    files.write_true_legs(traffic.legs, tmp_path / "a.ndjson")
    legs = [json.loads(line) for line in (tmp_path / "a.ndjson").read_text(encoding="utf-8").splitlines()]
    with_holds = next(leg for leg in legs if leg["hold_segments"])
    assert with_holds["hold_segments"][0]["start_time"].endswith("Z")
    assert isinstance(with_holds["participants"], list)


def test_the_directory_is_one_that_the_product_reads(traffic: Traffic, tmp_path: Path) -> None:
    files.write_directory(traffic.directory, tmp_path / "site.yaml")
    directory = read_directory_file(tmp_path / "site.yaml")
    assert directory.agents.height == len(traffic.directory["agents"])
    assert set(traffic.legs["agent_extension"]) <= set(directory.agents["extension"])
    assert yaml.safe_load((tmp_path / "site.yaml").read_text(encoding="utf-8")) == traffic.directory


def test_true_legs_lie_beside_their_events() -> None:
    assert files.true_legs_path(Path("x/day.parquet")) == Path("x/day.legs.parquet")
    assert files.true_legs_path(Path("x/day.csv")) == Path("x/day.legs.ndjson")


def test_a_file_that_cannot_be_written_is_an_error_that_names_it(traffic: Traffic, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere/a\.csv"):
        files.write_events(traffic.events, tmp_path / "nowhere" / "a.csv")
    with pytest.raises(ConfigurationError, match=r"name the file \*\.ndjson"):
        files.write_events(traffic.events, tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []


def test_true_legs_are_read_as_they_were_written_and_another_file_is_told(tmp_path: Path) -> None:
    legs = simulate_traffic(plan(calls=20)).legs
    files.write_true_legs(legs, tmp_path / "legs.parquet")
    assert files.read_true_legs(tmp_path / "legs.parquet").equals(legs)
    (tmp_path / "text.parquet").write_text("legs", encoding="utf-8")
    for name, said in (
        ("text.parquet", "is no Parquet file"),
        ("none.parquet", "cannot read"),
        ("a.csv", "name the file"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            files.read_true_legs(tmp_path / name)
