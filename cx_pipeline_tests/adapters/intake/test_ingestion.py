import gzip
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from cx_pipeline.adapters.directory.yaml_file import read_directory_file
from cx_pipeline.adapters.intake import ingestion as module
from cx_pipeline.adapters.intake.ingestion import FileReport, Ingestion, Progress
from cx_pipeline.adapters.intake.lines import BYTE_ORDER_MARK, read_blocks
from cx_pipeline.core.directory import EMPTY_DIRECTORY
from cx_pipeline.core.errors import DatabaseUnavailableError

NOON = datetime(2024, 1, 15, 12, tzinfo=UTC)


def event(number: int, **others: Any) -> dict[str, Any]:
    """An event of its own for each number."""
    return {
        "event_time": (NOON + timedelta(seconds=number)).isoformat(),
        "event_name": "CallCtlTermConnTalkingEv",
        "global_call_id": "1_7",
        "extension": str(1000 + number),
        **others,
    }


def write_ndjson(path: Path, rows: list[dict[str, Any] | bytes]) -> Path:
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def ingest(engine: Engine, path: Path, **options: str) -> FileReport:
    return Ingestion(engine, EMPTY_DIRECTORY, **options).ingest(path)


def counts(report: FileReport) -> tuple[int, int, int, int]:
    return report.rows, report.stored, report.duplicates, report.quarantined


def query(engine: Engine, statement: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def quarantined(engine: Engine) -> list[tuple[Any, ...]]:
    return query(engine, "SELECT line_number, reason, row_text FROM quarantined_input ORDER BY 1")


BAD_LINES: dict[str, tuple[bytes, str]] = {
    "broken": (b'{"event_time":', "BROKEN_LINE"),
    "no object": (b'["event"]', "BROKEN_LINE"),
    "wrong type": (json.dumps(event(1, extension=1.5)).encode(), "WRONG_TYPE"),
    "number as time": (json.dumps(event(1, event_time=1705320000)).encode(), "WRONG_TYPE"),
    "time without zone": (
        json.dumps(event(1, event_time="2024-01-15T12:00:00")).encode(),
        "TIME_WITHOUT_ZONE",
    ),
    "no time": (json.dumps(event(1, event_time="noon")).encode(), "WRONG_TIME"),
    "year one": (json.dumps(event(1, event_time="0001-01-01T00:00:00Z")).encode(), "TIME_OUT_OF_RANGE"),
    "year 9999": (json.dumps(event(1, event_time="9999-12-31T23:59:59Z")).encode(), "TIME_OUT_OF_RANGE"),
    "large number": (json.dumps(event(1, event_code=2**31)).encode(), "NUMBER_OUT_OF_RANGE"),
    "huge number": (b'{"event_code":' + b"9" * 5000 + b"}", "BROKEN_LINE"),
    "escaped NUL": (json.dumps(event(1, cause="a\0b")).encode(), "NUL_CHARACTER"),
    "NUL": (b'{"event_name":"a\0b"}', "BROKEN_LINE"),
    "no UTF-8": (b'{"event_name":"\xfc"}', "INVALID_UTF8"),
    "half a surrogate": (b'{"event_name":"\\udc00"}', "INVALID_UTF8"),
    "long text": (json.dumps(event(1, global_call_id="1" * 3000)).encode(), "TEXT_TOO_LONG"),
    "huge line": (json.dumps(event(1, note="x" * 2_000_000)).encode(), "LINE_TOO_LONG"),
    "no call": (json.dumps(event(1, global_call_id=" ")).encode(), "NO_CALL_ID"),
    "no event time": (b'{"event_name":"A","global_call_id":"1_7"}', "NO_EVENT_TIME"),
    "no name": (json.dumps(event(1, event_name=None)).encode(), "NO_EVENT_NAME"),
    "empty object": (b"{}", "NO_CALL_ID"),
    "deep": (b'{"a":' + b"[" * 100_000, "BROKEN_LINE"),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_is_quarantined_with_its_reason_and_the_others_are_stored(
    engine: Engine, tmp_path: Path, name: str
) -> None:
    line, code = BAD_LINES[name]
    path = write_ndjson(tmp_path / "a.ndjson", [event(1), event(2), line, event(3)])

    report = ingest(engine, path)

    assert counts(report) == (4, 3, 0, 1)
    assert report.quarantined_by_reason == {code: 1}
    assert report.error is None
    assert report.has_problems
    ((number, reason),) = report.examples
    assert number == 3
    assert reason.split(":")[0] == code
    ((kept_number, kept_reason, kept_text),) = quarantined(engine)
    assert (kept_number, kept_reason) == (number, reason)
    assert kept_text[:60] == line.decode(errors="backslashreplace").replace("\0", "\\x00")[:60]


def test_all_kinds_of_bad_lines_in_one_file_add_up_and_a_second_run_changes_nothing(
    engine: Engine, tmp_path: Path
) -> None:
    rows = [
        row for number, (line, _) in enumerate(BAD_LINES.values()) for row in (event(number), line, event(0))
    ]
    path = write_ndjson(tmp_path / "a.ndjson", rows)
    expected = Counter(code for _, code in BAD_LINES.values())
    kinds = len(BAD_LINES)

    first, second = ingest(engine, path), ingest(engine, path)

    assert counts(first) == (3 * kinds, kinds, kinds, kinds)
    assert counts(second) == (3 * kinds, 0, 2 * kinds, kinds)
    assert first.quarantined_by_reason == second.quarantined_by_reason == expected
    assert len(quarantined(engine)) == kinds
    assert query(engine, "SELECT count(*) FROM jtapi_event") == [(kinds,)]


def test_a_rejected_row_is_kept_as_it_came(engine: Engine, tmp_path: Path) -> None:
    line = b'{"event_time":"2024-01-15T12:00:00Z",  "event_name":"A", "colour":"red"}'
    ingest(engine, write_ndjson(tmp_path / "a.ndjson", [event(1), line]))
    assert quarantined(engine) == [(2, "NO_CALL_ID", line.decode())]


def test_the_same_file_under_another_name_is_quarantined_once(engine: Engine, tmp_path: Path) -> None:
    for name in ("a.ndjson", "b.ndjson"):
        ingest(engine, write_ndjson(tmp_path / name, [b"broken"]))
    assert len(quarantined(engine)) == 1


def as_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    pl.DataFrame(rows).write_csv(path)


def as_packed_ndjson(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))


def as_windows_ndjson(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(map(json.dumps, rows)).encode())


def as_text_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    pl.DataFrame(rows).write_parquet(path)


def as_typed_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    time = pl.col("event_time").str.to_datetime(time_zone="UTC", time_unit="ns")
    pl.DataFrame(rows).with_columns(time, pl.col("event_name").cast(pl.Categorical())).write_parquet(path)


def as_camel_case(path: Path, rows: list[dict[str, Any]]) -> None:
    names = {"event_time": "eventTime", "event_name": "eventName", "global_call_id": "globalCallId"}
    renamed = [{names.get(name, name): value for name, value in row.items()} for row in rows]
    path.write_text("\n".join(map(json.dumps, renamed)))


@pytest.mark.parametrize(
    "write", [as_csv, as_packed_ndjson, as_windows_ndjson, as_text_parquet, as_typed_parquet, as_camel_case]
)
def test_the_same_event_is_the_same_from_every_kind_of_file(
    engine: Engine, tmp_path: Path, write: Callable[[Path, list[dict[str, Any]]], None]
) -> None:
    rows = [event(number, terminal=None, cause="é") for number in range(5)]
    ingest(engine, write_ndjson(tmp_path / "first.ndjson", list(rows)))
    write(tmp_path / "second", rows)
    assert counts(ingest(engine, tmp_path / "second")) == (5, 0, 5, 0)


def test_the_persisted_table_is_stored_as_its_source(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "jtapi_event.csv"
    path.write_text(
        "id,event_type,global_call_id,jtapi_id,connection_id,previous_global_call_id,calling_terminal,"
        "called_terminal,calling_extension,called_extension,call_direction,created_at\n"
        "5e0d,CALL_CONNECTED,190001,16967217,c1,,,SEP1,+18005550199,1005,INBOUND,2024-01-15 13:00:00.5+00\n"
    )
    assert counts(ingest(engine, path)) == (1, 1, 0, 0)
    columns = "source, event_name, direction, event_time, called_extension, previous_call_key, jtapi_id"
    assert query(engine, f"SELECT {columns} FROM jtapi_event") == [
        (
            "jtapi_table",
            "CALL_CONNECTED",
            "INBOUND",
            datetime(2024, 1, 15, 13, 0, 0, 500_000, tzinfo=UTC),
            "1005",
            None,
            "16967217",
        )
    ]


def test_tenants_come_from_the_row_the_option_or_the_directory(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text("agents: [{tenant_id: acme, extension: 1001}]")
    directory = read_directory_file(tmp_path / "d.yaml")
    path = write_ndjson(tmp_path / "a.ndjson", [event(1), event(2), event(3, tenant_id="own")])

    Ingestion(engine, directory).ingest(path)
    assert query(engine, "SELECT extension, tenant_id FROM jtapi_event ORDER BY 1") == [
        ("1001", "acme"),
        ("1002", "default"),
        ("1003", "own"),
    ]
    report = ingest(engine, path, tenant_id="north")
    assert counts(report) == (3, 2, 1, 0)


def test_unknown_columns_and_blank_lines_are_told(engine: Engine, tmp_path: Path) -> None:
    report = ingest(
        engine, write_ndjson(tmp_path / "a.ndjson", [event(1, colour="red"), b"", event(2, id=7)])
    )
    assert counts(report) == (2, 2, 0, 0)
    assert report.unknown_columns == {"colour"}
    assert report.blank_lines == 1
    assert not report.has_problems


def test_an_empty_file_is_no_problem(engine: Engine, tmp_path: Path) -> None:
    report = ingest(engine, write_ndjson(tmp_path / "a.ndjson", []))
    assert counts(report) == (0, 0, 0, 0)
    assert not report.has_problems


def test_a_file_that_cannot_be_read_is_told_in_its_report(engine: Engine, tmp_path: Path) -> None:
    report = ingest(engine, tmp_path / "nothing.ndjson")
    assert str(report.error) == "cannot be read: No such file or directory"
    assert counts(report) == (0, 0, 0, 0)


def test_what_comes_before_the_damage_is_stored_and_counted(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = b"".join(json.dumps(event(number)).encode() + b"\n" for number in range(60_000))
    path = tmp_path / "a.ndjson.gz"
    path.write_bytes(gzip.compress(whole, compresslevel=1)[:-5000])
    monkeypatch.setattr(
        "cx_pipeline.adapters.intake.files.read_blocks",
        lambda stream: read_blocks(stream, block_bytes=1_000_000, max_lines=2000),
    )
    report = ingest(engine, path)

    assert "cut off" in str(report.error)
    assert report.rows == report.stored > 20_000
    assert query(engine, "SELECT count(*) FROM jtapi_event") == [(report.stored,)]


def test_progress_is_told_by_chunk(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "cx_pipeline.adapters.intake.files.read_blocks", lambda stream: read_blocks(stream, max_lines=10)
    )
    path = write_ndjson(tmp_path / "a.ndjson", [event(number) for number in range(100)])
    told: list[Progress] = []
    Ingestion(engine, EMPTY_DIRECTORY).ingest(path, told.append)
    assert [progress.rows for progress in told] == sorted(progress.rows for progress in told)
    assert told[-1] == Progress(path.stat().st_size, path.stat().st_size, 100)


def test_so_many_bad_rows_are_told_one_by_one_and_all_are_kept(engine: Engine, tmp_path: Path) -> None:
    report = ingest(engine, write_ndjson(tmp_path / "a.ndjson", [b"broken"] * 50))
    assert [number for number, _ in report.examples] == list(range(1, module.EXAMPLES + 1))
    assert report.quarantined == len(quarantined(engine)) == 50


def test_a_database_that_goes_away_is_told_in_the_report(engine: Engine, tmp_path: Path) -> None:
    class AwayAfterTheFirst:
        def __init__(self, intake: Any) -> None:
            self._intake, self._calls = intake, 0

        def insert(self, usable: pl.DataFrame) -> Any:
            self._calls += 1
            if self._calls > 1:
                raise DatabaseUnavailableError("the database did not answer")
            return self._intake.insert(usable)

    taking = Ingestion(engine, EMPTY_DIRECTORY)
    taking._intake = AwayAfterTheFirst(taking._intake)  # type: ignore[assignment]
    rows: list[dict[str, Any] | bytes] = [event(number % 500) for number in range(120_000)]
    report = taking.ingest(write_ndjson(tmp_path / "a.ndjson", rows))
    assert isinstance(report.error, DatabaseUnavailableError)
    assert counts(report) == (50_000, 500, 49_500, 0)


SOUND_LINES = [json.dumps(event(number)).encode() for number in range(13)]
MIXTURES = st.lists(
    st.one_of(
        st.sampled_from(SOUND_LINES),
        st.sampled_from([line for line, code in BAD_LINES.values() if code != "LINE_TOO_LONG"]),
        st.binary(max_size=12).map(lambda junk: junk.replace(b"\n", b"")),
        st.just(b""),
    ),
    max_size=25,
)


@settings(
    deadline=None,
    max_examples=20,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(lines=MIXTURES, max_lines=st.integers(1, 9))
def test_every_line_of_any_mixture_is_stored_double_quarantined_or_blank(
    engine: Engine, tmp_path: Path, lines: list[bytes], max_lines: int
) -> None:
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM jtapi_event"))
        connection.execute(text("DELETE FROM quarantined_input"))
    # A first line that is sound, so that the file as a whole is none of the binary kind.
    path = write_ndjson(tmp_path / "a.ndjson", [event(0, cause="x" * 500), *lines])
    blank = sum(not line.removeprefix(BYTE_ORDER_MARK).strip() for line in lines)
    good = [line for line in lines if line in SOUND_LINES]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "cx_pipeline.adapters.intake.files.read_blocks",
            lambda stream: read_blocks(stream, max_lines=max_lines),
        )
        reports = [ingest(engine, path) for _ in range(2)]

    for report in reports:
        assert report.error is None
        assert report.rows == report.stored + report.duplicates + report.quarantined
        assert report.rows + report.blank_lines == len(lines) + 1
        assert report.blank_lines == blank
        assert report.stored + report.duplicates == len(good) + 1
    assert reports[1].stored == 0
    assert query(engine, "SELECT count(*) FROM jtapi_event") == [(reports[0].stored,)]
    assert len(quarantined(engine)) == reports[0].quarantined
