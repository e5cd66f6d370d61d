from datetime import timedelta

import polars as pl

from cx_pipeline.core.enrichment.heartbeat_gaps import GAP_TOLERANCE, gaps
from cx_pipeline.core.enrichment.schema import HEARTBEAT_GAP_SCHEMA
from cx_pipeline_tests.core.enrichment.scenario import time_of

BEAT_SCHEMA = {
    "tenant_id": pl.String,
    "source": pl.String,
    "listener_id": pl.String,
    "beat_at": pl.Datetime("us", "UTC"),
    "is_connected": pl.Boolean,
}
SPAN = time_of("10:00:00"), time_of("11:00:00")


def beats(first, last, *, listener="one", source="jtapi", tenant=None, connected=True, every_s=10):
    """One beat each `every_s` from first to last."""
    start, end = time_of(first), time_of(last)
    count = int((end - start).total_seconds() // every_s) + 1
    return [
        (tenant, source, listener, start + timedelta(seconds=every_s * n), connected) for n in range(count)
    ]


def found(*rows):
    frame = pl.DataFrame([row for part in rows for row in part], BEAT_SCHEMA, orient="row")
    result = gaps(frame.reverse(), GAP_TOLERANCE, SPAN)
    assert result.schema == HEARTBEAT_GAP_SCHEMA
    return [
        (tenant, source, f"{start:%H:%M:%S}", f"{end:%H:%M:%S}")
        for tenant, source, start, end in result.iter_rows()
    ]


def test_without_heartbeats_no_gap_is_known():
    assert found() == []


def test_a_listener_that_beats_has_no_gap():
    assert found(beats("09:50:00", "11:10:00")) == []
    assert found(beats("09:50:00", "11:10:00", every_s=30)) == []


def test_a_silence_is_a_gap_from_the_last_beat_to_the_next():
    assert found(beats("09:50:00", "10:10:00"), beats("10:20:00", "11:10:00")) == [
        (None, "jtapi", "10:10:00", "10:20:00")
    ]


def test_beats_without_a_connection_are_no_sign_that_anybody_listens():
    rows = (
        beats("09:50:00", "10:10:00"),
        beats("10:10:10", "10:19:50", connected=False),
        beats("10:20:00", "11:10:00"),
    )
    assert found(*rows) == [(None, "jtapi", "10:10:00", "10:20:00")]


def test_while_another_listener_of_the_source_is_up_there_is_no_gap():
    rows = beats("09:50:00", "10:10:00"), beats("10:20:00", "11:10:00")
    assert found(*rows, beats("10:05:00", "10:25:00", listener="two")) == []
    assert found(*rows, beats("10:05:00", "10:25:00", source="genesys")) != []


def test_a_silence_that_lasts_ends_with_the_span_and_one_from_before_begins_with_it():
    assert found(beats("09:00:00", "09:30:00"), beats("10:15:00", "10:50:00")) == [
        (None, "jtapi", "10:00:00", "10:15:00"),
        (None, "jtapi", "10:50:00", "11:00:00"),
    ]


def test_before_the_first_beat_nothing_is_known_unless_it_says_that_it_hears_nothing():
    assert found(beats("10:15:00", "11:10:00")) == []
    assert found(beats("10:15:00", "10:20:00", connected=False), beats("10:21:00", "11:10:00")) == [
        (None, "jtapi", "10:15:00", "10:21:00")
    ]


def test_a_listener_of_all_tenants_listens_for_each():
    of_acme = beats("09:50:00", "10:10:00", tenant="acme"), beats("10:20:00", "11:10:00", tenant="acme")
    assert found(*of_acme) == [("acme", "jtapi", "10:10:00", "10:20:00")]
    assert found(*of_acme, beats("09:50:00", "11:10:00", listener="two")) == []
