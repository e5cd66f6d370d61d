"""The same statements through pyodbc, to PostgreSQL by its ODBC driver."""

import sys
from typing import Any

import pytest
from polars.testing import assert_frame_equal
from pydantic import SecretStr

from cx_pipeline.adapters.cisco import pool
from cx_pipeline.adapters.cisco.connections import OdbcDriver, driver_for
from cx_pipeline.core.errors import SourceRefusedError
from cx_pipeline.system_settings import CiscoSourceSettings
from cx_pipeline_tests.adapters.cisco.cisco_rows import acd, agent, ccd, dialled, records, tcd
from cx_pipeline_tests.adapters.cisco.conftest import Fill, GuardedServer, OpenSource

ODD = "ж日本 ' %s ? :x"


def fill_all(fill: Fill, version: str) -> None:
    rows = [tcd(number, ended=number, zone=240, Variable1=ODD) for number in range(1, 30)]
    row = {**dialled(), "DateTime": rows[9]["DateTime"]}
    who = [{"SkillTargetID": 5001, "EnterpriseName": "Łukasz"}]
    fill("ucce", version, termination_call_detail=rows, agent=who, dialer_detail=[row])
    connected = [acd(7), acd(8, 9, dialingListID=5)]
    contacts = [{"dialingListID": 5, "lastName": "cx-call-1"}]
    fill(
        "uccx",
        contactcalldetail=[ccd(customVariable1=ODD)],
        agentconnectiondetail=connected,
        resource=[agent(7)],
        dialinglist=contacts,
    )


@pytest.mark.usefixtures("odbc")
@pytest.mark.parametrize(("flavour", "version"), [("ucce", "12.5"), ("ucce", "11.6"), ("uccx", "12.5")])
def test_odbc_gives_the_records_that_the_databases_own_driver_gives(
    flavour: str,
    version: str,
    fill: Fill,
    guarded: GuardedServer,
    open_source: OpenSource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill_all(fill, version)
    monkeypatch.setattr(pool, "ROWS_AT_ONCE", 7)
    by_odbc = records(open_source(flavour, connection=SecretStr(guarded.odbc())))
    directly = records(open_source(flavour, connection=SecretStr(guarded.url())))
    assert len(by_odbc) == (29 if flavour == "ucce" else 2)
    assert by_odbc["dialler_call_id"].null_count() < len(by_odbc)
    # The raw rows name the same columns, but the drivers tell numbers and flags by other types.
    assert_frame_equal(by_odbc.drop("raw"), directly.drop("raw"))


@pytest.mark.usefixtures("odbc")
def test_a_connection_file_is_as_good_as_the_setting(
    fill: Fill, guarded: GuardedServer, open_source: OpenSource, tmp_path: Any
) -> None:
    fill_all(fill, "12.5")
    file = tmp_path / "connection"
    file.write_text(guarded.odbc() + "\n")
    assert len(records(open_source(connection=None, connection_file=file))) == 29


def connection_of(text: str, flavour: str = "ucce") -> Any:
    settings = CiscoSourceSettings(name="hds", flavour=flavour, connection=SecretStr(text))
    return driver_for(settings, lambda: SecretStr("postgresql:///x"))


def test_sql_server_is_told_that_we_only_read() -> None:
    plain = "DRIVER={ODBC Driver 18 for SQL Server};SERVER=hds;UID=cx;PWD=geheim;"
    assert connection_of(plain)._connection == plain + "ApplicationIntent=ReadOnly"
    own = plain + "Application Intent=ReadWrite"
    assert connection_of(own)._connection == own
    informix = "DRIVER={IBM INFORMIX ODBC DRIVER};SERVER=host_uccx"
    assert connection_of(informix, "uccx")._connection == informix


def test_the_driver_in_the_wheel_is_taken_where_the_connection_names_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert connection_of("SERVER=hds;UID=cx;PWD=geheim")._module == "mssql_python"
    assert connection_of("DSN=hds")._module == "pyodbc"
    assert connection_of("DRIVER=FreeTDS;SERVER=hds")._module == "pyodbc"
    assert connection_of("SERVER=uccx", "uccx")._module == "pyodbc"


def test_without_unixodbc_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyodbc", None)
    driver = connection_of("DSN=hds;PWD=geheim")
    assert isinstance(driver, OdbcDriver)
    with pytest.raises(SourceRefusedError, match=r"'hds'.*install the system's package unixodbc") as raised:
        driver.connect()
    assert raised.value.__context__ is None
