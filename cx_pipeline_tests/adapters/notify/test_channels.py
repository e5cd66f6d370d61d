from datetime import UTC, datetime
from email import message_from_string
from email.policy import default

import pytest

from cx_pipeline.adapters.notify.channels import EMAIL, open_channels, run_url
from cx_pipeline.core.alerting import Failure, Message, Occasion
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.settings import Settings
from cx_pipeline_tests.adapters.notify.smtp_server import running_mail_server

MESSAGE = Message(
    Occasion.FAILED,
    Failure(
        "run-1",
        "window_job",
        "call_legs",
        "2026-03-02-09:00",
        "ValueError: no",
        datetime(2026, 3, 2, tzinfo=UTC),
    ),
    1,
)


def test_nothing_is_opened_where_nothing_is_set():
    assert open_channels(Settings(_env_file=None)) == {}


def test_a_mail_tells_window_asset_error_and_the_link_to_the_run():
    with running_mail_server() as server:
        settings = Settings(
            _env_file=None,
            alert_email_to="ops@x.org, lead@x.org",
            smtp_host="127.0.0.1",
            smtp_port=server.port,
            public_url="https://cx.example.org/dagster/",
        )
        open_channels(settings)[EMAIL](MESSAGE)
    mail = message_from_string(server.mails[0], policy=default)
    assert mail["To"] == "ops@x.org, lead@x.org"
    for expected in (
        "2026-03-02-09:00",
        "call_legs",
        "ValueError: no",
        "https://cx.example.org/dagster/runs/run-1",
    ):
        assert expected in mail.get_content()


def test_receivers_without_a_server_are_told_by_the_settings():
    with pytest.raises(ConfigurationError, match="CX_SMTP_HOST"):
        open_channels(Settings(_env_file=None, alert_email_to="ops@x.org"))


def test_the_link_leads_to_where_people_reach_the_ui():
    assert run_url(Settings(_env_file=None), MESSAGE) == "http://127.0.0.1:3000/runs/run-1"
