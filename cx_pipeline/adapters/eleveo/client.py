"""Eleveo over HTTP: which couples a call has, and the file of a couple.

A session that ends in the middle is begun anew, once for each attempt; failures that may pass are tried again a few times,
all within `total_timeout_s`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import BinaryIO, TypeVar

import httpx
import stamina
from pydantic import SecretStr

from cx_pipeline.adapters.eleveo.answers import SessionOverError, require_success, text_of
from cx_pipeline.adapters.eleveo.connections import Hidden, open_http
from cx_pipeline.adapters.eleveo.sessions import EleveoSessions, address, unanswered
from cx_pipeline.adapters.storage.storage_faults import storage_faults
from cx_pipeline.core.errors import ConfigurationError, CxError, DestinationUnavailableError, InputError
from cx_pipeline.core.linking.eleveo import Couple
from cx_pipeline.core.linking.eleveo_answers import CouplePage, couples_of, download_token_of
from cx_pipeline.core.messages.parts import iso_text
from cx_pipeline.system_settings import EleveoSettings

ATTEMPTS = 3
PAGE_SIZE = 200
MOST_PAGES = 50
MOST_COUPLE_BYTES = 1 << 30
"""A longer file of one couple is an error."""
_CALL_MEDIA = "1"
_TEXT_TYPES = ("text/", "application/xml", "application/json", "application/zip")

T = TypeVar("T")


class EleveoClient:
    """Asks one Eleveo; made by `open_eleveo`, for one event loop."""

    def __init__(self, http: httpx.AsyncClient, site: EleveoSettings, sessions: EleveoSessions) -> None:
        self._http, self._site, self._sessions = http, site, sessions

    async def couples(self, call_id: str, start: datetime, end: datetime) -> tuple[list[Couple], int]:
        """The couples of a call, all pages of them.

        Args:
            call_id: as Eleveo has it.
            start: couples that end before it are not asked for.
            end: nor those that begin after it. A release that does not know these two answers with more.

        Returns:
            The couples, each once, and how many could not be read.

        Raises:
            DestinationUnavailableError: it does not answer in time, or with an error that may pass.
            ConfigurationError: it refuses to be asked so, or to be asked by us.
            InputError: what it answers is no list of couples.
        """
        return await self._tried(f"the search of call {call_id}", lambda: self._pages(call_id, start, end))

    async def download(self, sid: str, target: BinaryIO) -> None:
        """Write the file of a couple, of whichever format, to `target`, in place of what is in it.

        Raises:
            InputError: there is no such couple, or it has no audio, or more than is credible.
            StorageUnavailableError: it cannot be written.
            DestinationUnavailableError, ConfigurationError: as `couples`.
        """
        what = f"the download of couple {sid}"
        await self._tried(what, lambda: self._in_session(partial(self._file, sid, target)))

    async def _tried(self, what: str, ask: Callable[[], Awaitable[T]]) -> T:
        """What was asked, with a few attempts, in bounded time."""
        retry = stamina.retry_context(
            on=DestinationUnavailableError, attempts=ATTEMPTS, timeout=None, wait_initial=0.2, wait_max=3.0
        )
        try:
            async with asyncio.timeout(self._site.total_timeout_s):
                async for attempt in retry:
                    with attempt:
                        return await _answered(what, ask)
        except TimeoutError:
            raise DestinationUnavailableError(
                f"Eleveo took more than {self._site.total_timeout_s:g} s for {what}"
            ) from None
        raise AssertionError("the last attempt returns or raises")

    async def _in_session(self, ask: Callable[[SecretStr], Awaitable[T]]) -> T:
        session = await self._sessions.current(self._http)
        try:
            return await ask(session)
        except SessionOverError:
            session = await self._sessions.renewed(self._http, session)
        try:
            return await ask(session)
        except SessionOverError as error:
            raise error.verdict from None

    async def _pages(self, call_id: str, start: datetime, end: datetime) -> tuple[list[Couple], int]:
        found: dict[str, Couple] = {}
        item_count = unreadable = 0
        for _ in range(MOST_PAGES):
            asked = {
                "externalData": f"{self._site.id_field}$!${call_id}",
                "startTime": iso_text(start),
                "endTime": iso_text(end),
                "offset": str(item_count),
                "limit": str(PAGE_SIZE),
            }
            page = await self._in_session(partial(self._page, call_id, asked))
            new = {each.couple_id: each for each in page.couples if each.couple_id not in found}
            found |= new
            unreadable += page.unreadable
            item_count += page.item_count
            is_last = page.total is not None and item_count >= page.total
            # Without a total only an answer with nothing new is the last: the server may give less than was asked for,
            # and one that knows no pages answers with all of it, again and again.
            if is_last or not new:
                return list(found.values()), unreadable
        raise InputError(f"Eleveo's couples of call {call_id} fill more than {MOST_PAGES} pages")

    async def _page(self, call_id: str, asked: dict[str, str], session: SecretStr) -> CouplePage:
        what = f"the search of call {call_id}"
        missing = ConfigurationError(f"Eleveo answers 404 to {what}: check url and search_path of CX_ELEVEO")
        text = await self._text(self._site.search_path, asked, session, what, missing)
        return couples_of(text, call_id, self._site.id_field)

    async def _file(self, sid: str, target: BinaryIO, session: SecretStr) -> None:
        missing = InputError(f"Eleveo has no couple {sid}, or no file of it that its user may have")
        asked = {"sid": sid, "type": _CALL_MEDIA, "action": "download"}
        what = f"a download token of couple {sid}"
        token = download_token_of(await self._text(self._site.token_path, asked, session, what, missing))
        if token is None:
            # The same answer for an unknown couple and for a session that is over: status 200, and no token.
            raise SessionOverError(missing)
        hidden = Hidden(session, SecretStr(token))
        url = address(self._site, self._site.download_path)
        async with self._http.stream("GET", url, extensions=hidden.extensions()) as answer:
            require_success(answer, f"the download of couple {sid}", missing)
            if answer.headers.get("content-type", "").lower().startswith(_TEXT_TYPES):
                raise SessionOverError(missing)
            await _written(answer, target, sid)

    async def _text(
        self, path: str, asked: dict[str, str], session: SecretStr, what: str, missing: CxError
    ) -> str:
        url, hidden = address(self._site, path), Hidden(session)
        async with self._http.stream("GET", url, params=asked, extensions=hidden.extensions()) as answer:
            require_success(answer, what, missing)
            return await text_of(answer, what)


@asynccontextmanager
async def open_eleveo(
    site: EleveoSettings, sessions: EleveoSessions | None = None
) -> AsyncIterator[EleveoClient]:
    """A client with its connections, closed at the end.

    Raises:
        ConfigurationError: what is set cannot be used.
    """
    async with open_http(site) as http:
        yield EleveoClient(http, site, sessions or EleveoSessions(site))


async def _answered(what: str, ask: Callable[[], Awaitable[T]]) -> T:
    try:
        return await ask()
    except (httpx.TransportError, httpx.DecodingError) as error:
        raise unanswered(what, error) from None


async def _written(answer: httpx.Response, target: BinaryIO, sid: str) -> None:
    size = 0
    with storage_faults(f"keep couple {sid} of Eleveo"):
        target.seek(0)
        target.truncate()
    async for piece in answer.aiter_bytes():
        size += len(piece)
        if size > MOST_COUPLE_BYTES:
            raise InputError(f"couple {sid} of Eleveo is longer than {MOST_COUPLE_BYTES >> 20} MB")
        with storage_faults(f"keep couple {sid} of Eleveo"):
            target.write(piece)
    if size == 0:
        raise DestinationUnavailableError(f"Eleveo's file of couple {sid} is empty")
