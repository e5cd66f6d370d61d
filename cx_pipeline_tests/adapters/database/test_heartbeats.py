from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from cx_pipeline.adapters.database.heartbeats import Heartbeats
from cx_pipeline_tests.orchestration.deployment import call, store_events

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def test_heartbeats_come_back_as_they_were_noted_and_once(engine: Engine):
    heartbeats = Heartbeats(engine)
    for at in (NOON, NOON, NOON + 10 * SECOND):
        heartbeats.beat("jtapi", "l1", at, is_connected=True)
    heartbeats.beat("jtapi", "l2", NOON, is_connected=False, tenant_id="red")
    assert heartbeats.between(NOON, NOON + MINUTE).rows() == [
        (None, "jtapi", "l1", NOON, True),
        (None, "jtapi", "l1", NOON + 10 * SECOND, True),
        ("red", "jtapi", "l2", NOON, False),
    ]


def test_an_outage_that_began_before_is_known_by_the_last_sign_of_life(engine: Engine):
    heartbeats = Heartbeats(engine)
    for hours, is_connected in ((9, True), (8, True), (7, False)):
        heartbeats.beat("jtapi", "l1", NOON - timedelta(hours=hours), is_connected=is_connected)
    heartbeats.beat("jtapi", "l2", NOON - timedelta(days=8), is_connected=True)
    assert heartbeats.between(NOON, NOON + MINUTE).rows() == [
        (None, "jtapi", "l1", NOON - timedelta(hours=8), True)
    ]


def test_the_newest_heartbeat_of_each_listener_tells_how_often_it_tried_in_vain(engine: Engine):
    heartbeats = Heartbeats(engine)
    heartbeats.beat("jtapi", "l1", NOON, is_connected=True)
    heartbeats.beat("jtapi", "l1", NOON + MINUTE, is_connected=False, failed_reconnections=10)
    heartbeats.beat("jtapi", "l2", NOON - timedelta(days=1), is_connected=True)
    newest = heartbeats.newest(NOON - MINUTE)
    assert [(each.listener_id, each.beat_at, each.failed_reconnections) for each in newest] == [
        ("l1", NOON + MINUTE, 10)
    ]


def test_keys_with_events_are_those_heard_of_in_the_span(engine: Engine):
    store_events(
        engine, *call("1_100", NOON, lasts=MINUTE), *call("1_101", NOON - 2 * 60 * MINUTE, lasts=MINUTE)
    )
    found = Heartbeats(engine).keys_with_events(["1_100", "1_101", "1_102"], NOON - MINUTE, NOON + MINUTE)
    assert found.rows() == [("acme", "1_100")]
    assert Heartbeats(engine).keys_with_events([], NOON, NOON).is_empty()


def test_old_heartbeats_can_be_forgotten(engine: Engine):
    heartbeats = Heartbeats(engine)
    for hours in (3, 2, 1):
        heartbeats.beat("jtapi", "l1", NOON - timedelta(hours=hours), is_connected=True)
    assert heartbeats.forget_before(NOON - timedelta(hours=2)) == 1
    assert heartbeats.between(NOON - timedelta(hours=4), NOON)["beat_at"].len() == 2
