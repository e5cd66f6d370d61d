from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Event

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from cx_pipeline.adapters.database.locks import INTAKE_LOCK
from cx_pipeline.adapters.database.partitions import (
    drop_partitions_before,
    drop_partitions_older_than,
    ensure_partitions,
)
from cx_pipeline_tests.adapters.database.stored import at, fact, store

DAYS = [date(2024, 1, day) for day in (15, 16, 17)]
ATTACHED = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'jtapi_event'::regclass")


def made(engine: Engine, days: list[date] = DAYS) -> list[date]:
    with engine.connect() as connection:
        return ensure_partitions(connection, days)


def attached(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return sorted(connection.execute(ATTACHED).scalars())


def test_partitions_are_made_once(engine: Engine) -> None:
    assert made(engine, DAYS[:2]) == DAYS[:2]
    assert made(engine) == DAYS[2:]
    assert made(engine) == []
    assert attached(engine) == ["jtapi_event_20240115", "jtapi_event_20240116", "jtapi_event_20240117"]


def test_a_partition_takes_its_utc_day_and_nothing_else(engine: Engine) -> None:
    made(engine)
    with engine.connect() as connection:
        connection.execute(text("SET TIME ZONE 'America/New_York'"))
        connection.commit()
        assert ensure_partitions(connection, [date(2024, 2, 1)]) == [date(2024, 2, 1)]
    store(engine, fact("1_1", at("00:00", 16)), fact("1_1", at("23:59:59.999999", 16)))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM jtapi_event_20240116")).scalar_one() == 2
        connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))
        bounds = connection.execute(
            text("SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = 'jtapi_event_20240201'")
        ).scalar_one()
    assert bounds == "FOR VALUES FROM ('2024-02-01 00:00:00+00') TO ('2024-02-02 00:00:00+00')"


def test_several_make_the_same_partitions_at_once(engine: Engine) -> None:
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda _: made(engine), range(6)))
    assert sorted(day for days in done for day in days) == DAYS


def test_partitions_are_made_beside_an_insert_that_has_not_ended(engine: Engine) -> None:
    """An insert holds the intake's lock and its partition while another process needs a new day."""
    made(engine, DAYS[:1])
    with engine.begin() as inserting:
        inserting.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": INTAKE_LOCK})
        inserting.execute(
            text(
                "INSERT INTO jtapi_event (event_id, event_time, received_at, call_key, tenant_id, source, listener_id, "
                "event_name) VALUES (gen_random_uuid(), :now, :now, '1_1', 't', 's', '', 'n')"
            ),
            {"now": at("10:00")},
        )
        assert made(engine, DAYS[1:]) == DAYS[1:]


def test_a_connection_in_a_transaction_is_refused(engine: Engine) -> None:
    with engine.begin() as connection, pytest.raises(ValueError, match="before a transaction"):
        ensure_partitions(connection, DAYS)


def test_retention_drops_old_days_and_keeps_the_rest(engine: Engine) -> None:
    store(engine, *(fact("1_1", at("10:00", day)) for day in (15, 16, 17)))
    assert drop_partitions_older_than(engine, keep_days=1, now=at("09:00", 17)) == DAYS[:1]
    assert drop_partitions_before(engine, date(2024, 1, 16)) == []
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM jtapi_event")).scalar_one() == 2


def test_retention_waits_for_readers_without_holding_up_inserts(engine: Engine) -> None:
    store(engine, fact("1_1", at("10:00", 15)), fact("1_1", at("10:00", 16)))
    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as reading:
            reading.execute(text("SELECT count(*) FROM jtapi_event"))
            started = Event()
            dropping = pool.submit(lambda: (started.set(), drop_partitions_before(engine, DAYS[1])))
            started.wait()
            store(engine, fact("1_2", at("11:00", 16)))
            assert not dropping.done()
        assert dropping.result(timeout=60)[1] == DAYS[:1]


def test_a_retention_that_was_killed_half_way_is_finished_by_the_next(engine: Engine) -> None:
    store(engine, fact("1_1", at("10:00", 15)), fact("1_1", at("10:00", 16)))
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE jtapi_event DETACH PARTITION jtapi_event_20240115"))
    _interrupt_detaching(engine, "jtapi_event_20240116")
    assert drop_partitions_before(engine, DAYS[2]) == DAYS[:2]
    assert attached(engine) == []


def test_a_day_whose_partition_was_half_dropped_can_be_used_again(engine: Engine) -> None:
    store(engine, fact("1_1", at("10:00", 15)))
    _interrupt_detaching(engine, "jtapi_event_20240115")
    assert made(engine, DAYS[:1]) == DAYS[:1]
    store(engine, fact("1_1", at("10:00", 15)))


def _interrupt_detaching(engine: Engine, name: str) -> None:
    """Leave a partition half detached, as a kill does: a reader holds it up until the time-out."""
    detach = text(f"ALTER TABLE jtapi_event DETACH PARTITION {name} CONCURRENTLY")
    with (
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as detaching,
        engine.begin() as reading,
    ):
        detaching.execute(text("SET lock_timeout = '100ms'"))
        reading.execute(text("SELECT count(*) FROM jtapi_event"))
        with pytest.raises(DBAPIError, match="lock timeout"):
            detaching.execute(detach)
        detaching.execute(text("RESET lock_timeout"))
