"""How many requests one client may send: more are answered by 429 and when to come again."""

import time
from collections import OrderedDict

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from starlette.types import ASGIApp, Receive, Scope, Send

from cx_pipeline.gateway.limits.clients import client_key
from cx_pipeline.gateway.problem_answers import problem_response
from cx_pipeline.gateway.problems import Problem

WINDOW_S = 10
"""Requests are counted for so long: as many as the rate allows in it may come at once."""
MOST_CLIENTS = 20_000
"""So many clients are remembered; beyond, the one that was silent longest is forgotten."""
_FREE_PATHS = frozenset({"/healthz"})
"""Who looks whether we live is not to be told that we are dead because of others behind its address."""


class RateLimit:
    """Refuses who asks too often."""

    def __init__(self, app: ASGIApp, requests_per_s: float) -> None:
        self._app = app
        self._limit: RateLimitItem = RateLimitItemPerSecond(
            max(1, round(requests_per_s * WINDOW_S)), WINDOW_S
        )
        self._limiter = FixedWindowRateLimiter(_BoundedMemory())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or scope["path"] in _FREE_PATHS:
            await self._app(scope, receive, send)
            return
        client = client_key(scope["client"][0]) if scope.get("client") else ""
        if self._limiter.hit(self._limit, client):
            await self._app(scope, receive, send)
            return
        wait_s = max(1, round(self._limiter.get_window_stats(self._limit, client).reset_time - time.time()))
        problem = Problem(429, "Too many requests", headers={"Retry-After": str(wait_s)})
        await problem_response(problem)(scope, receive, send)


class _BoundedMemory(Storage):
    """Counts by client and window; `limits`' own memory starts a thread at nearly each request, and grows unbounded."""

    STORAGE_SCHEME = None

    def __init__(self) -> None:
        super().__init__()
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        now = time.time()
        count, ends_at = self._counts.get(key, (0, 0.0))
        if ends_at <= now:
            count, ends_at = 0, now + expiry
        self._counts[key] = (count + amount, ends_at)
        self._counts.move_to_end(key)
        if len(self._counts) > MOST_CLIENTS:
            self._counts.popitem(last=False)
        return count + amount

    def get(self, key: str) -> int:
        count, ends_at = self._counts.get(key, (0, 0.0))
        return count if ends_at > time.time() else 0

    def get_expiry(self, key: str) -> float:
        return self._counts.get(key, (0, 0.0))[1]

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        forgotten = len(self._counts)
        self._counts.clear()
        return forgotten

    def clear(self, key: str) -> None:
        self._counts.pop(key, None)
