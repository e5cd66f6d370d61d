from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

from cx_pipeline.adapters.intake.parquet import count_parquet_rows, read_parquet
from cx_pipeline.adapters.intake.validation import to_events
from cx_pipeline.core.errors import InputError

MOMENT = datetime(2024, 1, 15, 9, 23, 45, 123456, tzinfo=UTC)


def events_and_reasons(path: Path, **columns: Any) -> tuple[pl.DataFrame, list[str]]:
    pl.DataFrame(columns).write_parquet(path)
    (chunk,) = read_parquet(path)
    checked = to_events(chunk)
    return checked.events, checked.quarantined["reason"].to_list()


@pytest.mark.parametrize(
    "dtype",
    [pl.Datetime("ms", "UTC"), pl.Datetime("us", "Europe/Zurich"), pl.Datetime("ns", "America/New_York")],
)
def test_a_time_with_a_zone_is_the_same_moment_in_utc(tmp_path: Path, dtype: pl.DataType) -> None:
    times = pl.Series([MOMENT]).cast(pl.Datetime("us", "UTC")).cast(dtype)
    events, reasons = events_and_reasons(tmp_path / "a.parquet", event_time=times)
    microsecond = 123000 if "ms" in str(dtype) else 123456
    assert events["event_time"].to_list() == [MOMENT.replace(microsecond=microsecond)]
    assert reasons == []


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([MOMENT.replace(tzinfo=None)], "TIME_WITHOUT_ZONE: event_time"),
        ([date(2024, 1, 15)], "TIME_WITHOUT_ZONE: event_time"),
        ([1705310625123], "WRONG_TYPE: event_time is Int64"),
        ([1.5], "WRONG_TYPE: event_time is Float64"),
        ([datetime(1, 1, 1, tzinfo=UTC)], "TIME_OUT_OF_RANGE: event_time is not in 2000 to 2099"),
        ([datetime(9999, 12, 31, tzinfo=UTC)], "TIME_OUT_OF_RANGE: event_time is not in 2000 to 2099"),
    ],
)
def test_a_time_that_is_none_is_quarantined(tmp_path: Path, values: list[Any], reason: str) -> None:
    events, reasons = events_and_reasons(tmp_path / "a.parquet", event_time=values)
    assert events.is_empty()
    assert reasons == [reason]


def test_a_naive_time_that_is_null_is_only_missing(tmp_path: Path) -> None:
    times = pl.Series([None, None], dtype=pl.Datetime("us"))
    events, reasons = events_and_reasons(tmp_path / "a.parquet", event_time=times, event_name=["A", "B"])
    assert events["event_time"].to_list() == [None, None]
    assert reasons == []


def test_text_comes_from_texts_numbers_and_categories(tmp_path: Path) -> None:
    events, reasons = events_and_reasons(
        tmp_path / "a.parquet",
        event_name=pl.Series(["A"], dtype=pl.Categorical()),
        direction=pl.Series(["INBOUND"], dtype=pl.Enum(["INBOUND"])),
        global_call_id=pl.Series([16945106], dtype=pl.UInt64),
        cause=pl.Series([None], dtype=pl.Null),
        event_code=pl.Series([107], dtype=pl.Int64),
    )
    assert reasons == []
    row = events.row(0, named=True)
    assert (row["event_name"], row["direction"], row["global_call_id"], row["cause"], row["event_code"]) == (
        "A",
        "INBOUND",
        "16945106",
        None,
        107,
    )


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("extension", [1005.0], "WRONG_TYPE: extension is Float64"),
        ("extension", [True], "WRONG_TYPE: extension is Boolean"),
        ("extension", [b"1005"], "WRONG_TYPE: extension is Binary"),
        ("extension", [["1005"]], "WRONG_TYPE: extension is List(String)"),
        ("event_code", [2**40], "NUMBER_OUT_OF_RANGE: event_code"),
        ("event_code", [107.0], "WRONG_TYPE: event_code is no whole number"),
    ],
)
def test_a_value_of_another_type_is_quarantined_and_null_is_not(
    tmp_path: Path, column: str, values: list[Any], reason: str
) -> None:
    events, reasons = events_and_reasons(tmp_path / "a.parquet", **{column: [*values, None]})
    assert reasons == [reason]
    assert events["row_number"].to_list() == [2]


def test_rows_are_numbered_through_all_batches_and_row_groups(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"event_name": [f"E{number}" for number in range(1, 2501)]}).write_parquet(
        path, row_group_size=700
    )
    chunks = list(read_parquet(path, max_rows=300))

    rows = pl.concat(chunk.rows for chunk in chunks)
    assert max(chunk.row_count for chunk in chunks) <= 300
    assert rows["row_number"].to_list() == list(range(1, 2501))
    assert rows["event_name"].to_list() == [f"E{number}" for number in range(1, 2501)]
    assert count_parquet_rows(path) == 2500
    assert chunks[-1].row_text(2500) == '{"event_name": "E2500"}'


def test_columns_that_are_unknown_are_told_and_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"event_name": ["A"], "colour": [{"a": [1]}], "id": ["x"]}).write_parquet(path)
    (chunk,) = read_parquet(path)
    assert chunk.unknown_columns == {"colour"}


def test_a_file_without_a_column_of_an_event_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"name": ["Bob"]}).write_parquet(path)
    with pytest.raises(InputError, match="no column of a call event"):
        list(read_parquet(path))


def test_a_column_that_comes_twice_with_different_types_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"event_time": [MOMENT], "createdAt": ["x"]}).write_parquet(path)
    with pytest.raises(InputError, match="column event_time twice"):
        list(read_parquet(path))


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_file_is_refused_or_read_but_never_a_crash(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"event_name": [f"E{number}" for number in range(5000)]}).write_parquet(path)
    data = bytearray(path.read_bytes())
    random = Random(seed)
    if seed % 2:
        data = data[: random.randrange(4, len(data))]
    for _ in range(20):
        data[random.randrange(4, len(data))] = random.randrange(256)
    path.write_bytes(data)
    with suppress(InputError):
        list(read_parquet(path))
