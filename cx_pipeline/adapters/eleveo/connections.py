"""HTTP to Eleveo. What must not be seen, its sessions and tokens, stands in addresses there: it is put in at the last moment.

So neither httpx's log of requests, nor its errors, nor anything else that shows a request's address can show them.
"""

import logging
import re
import ssl
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.settings import Settings
from cx_pipeline.system_settings import EleveoSettings

_EXTENSION = "eleveo_hidden"
_SESSION = re.compile(r"(jsessionid=)[^;?&\s'\"]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hidden:
    """What is added to a request's address when it leaves."""

    session: SecretStr
    token: SecretStr | None = None

    def extensions(self) -> dict[str, "Hidden"]:
        """For a request of the client."""
        return {_EXTENSION: self}


def site_of(settings: Settings) -> EleveoSettings:
    """The Eleveo of the settings.

    Raises:
        ConfigurationError: none is set, or its address holds a password, which would show up in logs.
    """
    site = settings.eleveo
    if site is None:
        raise ConfigurationError("CX_ELEVEO is not set: there is no Eleveo to ask for recordings")
    if site.url.password is not None or site.url.username is not None:
        raise ConfigurationError(
            "the url of CX_ELEVEO holds a user or a password: set its user and password_file"
        )
    return site


def open_http(site: EleveoSettings) -> httpx.AsyncClient:
    """A client with the time-outs and authorities of the settings; it follows no redirect and uses no proxy of the environment.

    Raises:
        ConfigurationError: the file of authorities cannot be used.
    """
    logging.getLogger("httpcore.http11").addFilter(_without_sessions)
    most = httpx.Limits(max_connections=site.concurrency, max_keepalive_connections=site.concurrency)
    transport = httpx.AsyncHTTPTransport(verify=_authorities(site), trust_env=False, limits=most)
    timeout = httpx.Timeout(site.read_timeout_s, connect=site.connect_timeout_s, pool=None)
    return httpx.AsyncClient(transport=_HidingTransport(transport), timeout=timeout, trust_env=False)


class _HidingTransport(httpx.AsyncBaseTransport):
    """Completes addresses, and keeps cookies away: a session of an earlier login would win over that of the address."""

    def __init__(self, transport: httpx.AsyncHTTPTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        hidden = request.extensions.get(_EXTENSION)
        response = await self._transport.handle_async_request(
            request if hidden is None else _completed(request, hidden)
        )
        if "set-cookie" in response.headers:
            del response.headers["set-cookie"]
        return response

    async def aclose(self) -> None:
        await self._transport.aclose()


def _completed(request: httpx.Request, hidden: Hidden) -> httpx.Request:
    path, _, query = request.url.raw_path.partition(b"?")
    path += b";jsessionid=" + hidden.session.get_secret_value().encode("ascii")
    if hidden.token is not None:
        token = urlencode({"token": hidden.token.get_secret_value()}).encode("ascii")
        query = query + b"&" + token if query else token
    return httpx.Request(
        request.method,
        request.url.copy_with(raw_path=path + b"?" + query if query else path),
        headers=request.headers,
        stream=request.stream,
        extensions={name: value for name, value in request.extensions.items() if name != _EXTENSION},
    )


def _without_sessions(record: logging.LogRecord) -> bool:
    """A filter for httpcore, which logs the headers of answers, cookies among them, where its debug log is on."""
    message = record.getMessage()
    hidden = _SESSION.sub(r"\1***", message)
    if hidden != message:
        record.msg, record.args = hidden, ()
    return True


def _authorities(site: EleveoSettings) -> ssl.SSLContext:
    if site.ca_file is None:
        return _trusting(None, 0)
    try:
        return _trusting(site.ca_file, site.ca_file.stat().st_mtime_ns)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"ca_file of CX_ELEVEO: {site.ca_file} holds no certificates ({type(error).__name__})"
        ) from None


@lru_cache(maxsize=4)
def _trusting(ca_file: Path | None, changed_ns: int) -> ssl.SSLContext:
    """Kept until the file changes: reading the system's authorities takes longer than a search."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context
