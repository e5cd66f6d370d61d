"""FusionPBX's call records: read by time, read-only, with errors that say what to check and no secret."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cx_pipeline.adapters.freeswitch.xml_cdr import XmlCdr, open_xml_cdr
from cx_pipeline.core.errors import SourceRefusedError, SourceUnavailableError
from cx_pipeline.settings import Settings
from cx_pipeline_tests.adapters.freeswitch.fusionpbx import FusionPbx

TEN = datetime(2026, 6, 8, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def numbers(source: XmlCdr, first: datetime, last: datetime) -> list[int]:
    return [int(row["xml_cdr_uuid"][-12:]) for rows in source.read(first, last) for row in rows]


def test_calls_with_a_file_are_read_by_their_end(engine: Engine, database_url: SecretStr) -> None:
    pbx = FusionPbx(engine, database_url)
    for number in range(5):
        pbx.call(number, TEN, TEN + number * MINUTE, Path(f"/streams/{number}.wav"))
    pbx.call(9, TEN, TEN + MINUTE, None)
    pbx.call(8, TEN, TEN + MINUTE, Path("/streams/x"), record_name="")
    source = XmlCdr(database_url)
    assert numbers(source, TEN + MINUTE, TEN + 3 * MINUTE) == [1, 2]
    row = next(source.read(TEN, TEN + MINUTE))[0]
    assert (row["record_path"], row["record_name"], row["end_epoch"]) == (
        "/streams",
        "0.wav",
        int(TEN.timestamp()),
    )


def test_many_come_some_at_a_time(engine: Engine, database_url: SecretStr) -> None:
    pbx = FusionPbx(engine, database_url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO v_xml_cdr (xml_cdr_uuid, end_epoch, record_name) "
                "SELECT gen_random_uuid(), :end, 'x.wav' FROM generate_series(1, 2500)"
            ),
            {"end": int(TEN.timestamp())},
        )
    assert [len(rows) for rows in XmlCdr(pbx.url).read(TEN, TEN + MINUTE)] == [1000, 1000, 500]


def test_nothing_can_be_written_through_it(engine: Engine, database_url: SecretStr) -> None:
    FusionPbx(engine, database_url)
    source = XmlCdr(database_url)
    with source._connected() as connection, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("DELETE FROM v_xml_cdr")


def test_a_database_without_the_table_is_refused(database_url: SecretStr) -> None:
    with pytest.raises(SourceRefusedError, match="v_xml_cdr is not there"):
        list(XmlCdr(database_url).read(TEN, TEN + MINUTE))


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("postgresql://someone:geheim@127.0.0.1:1/nothing?connect_timeout=2", SourceUnavailableError),
        ("no url: geheim", SourceRefusedError),
    ],
)
def test_an_error_says_what_to_check_and_no_secret(url: str, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"FusionPBX: .*CX_FUSIONPBX_URL") as raised:
        list(XmlCdr(SecretStr(url)).read(TEN, TEN + MINUTE))
    assert "geheim" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


def test_its_url_may_be_in_a_file(tmp_path: Path) -> None:
    assert open_xml_cdr(Settings(_env_file=None)) is None  # type: ignore[call-arg]
    file = tmp_path / "url"
    file.write_text("postgresql://x\n")
    assert open_xml_cdr(Settings(fusionpbx_url_file=file)) is not None
    with pytest.raises(SourceRefusedError, match="none cannot be read: No such file"):
        open_xml_cdr(Settings(fusionpbx_url_file=tmp_path / "none"))
