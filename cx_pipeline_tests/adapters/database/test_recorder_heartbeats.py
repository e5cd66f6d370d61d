"""Heartbeats of recorders: noted once, read by time with the newest before, forgotten when old."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from cx_pipeline.adapters.database.recorder_heartbeats import RECORDER_HEARTBEAT_SCHEMA, RecorderHeartbeats

NOON = datetime(2026, 6, 8, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_a_heartbeat_is_noted_once(engine: Engine) -> None:
    beats = RecorderHeartbeats(engine)
    beats.beat("fs1", NOON, active_recordings=3)
    beats.beat("fs1", NOON, active_recordings=4)
    read = beats.between(NOON, NOON)
    assert read.schema == RECORDER_HEARTBEAT_SCHEMA
    assert read.rows() == [("fs1", NOON, 3)]


def test_the_newest_of_each_recorder_before_a_span_is_read_too(engine: Engine) -> None:
    beats = RecorderHeartbeats(engine)
    for recorder, minutes in (
        ("fs1", -30),
        ("fs1", -2),
        ("fs1", 1),
        ("fs2", -5),
        ("fs2", 90),
        ("fs3", -60 * 24 * 8),
    ):
        beats.beat(recorder, NOON + minutes * MINUTE)
    read = beats.between(NOON, NOON + 60 * MINUTE)
    assert [(recorder, (at - NOON) // MINUTE) for recorder, at, _ in read.rows()] == [
        ("fs1", -2),
        ("fs1", 1),
        ("fs2", -5),
    ]


def test_old_heartbeats_are_forgotten(engine: Engine) -> None:
    beats = RecorderHeartbeats(engine)
    beats.beat("fs1", NOON - MINUTE)
    beats.beat("fs1", NOON)
    assert beats.forget_before(NOON) == 1
    assert beats.between(NOON - MINUTE, NOON).height == 1
