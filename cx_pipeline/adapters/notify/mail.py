"""Messages by e-mail, through one SMTP server."""

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate

import stamina
from pydantic import SecretStr

from cx_pipeline.core.errors import ConfigurationError, DestinationUnavailableError

TIMEOUT_S = 10.0
ATTEMPTS = 2
_PERMANENT = 500


@dataclass(frozen=True, slots=True)
class Mailer:
    """Sends plain text mails to fixed receivers."""

    host: str
    port: int
    sender: str
    receivers: Sequence[str]
    starttls: bool = False
    user: str | None = None
    password: SecretStr | None = None

    def send(self, subject: str, body: str, message_id: str) -> None:
        """Deliver one mail; equal `message_id` lets a mail program drop a repetition.

        Raises:
            DestinationUnavailableError: the server did not answer in time, or with an error that may pass.
            ConfigurationError: the server refuses the sender, the receivers or the login.
        """
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self.sender, ", ".join(self.receivers), subject
        mail["Date"], mail["Message-ID"] = formatdate(usegmt=True), f"<{message_id}@cx-pipeline>"
        mail.set_content(body)
        retry = stamina.retry_context(
            on=DestinationUnavailableError,
            attempts=ATTEMPTS,
            timeout=None,
            wait_initial=0.2,
            wait_max=2.0,
            wait_jitter=0.2,
        )
        for attempt in retry:
            with attempt:
                self._send_once(mail)

    def _send_once(self, mail: EmailMessage) -> None:
        try:
            with smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S) as server:
                if self.starttls:
                    server.starttls(context=ssl.create_default_context())
                if self.user and self.password:
                    server.login(self.user, self.password.get_secret_value())
                server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            codes = {code for code, _ in error.recipients.values()}
            raise self._refusal(min(codes), "the receivers") from None
        except smtplib.SMTPResponseException as error:
            raise self._refusal(error.smtp_code, "the mail") from None
        except smtplib.SMTPNotSupportedError:
            raise ConfigurationError(
                f"the mail server {self.host} offers no STARTTLS or login: check CX_SMTP_…"
            ) from None
        except (OSError, smtplib.SMTPException) as error:
            raise DestinationUnavailableError(
                f"the mail server {self.host}:{self.port} does not answer ({type(error).__name__}): check CX_SMTP_HOST"
            ) from None

    def _refusal(self, code: int, what: str) -> ConfigurationError | DestinationUnavailableError:
        message = f"the mail server {self.host} refuses {what} ({code}): check CX_SMTP_… and CX_ALERT_EMAIL_…"
        return ConfigurationError(message) if code >= _PERMANENT else DestinationUnavailableError(message)
