"""Recorders' own files go once their recording is safe for long enough, and never before."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from cx_pipeline.adapters.mixing.raw_streams import Deletion, RawStreams
from cx_pipeline_tests.orchestration.deployment import TEN, call
from cx_pipeline_tests.orchestration.recorded_site import RecordedSite

Clock = Callable[[datetime], None]

KEY = "2026-03-02-10:00"
MINUTE, SECOND, DAY = timedelta(minutes=1), timedelta(seconds=1), timedelta(days=1)
START, LASTS = TEN + MINUTE, 20 * SECOND
TALK, END = START + 6 * SECOND, START + LASTS


@pytest.fixture
def recorded_call(recorded: RecordedSite, clock: Clock) -> RecordedSite:
    """A call with both voices, whose recording was just made."""
    clock(END + 10 * SECOND)
    recorded.deployment.store(*call("1_100", START, lasts=LASTS))
    recorded.deployment.run(KEY)
    for side in ("near", "far"):
        recorded.leave("1_100", side, TALK, END - TALK)
    recorded.record(KEY)
    return recorded


def delete(site: RecordedSite, after: timedelta) -> Deletion:
    return RawStreams(site.deployment.settings, site.deployment.engine).delete_due(datetime.now(UTC) + after)


def left(site: RecordedSite) -> int:
    return sum(path.is_file() for path in site.streams.rglob("*"))


def test_the_files_of_a_finished_recording_go_after_seven_days_and_not_before(recorded_call: RecordedSite):
    assert delete(recorded_call, 6 * DAY) == Deletion(0, 0, 0, ())
    assert left(recorded_call) == 4
    gone = delete(recorded_call, 8 * DAY)
    assert (gone.recordings, gone.files, gone.broken) == (1, 4, ())
    assert left(recorded_call) == 0
    assert delete(recorded_call, 8 * DAY) == Deletion(0, 0, 0, ())


def test_a_window_computed_after_that_keeps_its_recording(recorded_call: RecordedSite, clock: Clock):
    delete(recorded_call, 8 * DAY)
    clock(END + 8 * DAY)
    recorded_call.record(KEY)
    assert recorded_call.states() == [("COMPLETED", None)]
    assert len(recorded_call.finished()) == 1


def test_nothing_is_deleted_where_the_recording_does_not_hold_any_more(recorded_call: RecordedSite):
    [audio] = recorded_call.finished()
    changed = bytearray(audio.read_bytes())
    changed[-1] ^= 1
    audio.write_bytes(changed)
    gone = delete(recorded_call, 8 * DAY)
    assert (gone.recordings, gone.files, len(gone.broken)) == (0, 0, 1)
    audio.unlink()
    assert len(delete(recorded_call, 8 * DAY).broken) == 1
    assert left(recorded_call) == 4


def test_the_files_of_a_recording_that_failed_stay(recorded_call: RecordedSite):
    with recorded_call.deployment.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE recording SET state = 'FAILED', failure = 'STORAGE'")
    assert delete(recorded_call, 400 * DAY).files == 0
    assert left(recorded_call) == 4


def test_a_file_stays_as_long_as_another_recording_needs_it(recorded_call: RecordedSite):
    with recorded_call.deployment.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO recording (recording_id, tenant_id, kind, window_start, state, manifest_ids) "
            "SELECT gen_random_uuid(), tenant_id, 'LEG', window_start, 'QUEUED', manifest_ids FROM recording"
        )
    assert delete(recorded_call, 8 * DAY).files == 0


def test_files_of_what_a_rule_skipped_go_too(
    recorded: RecordedSite, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    rules = recorded.streams.parent / "rules.yaml"
    rules.write_text("rules:\n- {tenant: acme, id: none, type: DEFAULT, action: SKIP}\n")
    monkeypatch.setenv("CX_RECORDING_RULES_FILE", str(rules))
    clock(END + 10 * SECOND)
    recorded.deployment.store(*call("1_100", START, lasts=LASTS))
    recorded.deployment.run(KEY)
    recorded.leave("1_100", "near", TALK, END - TALK)
    recorded.record(KEY)
    assert recorded.states() == [("SKIPPED", None)]
    assert delete(recorded, 8 * DAY).files == 2


def test_the_nightly_job_deletes_them_and_tells_how_many(recorded_call: RecordedSite):
    with recorded_call.deployment.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE recording SET completed_at = now() - interval '8 days'")
    deployment = recorded_call.deployment
    result = deployment.definitions.resolve_job_def("prune_job").execute_in_process(
        instance=deployment.instance
    )
    assert result.success
    assert left(recorded_call) == 0
