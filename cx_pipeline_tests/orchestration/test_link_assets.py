"""From messages and a recording, whichever comes second, to a link that the conversation is told of once."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import dagster as dg
import pytest

from cx_pipeline.core.frames import RECORDING_LINKS
from cx_pipeline.core.job_names import LINK_JOB
from cx_pipeline.orchestration import link_ticks
from cx_pipeline.orchestration.assets import messages
from cx_pipeline_tests.orchestration.deployment import TEN, call
from cx_pipeline_tests.orchestration.recorded_site import RecordedSite
from cx_pipeline_tests.orchestration.telling_site import TellingSite

Clock = Callable[[datetime], None]

KEY = "2026-03-02-10:00"
MINUTE, SECOND, HOUR = timedelta(minutes=1), timedelta(seconds=1), timedelta(hours=1)
START, LASTS = TEN + MINUTE, 20 * SECOND
TALK, END = START + 6 * SECOND, START + LASTS
LENGTH = END - TALK


@pytest.fixture
def linked(site: TellingSite, recorded: RecordedSite, clock: Clock) -> RecordedSite:
    """A call that ended, its record, both of its files: nothing is computed yet."""
    clock(END + 2 * MINUTE)
    recorded.deployment.store(*call("1_100", START, lasts=LASTS))
    site.record(100, END)
    for side in ("near", "far"):
        recorded.leave("1_100", side, TALK, LENGTH)
    return recorded


def links(site: RecordedSite) -> list[tuple[object, ...]]:
    """State and method of each link that is more than a voice activity without a recording, and the address that was told."""
    return site.deployment.rows(
        "SELECT l.state, l.method, m.status, m.payload::jsonb #>> '{body,voiceRecordingUrl}'"
        " FROM recording_link AS l LEFT JOIN outbox_message AS m USING (message_id)"
        " WHERE l.state <> 'UNMATCHED'"
    )


def test_a_recording_that_is_made_after_the_messages_left_is_linked_by_its_own_run_once(
    linked: RecordedSite, site: TellingSite
):
    linked.deployment.run(KEY)
    assert links(linked) == []
    checks = linked.checks(linked.record(KEY))
    [(state, method, status, url)] = links(linked)
    assert (state, method, status) == ("LINKED", "leg_id", "DELIVERED")
    leg_key = linked.deployment.value("SELECT leg_key FROM enriched_leg")
    assert url == f"http://127.0.0.1:9900/{leg_key}/recording-file"
    assert checks["link_rate"]
    assert checks["ambiguous_links"]
    before = site.ledger()
    linked.record(KEY)
    linked.deployment.run(KEY)
    assert site.ledger()["receptions"] == before["receptions"], "nothing is told twice"
    row = linked.deployment.frames.read(RECORDING_LINKS, linked.deployment.window(KEY)).frame.row(
        0, named=True
    )
    assert row["evidence"]
    assert json.loads(row["evidence"])


def test_messages_that_leave_after_the_recording_was_made_are_followed_by_the_link_in_the_same_run(
    linked: RecordedSite, site: TellingSite, clock: Clock
):
    site.forget_records()
    linked.deployment.run(KEY)
    linked.record(KEY)
    assert linked.states() == [("COMPLETED", None)]
    assert links(linked) == site.messages() == []
    site.record(100, END)
    clock(END + 6 * MINUTE)
    linked.deployment.run(KEY)
    [(state, _, status, _)] = links(linked)
    assert (state, status) == ("LINKED", "DELIVERED")


def test_a_window_whose_messages_were_taken_late_is_asked_for_its_links_until_it_has_them(
    linked: RecordedSite, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(link_ticks, "LOOKS_BACK", timedelta(days=4000))  # the database's clock is today's
    with monkeypatch.context() as hurried:
        hurried.setattr(messages, "DELIVERY_BUDGET_S", 0.0)
        linked.deployment.run(KEY)
        linked.record(KEY)
    clock(TEN + 5 * HOUR)
    assert tick(linked) == [], "nothing was taken yet"
    linked.deployment.run("2026-03-02-14:00")  # any run delivers what is due
    assert tick(linked) == [KEY]
    linked.deployment.run(KEY, job=LINK_JOB)
    [(state, _, status, _)] = links(linked)
    assert (state, status) == ("LINKED", "DELIVERED")
    assert tick(linked) == []


def tick(site: RecordedSite) -> list[str]:
    sensor = site.deployment.definitions.resolve_sensor_def("link_sensor")
    context = dg.build_sensor_context(
        instance=site.deployment.instance,
        resources=site.deployment.definitions.resources,
        definitions=site.deployment.definitions,
        sensor_name="link_sensor",
    )
    data = sensor.evaluate_tick(context)
    return [request.partition_key for request in data.run_requests or [] if request.partition_key]
