"""Records in the database: as they were simulated, once, and visible when they have been replicated."""

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.connection import engine_for
from cx_pipeline.core.errors import DatabaseUnavailableError
from cx_pipeline.simulator.cisco.fill import fill
from cx_pipeline.simulator.cisco.plan import QUIET, CiscoPlan
from cx_pipeline.simulator.cisco.records import simulate_records
from cx_pipeline.simulator.cisco.tables import FLAVOURS, TABLES, Flavour, set_clock
from cx_pipeline_tests.simulator.cisco.simulated import simulated, true_legs


def count(engine: Engine, table: str, **where: str) -> int:
    conditions = " AND ".join(f"{name} = :{name}" for name in where) or "true"
    with engine.connect() as connection:
        statement = text(f"SELECT count(*) FROM {table} WHERE {conditions}")
        return int(connection.execute(statement, where).scalar_one())


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_every_row_stands_there_once_however_often_it_is_filled(engine: Engine, flavour: Flavour) -> None:
    result = simulated(flavour)
    for _ in range(2):
        written = fill(engine, result)
    assert written == {name: result.tables[name].height for name in TABLES[flavour]}
    for name, rows in written.items():
        assert count(engine, f"cisco_{flavour}.{name}") == rows > 0


def test_odd_characters_come_out_as_they_went_in(engine: Engine) -> None:
    result = simulated()
    fill(engine, result)
    with engine.connect() as connection:
        statement = text("SELECT recoverykey, wrapupdata FROM cisco_ucce.termination_call_detail")
        found = {int(row.recoverykey): row.wrapupdata for row in connection.execute(statement)}
    written = result.tables["termination_call_detail"].select("recoverykey", "wrapupdata")
    assert found == dict(written.iter_rows())


def test_filling_replaces_the_rows_of_its_tenants_and_leaves_those_of_others(engine: Engine) -> None:
    red = simulate_records(true_legs().filter(tenant_id="red"), CiscoPlan(trouble=QUIET))
    fill(engine, simulated())
    table = "cisco_ucce.termination_call_detail_all"
    blue = count(engine, table, tenant_id="blue")
    fill(engine, red)
    assert count(engine, table, tenant_id="red") == red.truth.height
    assert count(engine, table, tenant_id="blue") == blue > 0


def test_rows_show_when_the_clock_has_passed_their_replication(engine: Engine) -> None:
    result = simulated()
    fill(engine, result)
    replicated = result.tables["termination_call_detail"]["replicated_at"].sort()
    middle = replicated[replicated.len() // 2]
    set_clock(engine, "ucce", middle)
    shown = count(engine, "cisco_ucce.termination_call_detail")
    assert shown == replicated.filter(replicated <= middle).len()
    assert count(engine, "cisco_ucce.agent") == result.tables["agent"].height
    set_clock(engine, "ucce", replicated[0] - timedelta(seconds=1))
    assert count(engine, "cisco_ucce.termination_call_detail") == 0


def test_an_older_release_hides_the_end_in_utc_of_all_tenants(engine: Engine) -> None:
    fill(engine, simulated())
    fill(engine, simulated("ucce", version="11.6"))
    with engine.connect() as connection:
        columns = connection.execute(text("SELECT * FROM cisco_ucce.termination_call_detail LIMIT 0")).keys()
    assert "callterminateddatetimeutc" not in columns


def test_progress_tells_every_row(engine: Engine) -> None:
    told: list[int] = []
    written = fill(engine, simulated(), told.append)
    assert sum(told) == sum(written.values())


def test_a_fill_that_fails_leaves_what_was_there(engine: Engine) -> None:
    result = simulated()
    fill(engine, result)
    broken = {
        **result.tables,
        "dialer_detail": result.tables["dialer_detail"].with_columns(phone=pl.lit("0" * 99)),
    }
    with pytest.raises(Exception, match="too long"):
        fill(engine, replace(result, tables=broken))
    assert count(engine, "cisco_ucce.termination_call_detail") == result.truth.height


def test_a_database_that_is_away_is_told_without_its_password() -> None:
    away = engine_for(SecretStr("postgresql://cx:geheim@127.0.0.1:9/cx"))
    with pytest.raises(DatabaseUnavailableError) as caught:
        fill(away, simulated())
    assert "geheim" not in str(caught.value)
