import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import polars as pl
import psycopg
import pytest
import stamina
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import Engine, event, text

from cx_pipeline.adapters.database.connection import engine_for
from cx_pipeline.adapters.database.event_intake import MAX_DAYS, EventIntake, InsertCounts, first_received
from cx_pipeline.adapters.database.partitions import drop_partitions_before
from cx_pipeline.core.directory import EMPTY_DIRECTORY
from cx_pipeline.core.errors import ConfigurationError, DatabaseUnavailableError, PermanentError
from cx_pipeline.core.events.intake import prepare
from cx_pipeline.core.events.schema import EVENT_SCHEMA

NOON = datetime(2024, 1, 15, 12, tzinfo=UTC)


def usable(*rows: dict[str, Any]) -> pl.DataFrame:
    """Events that can be stored: a talking of 1005 at noon, but for what each row says."""
    default = {
        "event_time": NOON,
        "event_name": "CallCtlTermConnTalkingEv",
        "global_call_id": "1_7",
        "extension": "1005",
    }
    return prepare(pl.DataFrame([default | row for row in rows], schema=EVENT_SCHEMA), EMPTY_DIRECTORY).usable


def stored(engine: Engine, *columns: str) -> list[tuple[Any, ...]]:
    """Columns of the stored events, in order of arrival."""
    with engine.connect() as connection:
        rows = connection.execute(
            text(f"SELECT {', '.join(columns)} FROM jtapi_event ORDER BY arrival_sequence")
        )
        return [tuple(row) for row in rows]


def test_events_are_stored_with_all_that_they_say(engine: Engine) -> None:
    row = {
        "tenant_id": "acme",
        "source": "jtapi",
        "listener_id": "l1",
        "event_time": NOON + timedelta(microseconds=123456),
        "received_at": NOON + timedelta(seconds=1),
        "event_name": 'odd "name", with, commas\nand lines \\N',
        "event_code": -219,
        "global_call_id": "167890/1",
        "previous_global_call_id": "1_3",
        "link_id": "é💬",
        "cause": "\\.",
        "extension": "NULL",
        "terminal": None,
    }
    EventIntake(engine).insert(usable(row))

    ((call_key, previous_call_key, *values),) = stored(engine, "call_key", "previous_call_key", *EVENT_SCHEMA)
    assert (call_key, previous_call_key) == ("1_167890", "1_3")
    assert dict(zip(EVENT_SCHEMA, values, strict=True)) == dict.fromkeys(EVENT_SCHEMA) | row


def test_events_go_to_the_partitions_of_their_days(engine: Engine) -> None:
    times = [NOON.replace(hour=23, minute=59, second=59, microsecond=999999), NOON + timedelta(hours=12)]
    EventIntake(engine).insert(usable(*({"event_time": time} for time in times)))
    assert stored(engine, "tableoid::regclass::text") == [
        ("jtapi_event_20240115",),
        ("jtapi_event_20240116",),
    ]


def test_an_event_is_stored_once_however_often_it_comes(engine: Engine) -> None:
    events = usable({}, {}, {"extension": "1006"})
    intake = EventIntake(engine)
    assert intake.insert(events) == InsertCounts(read=3, stored=2, duplicates=1)
    assert intake.insert(events) == InsertCounts(read=3, stored=0, duplicates=3)
    assert stored(engine, "extension") == [("1005",), ("1006",)]


def test_nothing_is_no_work(engine: Engine) -> None:
    assert EventIntake(engine).insert(usable({}).clear()) == InsertCounts(0, 0, 0)


@pytest.mark.parametrize(
    "other",
    [
        {"tenant_id": "acme"},
        {"source": "genesys"},
        {"listener_id": "l2"},
        {"global_call_id": "2_7"},
        {"event_name": "CallCtlTermConnHeldEv"},
        {"event_time": NOON + timedelta(microseconds=1)},
        {"extension": None},
        {"terminal": "SEP1"},
        {"connection_id": "c1"},
    ],
)
def test_what_differs_in_its_identity_is_another_event(engine: Engine, other: dict[str, Any]) -> None:
    intake = EventIntake(engine)
    intake.insert(usable({}))
    assert intake.insert(usable(other)).stored == 1


def test_the_same_identity_with_other_details_is_the_same_event(engine: Engine) -> None:
    intake = EventIntake(engine)
    intake.insert(usable({"cause": "16", "global_call_id": "1_7"}))
    assert intake.insert(usable({"cause": "17", "global_call_id": "16777223"})).duplicates == 1


def later(seconds: float) -> dict[str, Any]:
    return {"received_at": NOON + timedelta(seconds=seconds)}


@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    reports=st.lists(
        st.tuples(st.sampled_from(["1005", "1006", "1007"]), st.integers(0, 5), st.integers(0, 2)), min_size=1
    )
)
def test_the_first_arrival_counts_in_whatever_order_and_batches_reports_come(
    engine: Engine, reports: list[tuple[str, int, int]]
) -> None:
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM jtapi_event"))
    intake = EventIntake(engine)
    for batch in range(3):
        rows = [{"extension": ext, **later(seconds)} for ext, seconds, which in reports if which == batch]
        if rows:
            intake.insert(usable(*rows))

    earliest = {ext: min(s for e, s, _ in reports if e == ext) for ext, _, _ in reports}
    expected = {(ext, NOON + timedelta(seconds=seconds)) for ext, seconds in earliest.items()}
    assert set(stored(engine, "extension", "received_at")) == expected


def test_an_event_whose_arrival_moves_back_is_seen_as_new(engine: Engine) -> None:
    intake = EventIntake(engine)
    intake.insert(usable(later(3), {"extension": "1006", **later(3)}))
    ((_, first), (_, second)) = stored(engine, "extension", "arrival_sequence")

    intake.insert(usable(later(9), {"extension": "1006", **later(3)}))
    assert stored(engine, "arrival_sequence") == [(first,), (second,)], (
        "a later or equal arrival changes nothing"
    )

    intake.insert(usable(later(1)))
    rows = stored(engine, "extension", "arrival_sequence", "received_at")
    assert [row[0] for row in rows] == ["1006", "1005"]
    assert rows[1][1] > second
    assert rows[1][2] == NOON + timedelta(seconds=1)


def test_many_events_of_one_instant_are_found_again_by_their_ids(engine: Engine) -> None:
    """By the time's index, each of them would be compared with all others: two minutes for 48,000."""
    plans: list[str] = []

    def before(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("UPDATE jtapi_event"):
            with connection.connection.driver_connection.cursor() as other:
                plans.append("\n".join(row[0] for row in other.execute(f"EXPLAIN {statement}", parameters)))

    events = usable(*({"extension": str(number)} for number in range(5000)))
    intake = EventIntake(engine)
    intake.insert(events)
    event.listen(engine, "before_cursor_execute", before)
    intake.insert(events)

    (plan,) = plans
    assert "jtapi_event_20240115_pkey" in plan
    assert "_event_time_idx" not in plan


def test_of_repeated_events_the_first_received_is_kept_in_its_place() -> None:
    events = usable(later(5), {"extension": "1006"}, later(2), later(2), later(7))
    kept = first_received(events)
    assert kept.select("extension", "received_at").rows() == [
        ("1006", NOON),
        ("1005", NOON + timedelta(seconds=2)),
    ]


def test_more_days_than_a_transaction_may_lock_are_stored_in_parts(engine: Engine) -> None:
    days = MAX_DAYS + 3
    events = usable(*({"event_time": NOON + timedelta(days=day)} for day in range(days)))
    assert EventIntake(engine).insert(events).stored == days
    assert len(stored(engine, "event_id")) == days


def test_the_partition_of_a_day_comes_again_after_it_was_dropped(engine: Engine) -> None:
    intake = EventIntake(engine)
    intake.insert(usable({}))
    drop_partitions_before(engine, NOON.date() + timedelta(days=1))
    assert intake.insert(usable({})).stored == 1


def test_who_sees_an_arrival_number_has_seen_all_below_it(engine: Engine) -> None:
    """Four writers at once, with some of the same events; a reader that keeps a high-water mark misses none."""
    intake = EventIntake(engine)
    random = Random(1)
    batches = [usable(*({"extension": str(random.randrange(3000))} for _ in range(100))) for _ in range(24)]
    seen: set[str] = set()
    is_done = threading.Event()

    def watch() -> None:
        mark, is_last = 0, False
        while not is_last:
            is_last = is_done.is_set()
            with engine.connect() as connection:
                statement = text(
                    "SELECT arrival_sequence, extension FROM jtapi_event WHERE arrival_sequence > :mark"
                )
                for number, extension in connection.execute(statement, {"mark": mark}):
                    mark = max(mark, number)
                    seen.add(extension)

    with ThreadPoolExecutor(5) as pool:
        watching = pool.submit(watch)
        counts = list(pool.map(intake.insert, batches))
        is_done.set()
        watching.result()

    everything = {extension for (extension,) in stored(engine, "extension")}
    assert sum(count.stored for count in counts) == len(everything)
    assert sum(count.read for count in counts) == 2400
    assert seen == everything


def test_the_partition_that_is_dropped_at_the_last_moment_is_made_again(engine: Engine) -> None:
    dropped: list[Any] = []

    def before(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "CREATE TEMPORARY" in statement and not dropped:
            dropped.append(None)
            dropped[:] = drop_partitions_before(engine, NOON.date() + timedelta(days=1))

    event.listen(engine, "before_cursor_execute", before)
    assert EventIntake(engine).insert(usable({})).stored == 1
    assert dropped == [NOON.date()]


@pytest.fixture
def interrupted(engine: Engine) -> Iterator[list[str]]:
    """Ends the server's side of the connection just before a statement that begins with one of these words."""
    words: list[str] = []

    def before(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if words and statement.lstrip().startswith(words[0]):
            words.pop(0)
            with psycopg.connect(
                connection.engine.url.set(drivername="postgresql").render_as_string(False)
            ) as other:
                other.execute("SELECT pg_terminate_backend(%s)", [cursor.connection.info.backend_pid])

    event.listen(engine, "before_cursor_execute", before)
    yield words
    event.remove(engine, "before_cursor_execute", before)


@pytest.mark.parametrize(
    "statement", ["CREATE TEMPORARY", "SELECT pg_advisory_xact_lock", "INSERT INTO jtapi_event"]
)
def test_a_connection_that_is_lost_is_tried_again(
    engine: Engine, interrupted: list[str], statement: str
) -> None:
    interrupted += [statement, statement]
    events = usable({}, {"extension": "1006"})
    assert EventIntake(engine).insert(events) == InsertCounts(read=2, stored=2, duplicates=0)
    assert interrupted == []


def test_a_database_that_stays_away_is_told_without_its_password() -> None:
    engine = engine_for(SecretStr("postgresql://somebody:s3cret@127.0.0.1:1/nowhere"))
    with stamina.set_testing(testing=True, attempts=2), pytest.raises(DatabaseUnavailableError) as raised:
        EventIntake(engine).insert(usable({}))
    assert "to store 1 events" in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_a_database_without_tables_is_told_what_to_do(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP FUNCTION jtapi_event_id"))
    with pytest.raises(ConfigurationError, match="run cx-pipeline migrate"):
        EventIntake(engine).insert(usable({}))


def test_events_that_the_database_refuses_are_no_matter_for_another_try(engine: Engine) -> None:
    nul = usable({}).with_columns(cause=pl.lit("a\0b"))
    with pytest.raises(PermanentError, match="the database refuses to store 1 events"):
        EventIntake(engine).insert(nul)
    assert stored(engine, "event_id") == []
