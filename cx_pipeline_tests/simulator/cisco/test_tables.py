"""The simulated tables: Cisco's names and columns, and views that show what has been replicated."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from cx_pipeline.simulator.cisco.tables import FLAVOURS, TABLES, create_tables, set_clock

ONE_CALL = """
    INSERT INTO cisco_ucce.termination_call_detail_all (recoverykey, peripheralcallkey, tenant_id, replicated_at)
    VALUES (:key, 16777507, 'red', :replicated_at)
"""


def columns_of(engine: Engine, schema: str, table: str) -> list[str]:
    statement = (
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_schema = :schema AND table_name = :table ORDER BY ordinal_position"
    )
    with engine.connect() as connection:
        return list(connection.execute(text(statement), {"schema": schema, "table": table}).scalars())


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_tables_are_read_by_ciscos_names_and_can_be_made_twice(engine: Engine, flavour: str) -> None:
    for _ in range(2):
        create_tables(engine, flavour)  # type: ignore[arg-type]
    for name, table in TABLES[flavour].items():  # type: ignore[index]
        shown = columns_of(engine, f"cisco_{flavour}", name)
        assert shown == [column.name for column in table.c][:-2]


def test_before_12_5_the_end_in_utc_is_no_column_and_from_then_on_it_is(engine: Engine) -> None:
    for version, has_column in (("12.5", True), ("11.6", False), ("12.5", True)):
        create_tables(engine, "ucce", version)
        shown = columns_of(engine, "cisco_ucce", "termination_call_detail")
        assert ("callterminateddatetimeutc" in shown) is has_column
        assert "datetime" in shown


def test_views_hide_what_is_not_replicated_at_the_simulated_moment(engine: Engine) -> None:
    create_tables(engine, "ucce")
    with engine.begin() as connection:
        connection.execute(text(ONE_CALL), {"key": 1, "replicated_at": "2024-01-15T10:00:00Z"})
        connection.execute(text(ONE_CALL), {"key": 2, "replicated_at": "2024-01-15T10:30:00Z"})
        connection.execute(text(ONE_CALL), {"key": 3, "replicated_at": "2999-01-01T00:00:00Z"})

    def shown(now: str) -> list[float]:
        with engine.begin() as connection:
            connection.execute(text("SELECT set_config('simulated.now', :now, true)"), {"now": now})
            keys = connection.execute(
                text("SELECT recoverykey FROM cisco_ucce.termination_call_detail ORDER BY 1")
            )
            return list(keys.scalars())

    assert shown("2024-01-15T09:59:59.999Z") == []
    assert shown("2024-01-15T10:00:00Z") == [1]
    assert shown("2024-01-15T11:30:00+01:00") == [1, 2]
    assert shown("") == [1, 2]


def test_a_clock_that_was_stopped_stands_for_all_sessions_until_it_is_let_go(engine: Engine) -> None:
    create_tables(engine, "ucce")
    with engine.begin() as connection:
        for hour in (10, 11):
            connection.execute(text(ONE_CALL), {"key": hour, "replicated_at": f"2024-01-15T{hour}:00:00Z"})

    def count() -> int:
        with engine.connect() as connection:
            statement = text("SELECT count(*) FROM cisco_ucce.termination_call_detail")
            return int(connection.execute(statement).scalar_one())

    for stands_at, shown in (
        (datetime(2024, 1, 15, 9, tzinfo=UTC), 0),
        (datetime(2024, 1, 15, 10, tzinfo=UTC), 1),
    ):
        set_clock(engine, "ucce", stands_at)
        create_tables(engine, "ucce")
        assert count() == shown
    set_clock(engine, "ucce", None)
    assert count() == 2
