"""A stand-in for a Consul agent over HTTP: sessions and the key-value store, as far as locks need them.

Its times can be made shorter: at a pace of 0.1 what a client calls 10 s lasts one.
"""

import asyncio
import base64
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Thread
from time import monotonic

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from cx_pipeline.simulator.ccm.running import listen
from cx_pipeline.simulator.consul.sessions import (
    ConsulState,
    UnknownSessionError,
    WrongRequestError,
    duration_s,
)

LONGEST_WAIT_S = 600.0
_LOOK_S = 0.02
_GRACE_S = 2


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """How the stand-in behaves."""

    pace: float = 1.0
    expiry_factor: float = 2.0
    token: str | None = None
    """What `X-Consul-Token` must say, if anything."""


class StandInAgent:
    """Answers as a Consul agent does."""

    def __init__(self, options: AgentOptions) -> None:
        self._pace, self._token = options.pace, options.token
        self.state = ConsulState(options.expiry_factor)

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/v1/session/create", self._create, methods=["PUT"]),
                Route("/v1/session/renew/{session}", self._renew, methods=["PUT"]),
                Route("/v1/session/destroy/{session}", self._destroy, methods=["PUT"]),
                Route("/v1/session/info/{session}", self._info, methods=["GET"]),
                Route("/v1/kv/{key:path}", self._get, methods=["GET"]),
                Route("/v1/kv/{key:path}", self._put, methods=["PUT"]),
                Route("/v1/kv/{key:path}", self._delete, methods=["DELETE"]),
            ]
        )

    def now_s(self) -> float:
        """Its clock, in a client's seconds."""
        return monotonic() / self._pace

    async def _create(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        body = await request.body()
        try:
            wanted = await request.json() if body else {}
            return JSONResponse({"ID": self.state.create(wanted, self.now_s())})
        except (WrongRequestError, ValueError) as error:
            return PlainTextResponse(str(error), 400)

    async def _renew(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        session = request.path_params["session"]
        try:
            return JSONResponse([self.state.renew(session, self.now_s()).shown()])
        except UnknownSessionError:
            return PlainTextResponse(f"Session id '{session}' not found", 404)

    async def _destroy(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        self.state.destroy(request.path_params["session"], self.now_s())
        return JSONResponse(content=True)

    async def _info(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        self.state.expire(self.now_s())
        session = self.state.sessions.get(request.path_params["session"])
        return JSONResponse([] if session is None else [session.shown()])

    async def _put(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        key, query, value = request.path_params["key"], request.query_params, await request.body()
        if "acquire" in query:
            try:
                is_done = self.state.acquire(key, query["acquire"], value, self.now_s())
            except UnknownSessionError as error:
                return PlainTextResponse(f'rpc error making call: invalid session "{error}"', 500)
            return JSONResponse(is_done)
        if "release" in query:
            return JSONResponse(self.state.release(key, query["release"]))
        self.state.put(key, value)
        return JSONResponse(content=True)

    async def _delete(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        self.state.delete(request.path_params["key"])
        return JSONResponse(content=True)

    async def _get(self, request: Request) -> Response:
        if refusal := self._refusal(request):
            return refusal
        key, query = request.path_params["key"], request.query_params
        with suppress(WrongRequestError):
            await self._change(key, int(query.get("index", 0)), duration_s(query.get("wait", "300s")))
        self.state.expire(self.now_s())
        headers = {"X-Consul-Index": str(self.state.index_of(key)), "X-Consul-KnownLeader": "true"}
        entry = self.state.entries.get(key)
        if entry is None:
            return Response(status_code=404, headers=headers)
        shown = {
            "LockIndex": entry.lock_index,
            "Key": key,
            "Flags": 0,
            "Value": base64.b64encode(entry.value).decode(),
            "CreateIndex": entry.create_index,
            "ModifyIndex": entry.modify_index,
        }
        held = {} if entry.session_id is None else {"Session": entry.session_id}
        return JSONResponse([shown | held], headers=headers)

    async def _change(self, key: str, index: int, wait_s: float) -> None:
        """Return when the key has another index than the one given, or the wait is over; at once without an index."""
        end_s = self.now_s() + min(wait_s, LONGEST_WAIT_S)
        while index and self.now_s() < end_s:
            self.state.expire(self.now_s())
            if self.state.index_of(key) > index:
                return
            await asyncio.sleep(_LOOK_S)

    def _refusal(self, request: Request) -> Response | None:
        if self._token is None or request.headers.get("x-consul-token") == self._token:
            return None
        return PlainTextResponse("Permission denied: token with AccessorID '' lacks permission", 403)


@dataclass(frozen=True, slots=True)
class RunningAgent:
    """A stand-in that runs: where, and what it knows."""

    url: str
    agent: StandInAgent


@contextmanager
def running_consul(options: AgentOptions | None = None, *, port: int = 0) -> Iterator[RunningAgent]:
    """A stand-in in a thread of this process, on loopback, for as long as the context lasts.

    Raises:
        ConfigurationError: the port is taken.
    """
    agent = StandInAgent(options or AgentOptions())
    with listen(port=port) as listener:
        config = uvicorn.Config(
            agent.app(),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=_GRACE_S,
        )
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, args=([listener],), name="stand-in of Consul", daemon=True)
        thread.start()
        try:
            yield RunningAgent(f"http://127.0.0.1:{listener.getsockname()[1]}", agent)
        finally:
            server.should_exit = True
            thread.join(2 * _GRACE_S)
