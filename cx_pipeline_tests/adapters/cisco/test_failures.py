"""Each way in which a source can fail is one clear line of a type of ours, without a secret."""

import socket
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cx_pipeline.adapters.cisco import pool
from cx_pipeline.adapters.cisco.failures import DriverError, connecting_failed, reading_failed
from cx_pipeline.adapters.cisco.source import CiscoSource
from cx_pipeline.core.errors import ConfigurationError, CxError, SourceRefusedError, SourceUnavailableError
from cx_pipeline_tests.adapters.cisco.cisco_rows import HOUR, records, tcd
from cx_pipeline_tests.adapters.cisco.conftest import (
    PASSWORD,
    READER,
    Fill,
    GuardedServer,
    OpenSource,
)

BOTH_DRIVERS = pytest.mark.parametrize("kind", ["url", "odbc"])


def failure(source: CiscoSource, expected: type[CxError]) -> str:
    """The message of a read that fails: a line that names the source, and no secret anywhere."""
    with pytest.raises(expected) as raised:
        list(source.read(*HOUR))
    error = raised.value
    assert error.__cause__ is None
    assert error.__context__ is None
    told = "".join(traceback.format_exception(error)) + repr(error) + repr(source)
    assert PASSWORD not in told
    assert "geheim" not in told
    assert READER not in told
    message = str(error)
    assert message.startswith("Cisco source 'hds': ")
    assert "\n" not in message
    return message


@pytest.fixture
def connection(kind: str, guarded: GuardedServer, request: pytest.FixtureRequest) -> Any:
    if kind == "odbc":
        request.getfixturevalue("odbc")
    say = getattr(guarded, kind)
    return lambda **differing: SecretStr(say(**differing))


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where connections are taken and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@BOTH_DRIVERS
def test_a_wrong_password_is_refused(connection: Any, open_source: OpenSource) -> None:
    source = open_source(connection=connection(password="wrong geheim"))
    assert "check user name, password" in failure(source, SourceRefusedError)


@BOTH_DRIVERS
def test_a_database_that_is_not_there_is_refused(connection: Any, open_source: OpenSource) -> None:
    source = open_source(connection=connection(database="nowhere"))
    assert "the database that its connection names is not there" in failure(source, SourceRefusedError)


@BOTH_DRIVERS
def test_an_unknown_host_is_unavailable(connection: Any, open_source: OpenSource) -> None:
    source = open_source(connection=connection(host="hds.invalid"))
    assert "host name is not known" in failure(source, SourceUnavailableError)


@BOTH_DRIVERS
def test_a_refused_connection_is_unavailable(
    connection: Any, open_source: OpenSource, closed_port: int
) -> None:
    source = open_source(connection=connection(host="127.0.0.1", port=closed_port))
    assert "nobody answers at its address" in failure(source, SourceUnavailableError)


@BOTH_DRIVERS
def test_a_server_that_says_nothing_is_unavailable_after_the_connect_time_out(
    connection: Any, open_source: OpenSource, silent_port: int
) -> None:
    source = open_source(connection=connection(host="127.0.0.1", port=silent_port), connect_timeout_s=1)
    assert "within the connect time-out" in failure(source, SourceUnavailableError)


@BOTH_DRIVERS
def test_a_table_that_is_not_there_is_refused(connection: Any, open_source: OpenSource) -> None:
    message = failure(open_source(connection=connection()), SourceRefusedError)
    assert "a table is not there" in message
    assert '[42P01: relation "termination_call_detail" does not exist]' in message.replace("ERROR: ", "")


@BOTH_DRIVERS
def test_a_column_that_is_not_there_is_refused_and_named(
    connection: Any, open_source: OpenSource, fill: Fill, engine: Engine
) -> None:
    fill("ucce")
    with engine.begin() as database:
        database.execute(text("ALTER VIEW cisco_ucce.termination_call_detail RENAME variable7 TO other"))
    message = failure(open_source(connection=connection()), SourceRefusedError)
    assert "sql_folder" in message
    assert "tcd.variable7" in message


@BOTH_DRIVERS
def test_a_table_that_may_not_be_read_is_refused(
    connection: Any, open_source: OpenSource, fill: Fill, engine: Engine
) -> None:
    fill("ucce")
    with engine.begin() as database:
        database.execute(text(f"REVOKE SELECT ON cisco_ucce.agent FROM {READER}"))
    message = failure(open_source(connection=connection()), SourceRefusedError)
    assert "may not read a table" in message
    assert "agent" in message


@BOTH_DRIVERS
def test_a_query_past_its_time_out_is_unavailable(
    connection: Any, open_source: OpenSource, fill: Fill, tmp_path: Path
) -> None:
    fill("ucce")
    (tmp_path / "call_records.sql").write_text("SELECT pg_sleep(60)")
    source = open_source(connection=connection(), sql_folder=tmp_path, statement_timeout_s=0.3)
    assert "within the statement time-out" in failure(source, SourceUnavailableError)


@BOTH_DRIVERS
def test_a_statement_that_would_write_is_refused(
    connection: Any, open_source: OpenSource, fill: Fill, tmp_path: Path, engine: Engine
) -> None:
    fill("ucce")
    with engine.begin() as database:
        database.execute(text("CREATE SEQUENCE cisco_ucce.counted"))
        database.execute(text(f"GRANT ALL ON SEQUENCE cisco_ucce.counted TO {READER}"))
    (tmp_path / "call_records.sql").write_text("SELECT nextval('counted')")
    message = failure(open_source(connection=connection(), sql_folder=tmp_path), SourceRefusedError)
    assert "we only read" in message


@BOTH_DRIVERS
def test_a_lost_connection_is_unavailable_once_and_not_used_again(
    connection: Any, open_source: OpenSource, fill: Fill, engine: Engine
) -> None:
    fill("ucce", termination_call_detail=[tcd()])
    source = open_source(connection=connection())
    assert len(records(source)) == 1
    end_sessions(engine)
    assert "connection was lost" in failure(source, SourceUnavailableError)
    assert len(records(source)) == 1


@BOTH_DRIVERS
def test_a_connection_lost_while_nobody_read_is_replaced_unseen(
    connection: Any,
    open_source: OpenSource,
    fill: Fill,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "_TRUSTED_FOR_S", -1)
    fill("ucce", termination_call_detail=[tcd()])
    source = open_source(connection=connection())
    assert len(records(source)) == 1
    end_sessions(engine)
    assert len(records(source)) == 1


def test_a_connection_lost_in_the_midst_of_a_read_is_an_error_not_the_end_of_the_rows(
    open_source: OpenSource,
    guarded: GuardedServer,
    fill: Fill,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "ROWS_AT_ONCE", 1)
    fill("ucce", termination_call_detail=[tcd(number) for number in range(20)])
    chunks = open_source(connection=SecretStr(guarded.url())).read(*HOUR)
    assert len(next(chunks)) == 1
    end_sessions(engine)
    with pytest.raises(SourceUnavailableError, match="connection was lost"):
        list(chunks)


def end_sessions(engine: Engine) -> None:
    """End the reader's sessions, as a server that is stopped does."""
    with engine.begin() as database:
        ended = database.execute(
            text("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = :who"),
            {"who": READER},
        )
        assert ended.scalar()


@pytest.mark.usefixtures("odbc")
@pytest.mark.parametrize(
    ("connection_text", "advice"),
    [
        ("DRIVER={No Such Driver};SERVER=x;PWD=geheim", "ODBC driver that its connection names"),
        ("DRIVER=/nowhere/libnone.so;PWD=geheim", "ODBC driver that its connection names"),
        ("DSN=no-such-name;PWD=geheim", "check odbc.ini and odbcinst.ini"),
    ],
)
def test_a_missing_driver_or_data_source_is_refused(
    connection_text: str, advice: str, open_source: OpenSource
) -> None:
    assert advice in failure(open_source(connection=SecretStr(connection_text)), SourceRefusedError)


def test_missing_unixodbc_is_refused(open_source: OpenSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyodbc", None)
    source = open_source(connection=SecretStr("DSN=hds;PWD=geheim"))
    assert "unixodbc" in failure(source, SourceRefusedError)


def test_a_url_that_is_none_is_refused_without_being_told(open_source: OpenSource) -> None:
    source = open_source(connection=SecretStr("postgresql://cx:geheim@hds/db?geheim=1"))
    assert "no URL" in failure(source, SourceRefusedError)


def test_a_connection_file_that_cannot_be_read_is_refused(open_source: OpenSource, tmp_path: Path) -> None:
    gone = open_source(connection=None, connection_file=tmp_path / "gone")
    assert "connection_file" in failure(gone, SourceRefusedError)
    (tmp_path / "empty").write_text("\n")
    empty = open_source(connection=None, connection_file=tmp_path / "empty")
    assert "connection is empty" in failure(empty, SourceRefusedError)


def test_a_sites_statement_that_lacks_a_needed_column_is_refused(
    open_source: OpenSource, fill: Fill, tmp_path: Path
) -> None:
    fill("ucce")
    (tmp_path / "call_records.sql").write_text("SELECT RecoveryKey FROM Termination_Call_Detail")
    message = failure(open_source(sql_folder=tmp_path), SourceRefusedError)
    assert "call_records.sql does not return peripheralid, peripheralcallkey, datetime" in message


def test_a_sites_own_statement_wins_and_the_others_stay(
    open_source: OpenSource, fill: Fill, tmp_path: Path
) -> None:
    fill("ucce", termination_call_detail=[tcd(1), tcd(2)])
    own = "SELECT tcd.*, 'own' AS AgentName FROM Termination_Call_Detail tcd WHERE RecoveryKey = 2 -- ours;"
    (tmp_path / "call_records.sql").write_text(own)
    read = records(open_source(sql_folder=tmp_path))
    assert read.select("record_id", "agent_name").rows() == [("hds:2", "own")]


def test_a_statement_with_an_unknown_parameter_or_folder_is_a_mistake_of_the_settings(
    open_source: OpenSource, fill: Fill, tmp_path: Path
) -> None:
    fill("ucce")
    (tmp_path / "call_records.sql").write_text("SELECT 1 WHERE :mine = 1")
    with pytest.raises(ConfigurationError, match=":mine; it may use :ended_from"):
        records(open_source(sql_folder=tmp_path))
    with pytest.raises(ConfigurationError, match="is not there"):
        records(open_source(sql_folder=tmp_path / "gone"))


class _DriversError(Exception):
    """As pyodbc's: SQLSTATE and text."""


SQL_SERVER = "[Microsoft][ODBC Driver 18 for SQL Server]"


@pytest.mark.parametrize(
    ("state", "said", "expected"),
    [
        ("28000", f"{SQL_SERVER}[SQL Server]Login failed for user 'cx'. (18456)", SourceRefusedError),
        ("42000", f"{SQL_SERVER}[SQL Server]Cannot open database \"hds\" requested (4060)", SourceRefusedError),
        ("HYT00", f"{SQL_SERVER}Login timeout expired (0)", SourceUnavailableError),
        ("08001", f"{SQL_SERVER}TCP Provider: Error code 0x2746 (10054)", SourceUnavailableError),
        ("08001", f"{SQL_SERVER}SSL Provider: [certificate verify failed:self-signed] (-1)", SourceRefusedError),
        ("28000", "[Informix][Informix ODBC Driver]Incorrect password or user x is not known (-951)", SourceRefusedError),
        ("HY000", "[Informix]Attempt to connect to database server (host_uccx) failed. (-908)", SourceUnavailableError),
        ("IM003", "[unixODBC]Specified driver could not be loaded", SourceRefusedError),
    ],
)  # fmt: skip
def test_what_other_databases_say_when_they_are_reached_is_understood(
    state: str, said: str, expected: type[CxError]
) -> None:
    error = connecting_failed(
        "hds", DriverError.of(_DriversError(state, f"[{state}] {said} (SQLDriverConnect)"))
    )
    assert type(error) is expected
    assert "SQL Server]" not in str(error)


@pytest.mark.parametrize(
    ("state", "said", "expected", "told"),
    [
        ("42S02", f"{SQL_SERVER}[SQL Server]Invalid object name 'Agent'. (208)", SourceRefusedError, "a table is not there"),
        ("42S22", f"{SQL_SERVER}[SQL Server]Invalid column name 'X'. (207)", SourceRefusedError, "a column is not there"),
        ("42000", f"{SQL_SERVER}[SQL Server]The SELECT permission was denied on 'Agent' (229)", SourceRefusedError, "may not read"),
        ("42000", f"{SQL_SERVER}[SQL Server]Incorrect syntax near 'x'. (102)", SourceRefusedError, "does not understand"),
        ("HYT00", f"{SQL_SERVER}Query timeout expired (0)", SourceUnavailableError, "in time"),
        ("40001", f"{SQL_SERVER}[SQL Server]chosen as the deadlock victim (1205)", SourceUnavailableError, "gave up"),
        ("08S01", f"{SQL_SERVER}TCP Provider: Error code 0x68 (104)", SourceUnavailableError, "lost"),
        ("42000", "[Informix][Informix ODBC Driver]No SELECT permission for x. (-272)", SourceRefusedError, "may not read"),
        ("HY000", "[FreeTDS]Something odd", SourceUnavailableError, "not known"),
    ],
)  # fmt: skip
def test_what_other_databases_say_to_a_statement_is_understood(
    state: str, said: str, expected: type[CxError], told: str
) -> None:
    driver_error = DriverError.of(_DriversError(state, f"[{state}] {said} (SQLExecDirectW)"))
    error = reading_failed("hds", driver_error, ["geheim"], "call_records.sql")
    assert type(error) is expected
    assert told in str(error)
    assert "[Microsoft]" not in str(error)


def test_a_secret_in_what_the_server_says_is_struck_out() -> None:
    driver_error = DriverError("42S22", "Invalid column name 'geheim'")
    assert "geheim" not in str(reading_failed("hds", driver_error, ["geheim"], "call_records.sql"))


def test_an_error_that_bears_only_a_text_is_understood() -> None:
    said = _DriversError(
        "Driver Error: Invalid authorization; DDBC Error: [SQL Server]Login failed for user 'x'."
    )
    assert type(connecting_failed("hds", DriverError.of(said))) is SourceRefusedError
