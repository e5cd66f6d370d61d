"""What the status of Eleveo's answers means, and how much of a body is read."""

import httpx

from cx_pipeline.core.errors import ConfigurationError, CxError, DestinationUnavailableError
from cx_pipeline.core.linking.eleveo_answers import is_login_page

MOST_TEXT_BYTES = 16 << 20
"""A longer answer to a search is an error."""
_PASSING = frozenset({408, 425, 429})
_NO_SESSION = frozenset({401, 403})


class SessionOverError(Exception):
    """The session is no more, or looks so; `verdict` is what is wrong if a new one does not help."""

    def __init__(self, verdict: CxError) -> None:
        super().__init__("the session is over")
        self.verdict = verdict


def require_success(answer: httpx.Response, what: str, if_missing: CxError) -> None:
    """Raise what the status of an answer means.

    Args:
        answer: its head is enough.
        what: what was asked, for messages.
        if_missing: raised for 404.

    Raises:
        SessionOverError: it wants a login: told so, or sent elsewhere.
        DestinationUnavailableError: another attempt may help.
        ConfigurationError: it will not be asked so.
    """
    code = answer.status_code
    if code in _PASSING or answer.is_server_error:
        raise DestinationUnavailableError(f"Eleveo answers {code} to {what}")
    if code in _NO_SESSION or answer.is_redirect or _is_page(answer):
        raise SessionOverError(wants_login(what))
    if code == httpx.codes.NOT_FOUND:
        raise if_missing
    if not answer.is_success:
        raise ConfigurationError(f"Eleveo answers {code} to {what}: check the paths of CX_ELEVEO")


def wants_login(what: str) -> DestinationUnavailableError:
    """For when a session that was just begun is none: its server may have been started anew, or the user has no right."""
    return DestinationUnavailableError(
        f"Eleveo asks to log in for {what}, though the login succeeded: check the rights of CX_ELEVEO's user, and its paths"
    )


async def text_of(answer: httpx.Response, what: str) -> str:
    """The whole body of an answer as text.

    Raises:
        SessionOverError: it is a login page.
        ConfigurationError: it is longer than any answer should be.
    """
    data = bytearray()
    async for piece in answer.aiter_bytes():
        data += piece
        if len(data) > MOST_TEXT_BYTES:
            raise ConfigurationError(
                f"Eleveo's answer to {what} is longer than {MOST_TEXT_BYTES >> 20} MB: check the paths of CX_ELEVEO"
            )
    text = data.decode("utf-8", "replace")
    if is_login_page(answer.headers.get("content-type", ""), text[:512]):
        raise SessionOverError(wants_login(what))
    return text


def _is_page(answer: httpx.Response) -> bool:
    return answer.is_success and is_login_page(answer.headers.get("content-type", ""), "")
