from email import message_from_string
from email.policy import default

import pytest

from cx_pipeline.adapters.notify.mail import Mailer
from cx_pipeline.core.errors import ConfigurationError, DestinationUnavailableError
from cx_pipeline_tests.adapters.notify.smtp_server import running_mail_server


@pytest.fixture
def server():
    with running_mail_server() as server:
        yield server


def mailer(server, **changes):
    given = {
        "host": "127.0.0.1",
        "port": server.port,
        "sender": "cx@example.org",
        "receivers": ["a@x.org", "b@x.org"],
    }
    return Mailer(**(given | changes))


def test_a_mail_arrives_at_all_receivers_with_its_words(server):
    mailer(server).send("Failed: Ärger", "Window: w\nRun: http://ui/runs/1\n", "run-1.failed")
    mail = message_from_string(server.mails[0], policy=default)
    assert (mail["From"], mail["To"], mail["Subject"]) == (
        "cx@example.org",
        "a@x.org, b@x.org",
        "Failed: Ärger",
    )
    assert mail["Message-ID"] == "<run-1.failed@cx-pipeline>"
    assert "http://ui/runs/1" in mail.get_content()


def test_a_server_that_is_busy_for_a_moment_is_tried_again(server):
    server.answers["MAIL"] = ["451 later"]
    mailer(server).send("s", "b", "id")
    assert len(server.mails) == 1


def test_refused_receivers_are_told_by_their_setting(server):
    server.answers["RCPT"] = ["550 unknown", "550 unknown"]
    with pytest.raises(ConfigurationError, match="refuses the receivers"):
        mailer(server).send("s", "b", "id")
    assert server.mails == []


def test_encryption_that_is_wanted_and_not_offered_is_an_error_not_plain_text(server):
    with pytest.raises(ConfigurationError, match="offers no STARTTLS"):
        mailer(server, starttls=True).send("s", "b", "id")
    assert server.mails == []


def test_a_server_that_is_away_may_come_back():
    with running_mail_server() as gone:
        mail = mailer(gone)
    with pytest.raises(DestinationUnavailableError, match="does not answer"):
        mail.send("s", "b", "id")
