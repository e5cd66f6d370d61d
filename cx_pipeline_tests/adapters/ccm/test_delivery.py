"""The deliverer against a receiver that answers as it is told, over real HTTP."""

import asyncio
import signal
import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import Engine, NullPool, create_engine, text

from cx_pipeline.adapters.ccm.delivery import Deliverer, deliver
from cx_pipeline.adapters.database.outbox_reading import OutboxReading
from cx_pipeline.core.errors import ConfigurationError, DatabaseUnavailableError
from cx_pipeline_tests.adapters.ccm.conftest import Site
from cx_pipeline_tests.adapters.ccm.outbox_content import (
    a_row,
    fill,
    fill_calls,
    message_id,
    statuses,
    stored,
)
from cx_pipeline_tests.adapters.ccm.receiver import DROPPED, OK, Reply


def test_messages_arrive_as_they_are_with_their_key_in_the_order_of_their_call(site: Site) -> None:
    fill(site.engine, [a_row(1, n, content='ü "quoted"\n') for n in range(4)] + [a_row(2, 0)])
    report = site.deliver()
    assert (report.sent, report.delivered, report.is_drained, report.is_stopped) == (5, 5, True, False)
    assert site.receiver.calls() == {"1": [message_id(1, n) for n in range(4)], "2": [message_id(2, 0)]}
    # Calls are delivered side by side: which of them comes first is open.
    post = next(post for post in site.receiver.posts if post.call == "1")
    assert post.body == a_row(1, 0, content='ü "quoted"\n').payload.encode()
    assert post.headers["content-type"] == "application/json"
    assert post.path == "/conversation-manager/activities/voice"
    assert "authorization" not in post.headers
    row = stored(site.engine, 1, 0)
    assert (row["status"], row["attempts"], row["last_status_code"]) == ("DELIVERED", 1, 200)
    assert row["delivered_at"] == row["first_attempt_at"] == site.clock.now


def test_a_message_that_is_known_already_is_delivered(site: Site) -> None:
    fill_calls(site.engine, 1, 2)
    site.receiver.script = lambda post: Reply(409, body="known")
    assert site.deliver().delivered == 2
    assert stored(site.engine, 0, 0)["last_error"] is None


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503, 302])
def test_a_message_that_failed_for_now_goes_again_and_holds_back_those_after_it(
    site: Site, status: int
) -> None:
    fill_calls(site.engine, 2, 3)
    site.receiver.script = lambda post: (
        Reply(status, body="not now") if post.message_id == message_id(1, 0) and post.attempt == 1 else OK
    )
    report = site.deliver()
    assert (report.delivered, report.retried, report.dead) == (3, 1, 0)
    assert "1" not in site.receiver.calls()
    row = stored(site.engine, 1, 0)
    assert (row["status"], row["attempts"], row["last_status_code"]) == ("WAITING", 1, status)
    assert "not now" in str(row["last_error"])
    assert row["next_attempt_at"] == site.clock.now + timedelta(seconds=1.5)
    site.clock.pass_(seconds=1.4)
    assert site.deliver().sent == 0
    site.clock.pass_(seconds=0.2)
    assert site.deliver().delivered == 3
    assert site.receiver.calls()["1"] == [message_id(1, n) for n in range(3)]


def test_a_receiver_that_asks_for_patience_gets_it(site: Site) -> None:
    fill_calls(site.engine, 1, 1)
    site.receiver.script = lambda post: Reply(429, headers={"Retry-After": "120"})
    site.deliver()
    assert stored(site.engine, 0, 0)["next_attempt_at"] == site.clock.now + timedelta(seconds=120)


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_a_refused_message_is_dead_and_its_calls_later_ones_go_on(site: Site, status: int) -> None:
    fill_calls(site.engine, 2, 3)
    site.receiver.script = lambda post: (
        Reply(status, body="no such thing") if post.message_id == message_id(1, 1) else OK
    )
    report = site.deliver()
    assert (report.delivered, report.dead, report.retried) == (5, 1, 0)
    assert site.receiver.calls()["1"] == [message_id(1, 0), message_id(1, 2)]
    row = stored(site.engine, 1, 1)
    assert (row["status"], row["died_at"], row["last_error"]) == (
        "DEAD",
        site.clock.now,
        f"{status}: no such thing",
    )


def test_a_dead_message_that_is_put_back_goes_as_if_new(site: Site) -> None:
    fill_calls(site.engine, 1, 3)
    site.receiver.script = lambda post: Reply(400) if post.message_id == message_id(0, 0) else OK
    site.deliver()
    assert OutboxReading(site.engine).retry(now=site.clock.now, all_dead=True) == 1
    site.receiver.script = lambda post: OK
    assert site.deliver().delivered == 1
    assert statuses(site.engine) == {"DELIVERED": 3}
    assert stored(site.engine, 0, 0)["attempts"] == 1


def test_a_message_is_given_up_seven_days_after_its_first_attempt(site: Site) -> None:
    fill_calls(site.engine, 1, 2)
    site.receiver.script = lambda post: Reply(500) if post.message_id == message_id(0, 0) else OK
    for _ in range(7):
        site.deliver()
        site.clock.pass_(days=1)
    assert stored(site.engine, 0, 0)["status"] == "WAITING"
    report = site.deliver()
    assert (report.dead, report.delivered) == (1, 1)
    assert "7 days after the first attempt: 500" in str(stored(site.engine, 0, 0)["last_error"])


def test_an_answer_that_was_lost_after_the_commit_does_no_harm(site: Site) -> None:
    fill_calls(site.engine, 3, 3)
    site.receiver.script = lambda post: DROPPED if post.attempt == 1 and post.call == "1" else OK
    for _ in range(4):
        site.deliver()
        site.clock.pass_(minutes=1)
    assert statuses(site.engine) == {"DELIVERED": 9}
    assert site.receiver.calls()["1"] == [message_id(1, n) for n in range(3)]


def test_a_call_that_hangs_holds_up_nobody_else(site: Site) -> None:
    """Three hang until the time-out; the others are all there long before."""
    site.options |= {"ccm_read_timeout_s": 2.0, "ccm_concurrency": 4}
    fill_calls(site.engine, 40, 3)
    arrived_while_hanging: list[int] = []

    def script(post):  # type: ignore[no-untyped-def]
        if post.call in {"0", "1", "2"} and post.attempt == 1:
            return Reply(hangs_s=3.0, commits=False)
        arrived_while_hanging.append(len(site.receiver.committed))
        return OK

    site.receiver.script = script
    report = site.deliver()
    assert (report.delivered, report.retried) == (37 * 3, 3)
    assert "ReadTimeout" in str(stored(site.engine, 0, 0)["last_error"])
    assert len(arrived_while_hanging) == 37 * 3


def test_the_total_time_out_ends_an_answer_that_trickles_for_ever(site: Site) -> None:
    site.options |= {"ccm_total_timeout_s": 0.5}
    fill_calls(site.engine, 1, 1)
    site.receiver.script = lambda post: Reply(hangs_s=1.5)
    site.deliver()
    assert stored(site.engine, 0, 0)["last_error"] == "no answer within 0.5 s"


def test_a_receiver_that_is_down_gets_ten_requests_a_tick(site: Site) -> None:
    fill_calls(site.engine, 50, 2)
    site.receiver.script = lambda post: Reply(503)
    report = site.deliver()
    assert report.is_stopped
    assert report.sent == report.retried == len(site.receiver.posts) == 10
    assert report.last_error == "503: {}"


def test_a_receiver_that_goes_down_on_the_way_gets_few_more(site: Site) -> None:
    fill_calls(site.engine, 100, 1)
    site.receiver.script = lambda post: OK if len(site.receiver.committed) < 40 else Reply(500)
    report = site.deliver()
    assert report.is_stopped
    assert report.retried <= 10 + site.settings.ccm_concurrency


def test_failures_with_successes_between_them_do_not_end_the_tick(site: Site) -> None:
    site.options |= {"ccm_concurrency": 1}
    fill_calls(site.engine, 60, 1)
    site.receiver.script = lambda post: Reply(500) if int(post.call) % 3 else OK
    report = site.deliver()
    assert (report.is_stopped, report.sent) == (False, 60)


def test_nobody_who_listens_is_a_transient_failure(engine: Engine, site: Site) -> None:
    fill_calls(engine, 2, 1)
    site.options |= {"ccm_url": "http://127.0.0.1:9"}
    report = site.deliver()
    assert (report.retried, statuses(engine)) == (2, {"WAITING": 2})
    assert "ConnectError" in str(report.last_error)


def test_an_hour_without_a_receiver_makes_no_stampede_and_loses_nothing(site: Site) -> None:
    fill_calls(site.engine, 120, 3)
    site.receiver.script = lambda post: Reply(503)
    for _ in range(60):
        before = len(site.receiver.posts)
        assert site.deliver().is_stopped
        assert len(site.receiver.posts) - before <= 10
        site.clock.pass_(minutes=1)
    site.receiver.script = lambda post: OK
    assert site.deliver().delivered > 0
    for _ in range(11):
        site.clock.pass_(minutes=1)
        site.deliver()
    assert statuses(site.engine) == {"DELIVERED": 360}
    assert site.receiver.calls() == {
        str(call): [message_id(call, n) for n in range(3)] for call in range(120)
    }
    assert len(site.receiver.posts) == 600 + 360


def test_two_deliverers_at_once_keep_the_order_and_send_nothing_twice(site: Site) -> None:
    fill_calls(site.engine, 60, 5)
    reports = []
    threads = [threading.Thread(target=lambda: reports.append(site.deliver())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(report.delivered for report in reports) == 300
    assert len(site.receiver.posts) == 300
    assert site.receiver.overlaps == []
    assert site.receiver.calls() == {str(call): [message_id(call, n) for n in range(5)] for call in range(60)}


def test_the_time_given_is_kept_and_what_hangs_goes_again(site: Site) -> None:
    fill_calls(site.engine, 1, 2)
    site.receiver.script = lambda post: Reply(hangs_s=4.0)
    began = time.monotonic()
    report = site.deliver(budget_s=0.5)
    assert time.monotonic() - began < 4.0
    assert (report.sent, report.retried, report.is_drained) == (1, 1, False)
    row = stored(site.engine, 0, 0)
    assert (row["status"], row["last_error"]) == ("WAITING", "no answer when the run ended")
    site.receiver.script = lambda post: OK
    site.clock.pass_(minutes=1)
    assert site.deliver().delivered == 2


def test_a_deliverer_that_is_told_to_stop_marks_what_it_knows(site: Site) -> None:
    fill_calls(site.engine, 30, 3)
    deliverer = Deliverer(site.settings, site.engine, clock=site.clock)

    def script(post):  # type: ignore[no-untyped-def]
        if len(site.receiver.committed) == 20:
            deliverer.stop()
        return OK

    site.receiver.script = script
    report = asyncio.run(deliverer.run(30))
    assert 20 <= report.delivered < 90
    assert statuses(site.engine) == {
        "DELIVERED": len(site.receiver.committed),
        "WAITING": 90 - len(site.receiver.committed),
    }


def test_an_exception_of_a_signal_ends_a_delivery_in_order(site: Site) -> None:
    class Ended(BaseException):
        pass

    def end(number: int, frame: object) -> None:
        raise Ended

    unsignalled = threading.Lock()
    fill_calls(site.engine, 30, 3)

    def script(post):  # type: ignore[no-untyped-def]
        if len(site.receiver.committed) < 20:
            return OK
        if unsignalled.acquire(blocking=False):
            # To this thread: the system may give a process's signal to any, and wakes no other one.
            signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        return Reply(hangs_s=0.5)  # so that the rest is not done before the signal is seen

    site.receiver.script = script
    before = signal.signal(signal.SIGUSR1, end)
    try:
        with pytest.raises(Ended):
            site.deliver()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert statuses(site.engine)["DELIVERED"] == len(site.receiver.committed) < 90


def test_a_deliverer_without_a_database_says_so_and_what_it_had_goes_again(site: Site) -> None:
    fill_calls(site.engine, 5, 2)

    def script(post):  # type: ignore[no-untyped-def]
        with site.engine.begin() as connection:
            connection.execute(text("ALTER TABLE outbox_message RENAME TO elsewhere"))
        return Reply(hangs_s=0.1)

    site.options |= {"ccm_concurrency": 1}
    site.receiver.script = script
    with pytest.raises(ConfigurationError, match="cx-pipeline migrate"):
        site.deliver()
    with site.engine.begin() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO outbox_message"))
    site.receiver.script = lambda post: OK
    site.clock.pass_(minutes=1)
    site.deliver()
    assert statuses(site.engine) == {"DELIVERED": 10}
    assert site.receiver.overlaps == []


def test_a_site_without_a_conversation_manager_is_told_what_to_set(engine: Engine, site: Site) -> None:
    site.options = {}
    with pytest.raises(ConfigurationError, match="CX_CCM_URL is not set"):
        deliver(site.settings, engine)


def test_a_password_in_the_address_is_refused_and_not_repeated(site: Site) -> None:
    site.options |= {"ccm_url": "http://user:s3cret@127.0.0.1:9"}
    with pytest.raises(ConfigurationError, match="CX_CCM_URL holds") as caught:
        site.deliver()
    assert "s3cret" not in str(caught.value)


def test_a_database_that_is_away_is_a_transient_error(site: Site) -> None:
    site.engine.dispose()
    away = site.engine.url.set(database="nowhere")
    with pytest.raises(DatabaseUnavailableError):
        deliver(site.settings, create_engine(away), budget_s=5)


def test_a_database_that_drops_its_sessions_is_asked_again(site: Site) -> None:
    fill_calls(site.engine, 30, 3)
    ended: list[int] = []
    killer = create_engine(site.engine.url, poolclass=NullPool)

    def script(post):  # type: ignore[no-untyped-def]
        if len(site.receiver.posts) in (20, 50):
            with killer.connect() as connection:
                sessions = text(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                ended.append(connection.execute(sessions).scalar_one())
        return OK

    site.receiver.script = script
    for _ in range(4):
        site.deliver()
        site.clock.pass_(minutes=1)
    assert sum(ended) > 0
    assert statuses(site.engine) == {"DELIVERED": 90}
    assert site.receiver.calls() == {str(call): [message_id(call, n) for n in range(3)] for call in range(30)}
