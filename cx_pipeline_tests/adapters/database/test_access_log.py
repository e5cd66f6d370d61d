"""The log of access: one row for a play, its figures brought up to date together."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.access_log import JOINED_FOR, Access, AccessLog
from cx_pipeline.core.errors import ConfigurationError

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
ACCESS = Access("acme", "anna", "session", "PLAY", "a recording", client="10.0.0.1")


def rows(engine: Engine) -> list[Any]:
    query = text("SELECT requests, sent_bytes, begun_at, last_at FROM access_log ORDER BY access_id")
    with engine.connect() as connection:
        return list(connection.execute(query))


def test_requests_within_minutes_are_one_row_and_later_ones_another(engine: Engine) -> None:
    log, now = AccessLog(engine), NOW
    for _ in range(3):
        log.sent(log.begin(ACCESS, now), 10, now + timedelta(seconds=1))
        now += JOINED_FOR
    later = log.begin(ACCESS, now + timedelta(seconds=2))
    log.sent(later, 5, now + timedelta(seconds=2))
    assert log.flush() == 2
    ended = NOW + 2 * JOINED_FOR + timedelta(seconds=1)
    assert rows(engine) == [
        (3, 30, NOW, ended),
        (1, 5, now + timedelta(seconds=2), now + timedelta(seconds=2)),
    ]


def test_requests_that_begin_together_write_one_row(engine: Engine) -> None:
    log = AccessLog(engine)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: log.begin(ACCESS, NOW), range(40)))
    assert len(rows(engine)) == 1
    log.flush()
    assert rows(engine)[0].requests == 40


def test_what_did_not_change_is_not_written_again(engine: Engine) -> None:
    log = AccessLog(engine)
    row = log.begin(ACCESS, NOW)
    assert log.flush() == 0
    log.sent(row, 1, NOW)
    assert (log.flush(), log.flush()) == (1, 0)


def test_a_flush_that_fails_loses_nothing(engine: Engine) -> None:
    log = AccessLog(engine)
    row = log.begin(ACCESS, NOW)
    log.sent(row, 7, NOW)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE access_log RENAME TO elsewhere"))
    with pytest.raises(ConfigurationError):
        log.flush()
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO access_log"))
    log.sent(row, 1, NOW)
    assert log.flush() == 1
    assert rows(engine)[0].sent_bytes == 8


def test_who_cannot_be_noted_is_refused_and_noted_at_the_next_try(engine: Engine) -> None:
    log = AccessLog(engine)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE access_log RENAME TO elsewhere"))
    with pytest.raises(ConfigurationError):
        log.begin(ACCESS, NOW)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO access_log"))
    log.begin(ACCESS, NOW)
    assert [row.requests for row in rows(engine)] == [1]
