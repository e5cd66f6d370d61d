"""`cx-pipeline correlate`: files in, files or a table out, nothing lost and nothing half written."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from cx_pipeline.cli.main import cli
from cx_pipeline.core.calls.schema import CALL_SCHEMA, LEG_SCHEMA
from cx_pipeline.core.errors import CxError
from cx_pipeline.core.events.schema import EVENT_SCHEMA

GOLDEN = Path(__file__).parent.parent / "golden"
AS_OF = ("--as-of", "2024-02-01T00:00:00Z")
TIMES = [name for name, dtype in EVENT_SCHEMA.items() if isinstance(dtype, pl.Datetime)]


def golden(name: str) -> dict[str, Any]:
    case: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text())
    return case


def write_ndjson(path: Path, events: list[dict[str, Any]], *more: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in [*map(json.dumps, events), *more]))
    return path


def as_frame(events: list[dict[str, Any]]) -> pl.DataFrame:
    texts = pl.DataFrame(events, schema_overrides=dict.fromkeys(TIMES, pl.String), infer_schema_length=None)
    times = [
        pl.col(name).str.to_datetime("%+", time_unit="us", time_zone="UTC")
        for name in TIMES
        if name in texts.columns
    ]
    return texts.with_columns(times)


def correlate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["correlate", *map(str, arguments), *AS_OF])


def refusal(result: Result) -> str:
    """What `cx-pipeline` would print for an error of ours."""
    assert isinstance(result.exception, CxError), result.output
    return str(result.exception)


def test_every_kind_of_file_gives_the_same_legs(tmp_path: Path) -> None:
    case = golden("consult_transfer_two_call_keys")
    write_ndjson(tmp_path / "e.ndjson", case["events"])
    as_frame(case["events"]).write_parquet(tmp_path / "e.parquet")
    texts = pl.DataFrame(case["events"], infer_schema_length=None)
    texts.write_csv(tmp_path / "e.csv")
    given = []
    for kind in ("ndjson", "parquet", "csv"):
        out = tmp_path / f"{kind}.legs.parquet"
        result = correlate(tmp_path / f"e.{kind}", "--out", out)
        assert result.exit_code == 0, result.output
        given.append(pl.read_parquet(out))
    assert given[0].schema == LEG_SCHEMA
    assert given[0].height == len(case["legs"])
    assert given[0].equals(given[1])
    assert given[0].equals(given[2])


def test_the_persisted_dialect_is_read_too(tmp_path: Path) -> None:
    case = golden("persisted_consult_transfer")
    out = tmp_path / "legs.ndjson"
    assert correlate(write_ndjson(tmp_path / "e.ndjson", case["events"]), "--out", out).exit_code == 0
    legs = [json.loads(line) for line in out.read_text().splitlines()]
    assert sorted(leg["agent_extension"] for leg in legs) == sorted(
        leg["agent_extension"] for leg in case["legs"]
    )


def test_parquet_in_another_spelling_is_read_by_its_rows(tmp_path: Path) -> None:
    events = as_frame(golden("simple_inbound")["events"])
    camel = {
        name: "".join([name.split("_")[0], *(part.title() for part in name.split("_")[1:])])
        for name in events.columns
    }
    events.rename(camel).write_parquet(tmp_path / "e.parquet")
    out = tmp_path / "legs.parquet"
    assert correlate(tmp_path / "e.parquet", "--out", out).exit_code == 0
    assert pl.read_parquet(out).height == 1


def test_a_call_may_have_its_events_in_several_files(tmp_path: Path) -> None:
    events = golden("simple_inbound")["events"]
    half = len(events) // 2
    write_ndjson(tmp_path / "a.ndjson", events[:half])
    as_frame(events[half:]).write_parquet(tmp_path / "b.parquet")
    write_ndjson(tmp_path / "all.ndjson", events)
    apart, together = tmp_path / "apart.parquet", tmp_path / "together.parquet"
    assert correlate(tmp_path / "a.ndjson", tmp_path / "b.parquet", "--out", apart).exit_code == 0
    assert correlate(tmp_path / "all.ndjson", "--out", together).exit_code == 0
    assert pl.read_parquet(apart).equals(pl.read_parquet(together))


def test_what_cannot_be_used_is_told_with_its_place_and_reason_and_counted(tmp_path: Path) -> None:
    events = golden("simple_inbound")["events"]
    nameless = json.dumps({"event_time": "2024-01-15T09:00:00Z", "global_call_id": "1_7"})
    path = write_ndjson(tmp_path / "e.ndjson", events, "{broken", nameless)
    out, quarantine = tmp_path / "legs.parquet", tmp_path / "quarantine.csv"
    result = correlate(path, "--out", out, "--quarantine-out", quarantine)
    assert result.exit_code == 1
    rows = pl.read_csv(quarantine)
    assert rows["line_number"].to_list() == [len(events) + 1, len(events) + 2]
    assert rows["reason"].str.extract(r"^(\w+)").to_list() == ["BROKEN_LINE", "NO_EVENT_NAME"]
    assert rows["row"].to_list() == ["{broken", nameless]
    assert f"Events       {len(events) + 2}: {len(events)} used, 0 duplicates, 2 quarantined" in result.output
    assert "BROKEN_LINE" in result.output
    assert pl.read_parquet(out).height == 1


def test_events_of_parquet_that_cannot_be_used_are_told_too(tmp_path: Path) -> None:
    events = as_frame(golden("simple_inbound")["events"])
    bad = events.head(1).with_columns(global_call_id=pl.lit(None, pl.String))
    pl.concat([events, bad]).write_parquet(tmp_path / "e.parquet")
    result = correlate(tmp_path / "e.parquet")
    assert result.exit_code == 1
    assert "1 NO_CALL_ID" in result.output


def test_duplicates_are_counted(tmp_path: Path) -> None:
    events = golden("simple_inbound")["events"]
    result = correlate(write_ndjson(tmp_path / "e.ndjson", events + events))
    assert f"Events       {2 * len(events)}: {len(events)} used, {len(events)} duplicates" in result.output


def test_without_out_the_legs_are_a_table_and_the_calls_are_counted_by_type(tmp_path: Path) -> None:
    case = golden("consult_transfer_two_call_keys")
    result = correlate(write_ndjson(tmp_path / "e.ndjson", case["events"]))
    assert result.exit_code == 0
    assert "CONSULT_TRANSFER" in result.output
    for leg in case["legs"]:
        assert leg["agent_extension"] in result.output
    assert "Calls        1: 1 CONSULT_TRANSFER" in result.output
    assert "Legs         2: 2 answered, 0 in progress" in result.output
    assert max(map(len, result.output.splitlines())) <= 100


def test_the_clocks_that_were_ahead_are_told_by_source(tmp_path: Path) -> None:
    events = [
        {**event, "received_at": "2024-01-01T00:00:00Z"} for event in golden("simple_inbound")["events"][:1]
    ]
    events += golden("simple_inbound")["events"]
    assert "Clock skew   jtapi: up to" in correlate(write_ndjson(tmp_path / "e.ndjson", events)).output


def test_lists_and_structs_are_json_text_in_csv(tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "e.ndjson", golden("simple_with_hold")["events"])
    legs, calls = tmp_path / "legs.csv", tmp_path / "calls.csv"
    assert correlate(path, "--out", legs, "--calls-out", calls).exit_code == 0
    leg = pl.read_csv(legs, infer_schema=False).row(0, named=True)
    assert list(leg) == LEG_SCHEMA.names()
    holds = json.loads(leg["hold_segments"])
    assert len(holds) == 1
    assert holds[0]["start_time"] < holds[0]["end_time"]
    assert holds[0]["start_time"].endswith("Z")
    assert json.loads(leg["evidence"])["start"]["rule"] == "FIRST_TALKING"
    call = pl.read_csv(calls, infer_schema=False).row(0, named=True)
    assert list(call) == CALL_SCHEMA.names()
    assert json.loads(call["call_keys"]) == [call["root_call_key"]]


def test_a_directory_file_tells_who_is_within_the_house(tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "e.ndjson", golden("simple_inbound")["events"])
    (tmp_path / "site.yaml").write_text("agents:\n  - extension: '8001'\n")
    out = tmp_path / "legs.parquet"
    assert correlate(path, "--out", out, "--directory", tmp_path / "site.yaml").exit_code == 0
    assert pl.read_parquet(out)["direction"].to_list() == ["INTERNAL"]


def test_an_empty_file_gives_no_legs(tmp_path: Path) -> None:
    (tmp_path / "e.ndjson").write_bytes(b"")
    out = tmp_path / "legs.parquet"
    result = correlate(tmp_path / "e.ndjson", "--out", out)
    assert result.exit_code == 0
    assert pl.read_parquet(out).schema == LEG_SCHEMA
    assert "Events       0" in result.output


def test_a_file_that_is_not_there_or_cannot_be_read_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    good = write_ndjson(tmp_path / "e.ndjson", golden("simple_inbound")["events"])
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 and then nothing")
    out = tmp_path / "legs.parquet"
    for name, said in {
        "nowhere.ndjson": "No such file",
        "noise.bin": "binary",
        "cut.parquet": "cannot be read",
    }.items():
        message = refusal(correlate(good, tmp_path / name, "--out", out))
        assert message.startswith(f"{tmp_path / name}: ")
        assert said in message
        assert "\n" not in message
    assert not out.exists()


def test_a_parquet_file_that_is_damaged_within_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "e.parquet"
    as_frame(golden("simple_inbound")["events"]).write_parquet(path, compression="zstd")
    content = bytearray(path.read_bytes())
    content[4:600] = b"\xff" * 596
    path.write_bytes(content)
    assert "\n" not in refusal(correlate(path))


@pytest.mark.parametrize("option", ["--out", "--calls-out", "--quarantine-out"])
def test_another_suffix_is_wrong_use(tmp_path: Path, option: str) -> None:
    path = write_ndjson(tmp_path / "e.ndjson", golden("simple_inbound")["events"])
    result = correlate(path, option, tmp_path / "legs.xlsx")
    assert result.exit_code == 2
    assert "name the file *.parquet, *.ndjson, *.csv" in result.output


def test_a_time_without_zone_is_wrong_use(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        cli, ["correlate", str(tmp_path / "e.ndjson"), "--as-of", "2024-01-15T09:00:00"]
    )
    assert result.exit_code == 2
    assert "has no zone" in result.output


def test_what_cannot_be_written_leaves_the_old_file_and_no_piece(tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "e.ndjson", golden("simple_inbound")["events"])
    message = refusal(correlate(path, "--out", tmp_path / "nowhere" / "legs.parquet"))
    assert "cannot write" in message
    out = tmp_path / "legs.ndjson"
    out.write_text("old")
    assert correlate(path, "--out", out).exit_code == 0
    assert out.read_text() != "old"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["e.ndjson", "legs.ndjson"]


def test_a_call_goes_on_as_long_as_silence_does_not_end_it(tmp_path: Path) -> None:
    path = write_ndjson(tmp_path / "e.ndjson", golden("in_progress")["events"])
    out = tmp_path / "legs.parquet"
    last = max(event["event_time"] for event in golden("in_progress")["events"])
    CliRunner().invoke(
        cli, ["correlate", str(path), "--out", str(out), "--as-of", last], catch_exceptions=False
    )
    assert pl.read_parquet(out)["status"].to_list() == ["IN_PROGRESS"]
    assert correlate(path, "--out", out).exit_code == 0
    assert pl.read_parquet(out)["end_reason"].to_list() == ["UNKNOWN"]


def test_as_a_program_an_error_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    program = "from cx_pipeline.cli.main import main; main()"
    run = subprocess.run(
        [sys.executable, "-c", program, "correlate", "nowhere.csv"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert run.returncode == 1
    assert run.stderr == "cx-pipeline: nowhere.csv: cannot be read: No such file or directory\n"
