"""Reading the conversation manager's list of voice activities. A read that fails is an error, never an empty list."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import polars as pl
import stamina

from cx_pipeline.adapters.ccm.client import base_url, open_client
from cx_pipeline.adapters.ccm.tokens import Tokens, tokens_of
from cx_pipeline.core.errors import ConfigurationError, DestinationUnavailableError, InputError
from cx_pipeline.core.messages.activities import activities_of, page_of
from cx_pipeline.core.messages.parts import iso_text
from cx_pipeline.settings import Settings

ATTEMPTS = 4
PAGE_SIZE = 500
MOST_PAGES = 1000
"""A list that is longer, or never ends, is an error."""
_PASSING = frozenset({401, 408, 425, 429})
"""Beside 5xx: answers after which another attempt may do. 401 comes here after one new token."""


class VoiceActivityList:
    """The list of voice activities of one conversation manager."""

    def __init__(
        self, settings: Settings, *, page_size: int = PAGE_SIZE, most_pages: int = MOST_PAGES
    ) -> None:
        """Nothing is asked yet.

        Raises:
            ConfigurationError: no conversation manager is set.
        """
        self._settings = settings
        self._url = httpx.URL(base_url(settings) + settings.ccm_voice_path)
        self._page_size, self._most_pages = page_size, most_pages

    def read(self, start: datetime, end: datetime) -> pl.DataFrame:
        """The voice activities of [start, end), all pages of them.

        Returns:
            CCM_VOICE_ACTIVITY_SCHEMA.

        Raises:
            DestinationUnavailableError: it does not answer in time, or with an error that may pass.
            ConfigurationError: it refuses to be asked so; trying again gives the same answer.
            InputError: what it answers is no list of activities, or one without end.
        """
        return activities_of(asyncio.run(self._items(start.astimezone(UTC), end.astimezone(UTC))))

    async def _items(self, start: datetime, end: datetime) -> list[Any]:
        async with open_client(self._settings) as client:
            pages = self._pages(client, tokens_of(self._settings, client), start, end)
            return [item async for page in pages for item in page]

    async def _pages(
        self, client: httpx.AsyncClient, tokens: Tokens, start: datetime, end: datetime
    ) -> AsyncIterator[list[Any]]:
        asked = {"startTime": iso_text(start), "endTime": iso_text(end), "size": str(self._page_size)}
        url = self._url.copy_merge_params({**asked, "page": "0"})
        for number in range(self._most_pages):
            answer = await self._answer(client, tokens, url)
            page = page_of(_json(answer), number)
            yield page.items
            link = page.next_link or answer.links.get("next", {}).get("url")
            if link is not None:
                url = self._same_origin(url, link)
            elif page.next_number is not None:
                url = self._url.copy_merge_params({**asked, "page": str(page.next_number)})
            else:
                return
        raise InputError(
            f"the conversation manager's list has more than {self._most_pages} pages: ask for a shorter time"
        )

    def _same_origin(self, url: httpx.URL, link: str) -> httpx.URL:
        """The next page's address: our token goes to nobody else."""
        try:
            following = url.join(link)
        except (httpx.InvalidURL, ValueError):
            raise InputError("the conversation manager's list names a next page that is no address") from None
        if (following.scheme, following.host, following.port) != (url.scheme, url.host, url.port):
            raise InputError(
                f"the conversation manager's list names a next page at {following.host}: check CX_CCM_URL"
            )
        return following

    async def _answer(self, client: httpx.AsyncClient, tokens: Tokens, url: httpx.URL) -> httpx.Response:
        """One page, with a few attempts."""
        retry = stamina.retry_context(
            on=DestinationUnavailableError, attempts=ATTEMPTS, timeout=None, wait_initial=0.2, wait_max=3.0
        )
        async for attempt in retry:
            with attempt:
                return await self._asked(client, tokens, url)
        raise AssertionError("the last attempt returns or raises")

    async def _asked(self, client: httpx.AsyncClient, tokens: Tokens, url: httpx.URL) -> httpx.Response:
        try:
            async with asyncio.timeout(self._settings.ccm_total_timeout_s):
                answer = await _get(client, tokens, url)
        except (httpx.TransportError, httpx.DecodingError, OSError) as error:
            raise DestinationUnavailableError(
                f"the conversation manager does not answer ({type(error).__name__}): check CX_CCM_URL and the network"
            ) from None
        code = answer.status_code
        if code in _PASSING or answer.is_server_error:
            hint = ": check its token" if code == httpx.codes.UNAUTHORIZED else ""
            raise DestinationUnavailableError(f"the conversation manager's list answers {code}{hint}")
        if not answer.is_success:
            raise ConfigurationError(
                f"the conversation manager's list answers {code}: check CX_CCM_URL and CX_CCM_VOICE_PATH"
            )
        return answer


async def _get(client: httpx.AsyncClient, tokens: Tokens, url: httpx.URL) -> httpx.Response:
    """The answer; where a token is refused, that to a new one."""
    token = await tokens.current()
    for is_first in (True, False):
        headers = {} if token is None else {"Authorization": f"Bearer {token.get_secret_value()}"}
        answer = await client.get(url, headers=headers)
        if answer.status_code != httpx.codes.UNAUTHORIZED or not is_first:
            break
        token = await tokens.renewed(token)
        if token is None:
            break
    return answer


def _json(answer: httpx.Response) -> object:
    try:
        value: object = json.loads(answer.content)
    except ValueError:
        raise InputError("the conversation manager's list is no JSON: check CX_CCM_URL") from None
    return value
