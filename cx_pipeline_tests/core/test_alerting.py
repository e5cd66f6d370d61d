from datetime import UTC, datetime, timedelta

from cx_pipeline.core.alerting import (
    FORGET_AFTER,
    GROUPING,
    Failure,
    Message,
    Occasion,
    first_error_line,
    plain_text,
    record_failures,
    record_successes,
    remind,
    slack_payload,
    subject_line,
)

TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)


def failure(
    run="r1",
    window="2026-03-02-09:00",
    error="InputError: no frame of window 9",
    minutes=0.0,
    subject="call_legs",
):
    return Failure(run, "window_job", subject, window, error, TEN + timedelta(minutes=minutes))


def test_a_failure_is_told_when_it_begins():
    incidents, messages = record_failures([], [failure()])
    assert [(m.occasion, m.failure.run_id, m.count) for m in messages] == [(Occasion.FAILED, "r1", 1)]
    assert len(incidents) == 1


def test_the_same_failure_of_other_windows_is_counted_not_told():
    incidents, messages = record_failures([], [failure(f"r{n}", f"2026-03-02-{n:02}:00") for n in range(5)])
    assert len(messages) == 1
    assert (incidents[0].count, incidents[0].untold) == (5, 4)


def test_numbers_and_ids_in_an_error_do_not_make_it_another_failure():
    one = failure(error="no frame for 2026-03-02-09:00 (run 5f1d7a54-0000-4000-8000-aabbccddeeff)")
    two = failure(error="no frame for 2026-03-02-11:00 (run 1c1d7a54-0000-4000-8000-aabbccddeeff)")
    assert one.fingerprint == two.fingerprint
    assert one.fingerprint != failure(error="disk full").fingerprint
    assert one.fingerprint != failure(error=one.error, subject="raw_jtapi_events").fingerprint


def test_what_goes_on_is_told_again_after_half_an_hour_with_a_count():
    incidents, _ = record_failures([], [failure(), failure("r2", minutes=1), failure("r3", minutes=2)])
    assert remind(incidents, TEN + GROUPING - timedelta(seconds=1))[1] == []
    incidents, messages = remind(incidents, TEN + GROUPING)
    assert [(m.occasion, m.count) for m in messages] == [(Occasion.AGAIN, 2)]
    assert remind(incidents, TEN + 2 * GROUPING)[1] == []


def test_a_failure_is_over_when_each_of_its_windows_succeeded_since():
    incidents, _ = record_failures([], [failure(), failure("r2", "2026-03-02-10:00", minutes=5)])
    incidents, messages = record_successes(incidents, {"2026-03-02-09:00": TEN + timedelta(minutes=6)})
    assert messages == []
    too_early = {"2026-03-02-10:00": TEN + timedelta(minutes=5)}
    incidents, messages = record_successes(incidents, too_early)
    assert messages == []
    incidents, messages = record_successes(incidents, {"2026-03-02-10:00": TEN + timedelta(minutes=7)})
    assert [(m.occasion, m.count) for m in messages] == [(Occasion.RECOVERED, 2)]
    assert incidents == []


def test_an_incident_is_forgotten_after_a_day_without_another_occurrence():
    incidents, _ = record_failures([], [failure()])
    assert remind(incidents, TEN + FORGET_AFTER)[0] == []


def test_the_first_line_that_says_something_is_told_without_credentials():
    assert first_error_line("\n\n  OperationalError: gone\nDETAIL: x") == "OperationalError: gone"
    assert (
        first_error_line("cannot reach postgresql://cx:s3cret@db:5432/cx")
        == "cannot reach postgresql://***@db:5432/cx"
    )
    assert first_error_line("login failed password=hunter2 now") == "login failed password=*** now"
    assert first_error_line("") == "no error was recorded"
    assert len(first_error_line("x" * 5000)) == 300


def test_the_webhook_is_told_window_asset_error_and_run_and_nothing_breaks_its_markup():
    message = Message(Occasion.FAILED, failure(error="ValueError: <a> & b"), 1)
    payload = slack_payload(message, "http://ui/runs/r1")
    text = str(payload)
    assert payload["text"] == (
        "Failed: call_legs, window 2026-03-02-09:00: ValueError: &lt;a&gt; &amp; b http://ui/runs/r1"
    )
    assert "<http://ui/runs/r1|Open the run>" in text
    assert "ValueError: &lt;a&gt; &amp; b" in text


def test_a_mail_says_the_same_in_plain_words():
    body = plain_text(Message(Occasion.AGAIN, failure(), 4), "http://ui/runs/r1")
    for expected in ("Failed 4 times more", "2026-03-02-09:00", "call_legs", "no frame", "http://ui/runs/r1"):
        assert expected in body
    assert (
        subject_line(Message(Occasion.RECOVERED, failure(), 2))
        == "Recovered: call_legs, window 2026-03-02-09:00"
    )
    jobless = failure(window=None)
    assert subject_line(Message(Occasion.FAILED, jobless, 1)) == "Failed: call_legs, job window_job"
