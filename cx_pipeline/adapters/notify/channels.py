"""The channels that are set up for alerts, by name."""

from collections.abc import Callable, Mapping

from cx_pipeline.adapters.notify.mail import Mailer
from cx_pipeline.adapters.notify.webhook import Webhook
from cx_pipeline.core.alerting import Message, plain_text, slack_payload, subject_line
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.settings import Settings

WEBHOOK = "webhook"
EMAIL = "e-mail"

Channel = Callable[[Message], None]
"""Delivers a message or raises a `CxError`."""


def open_channels(settings: Settings) -> Mapping[str, Channel]:
    """A way to send for each channel that is set; empty if none is.

    Raises:
        ConfigurationError: receivers of mails are set, but no server to send them by.
    """
    channels: dict[str, Channel] = {}
    if settings.alert_webhook_url:
        webhook = Webhook(settings.alert_webhook_url)
        channels[WEBHOOK] = lambda message: webhook.post(slack_payload(message, run_url(settings, message)))
    if settings.alert_email_to:
        mailer = _mailer(settings)
        channels[EMAIL] = lambda message: mailer.send(
            subject_line(message), plain_text(message, run_url(settings, message)), _message_id(message)
        )
    return channels


def run_url(settings: Settings, message: Message) -> str:
    """Where the run of a message is shown."""
    return f"{str(settings.public_url).rstrip('/')}/runs/{message.failure.run_id}"


def _message_id(message: Message) -> str:
    return f"{message.failure.run_id}.{message.occasion.lower()}.{message.count}"


def _mailer(settings: Settings) -> Mailer:
    if settings.smtp_host is None:
        raise ConfigurationError(
            "CX_ALERT_EMAIL_TO is set and CX_SMTP_HOST is not: name the server that sends mails"
        )
    return Mailer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        sender=settings.alert_email_from,
        receivers=[
            receiver.strip() for receiver in (settings.alert_email_to or "").split(",") if receiver.strip()
        ],
        starttls=settings.smtp_starttls,
        user=settings.smtp_user,
        password=settings.smtp_password,
    )
