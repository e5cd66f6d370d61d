"""Sessions of Eleveo: one for all who ask, begun once however many want it, begun anew when it is over.

The older API takes user and password in the query of an address; its servlets read a form as well, and a form shows up in
no log, neither ours nor the server's. Thread-safe: event loops of several threads share a session.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from time import monotonic

import httpx
from pydantic import SecretStr

from cx_pipeline.adapters.ccm.tokens import secret_from_file
from cx_pipeline.adapters.eleveo.answers import SessionOverError, require_success, text_of
from cx_pipeline.core.errors import ConfigurationError, CxError, DestinationUnavailableError
from cx_pipeline.core.linking.eleveo_answers import session_of
from cx_pipeline.system_settings import EleveoSettings

REFUSED_FOR_S = 60.0
"""After a refused login nobody tries again for so long: users are locked out after a few."""


class EleveoSessions:
    """The session of one user."""

    def __init__(self, site: EleveoSettings, *, clock: Callable[[], float] = monotonic) -> None:
        self._site, self._clock = site, clock
        self._lock = Lock()
        self._session: SecretStr | None = None
        self._login: Future[SecretStr] | None = None
        self._refused_until: float | None = None

    async def current(self, http: httpx.AsyncClient) -> SecretStr:
        """The session, begun where there is none.

        Raises:
            DestinationUnavailableError: Eleveo does not answer.
            ConfigurationError: it refuses the user.
        """
        return await self._other_than(None, http)

    async def renewed(self, http: httpx.AsyncClient, over: SecretStr) -> SecretStr:
        """A session begun since `over` was; raises as `current` does."""
        return await self._other_than(over, http)

    async def _other_than(self, over: SecretStr | None, http: httpx.AsyncClient) -> SecretStr:
        with self._lock:
            if self._session is not None and self._session is not over:
                return self._session
            login, is_ours = self._login, self._login is None
            if login is None:
                login = self._login = Future()
                login.set_running_or_notify_cancel()  # who gives up waiting must not cancel it for the others
        return await (self._begun(login, http) if is_ours else asyncio.shield(asyncio.wrap_future(login)))

    async def _begun(self, login: "Future[SecretStr]", http: httpx.AsyncClient) -> SecretStr:
        try:
            session = await self._log_in(http)
        except BaseException as error:
            with self._lock:
                self._login = self._session = None
            login.set_exception(_for_others(error))
            raise
        with self._lock:
            self._session, self._login = session, None
        login.set_result(session)
        return session

    async def _log_in(self, http: httpx.AsyncClient) -> SecretStr:
        if self._refused_until is not None and self._clock() < self._refused_until:
            raise self._refusal()
        site, what = self._site, "the login"
        password = site.password or secret_from_file(site.password_file, "password_file of CX_ELEVEO")
        form = {"loginname": site.user, "password": password.get_secret_value()}
        try:
            async with http.stream("POST", address(site, site.login_path), data=form) as answer:
                require_success(answer, what, _wrong_path())
                session = session_of(await text_of(answer, what))
        except (httpx.TransportError, httpx.DecodingError, OSError) as error:
            raise unanswered(what, error) from None
        except SessionOverError:  # a page to log in at: the answer to a wrong password
            session = None
        if session is None:
            self._refused_until = self._clock() + REFUSED_FOR_S
            raise self._refusal() from None
        self._refused_until = None
        return SecretStr(session)

    def _refusal(self) -> ConfigurationError:
        return ConfigurationError(
            f"Eleveo refuses the login of {self._site.user!r}: check user and password of CX_ELEVEO "
            f"(it is not asked again for {REFUSED_FOR_S:.0f} s)"
        )


def address(site: EleveoSettings, path: str) -> str:
    """The address of one of Eleveo's paths."""
    return str(site.url).rstrip("/") + "/" + path.lstrip("/")


def unanswered(what: str, error: Exception) -> DestinationUnavailableError:
    """For what httpx raises; its own text may hold addresses, and is not told."""
    return DestinationUnavailableError(
        f"Eleveo does not answer {what} ({type(error).__name__}): check the url of CX_ELEVEO and the network"
    )


def _wrong_path() -> ConfigurationError:
    return ConfigurationError("Eleveo answers 404 to the login: check url and login_path of CX_ELEVEO")


def _for_others(error: BaseException) -> CxError:
    """The same for those who waited: an error of their own, as each adds its own traceback."""
    if isinstance(error, CxError):
        return type(error)(str(error))
    return DestinationUnavailableError("the login at Eleveo was given up")
