"""A fake Eleveo: login, search, download tokens and files, as the older API has them, with all that goes wrong there."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from cx_pipeline.simulator.ccm.connections import ClosedConnection, HungConnection
from cx_pipeline.simulator.eleveo.behaviour import Behaviour, EndPoint, Seen, Way
from cx_pipeline.simulator.eleveo.couples import HeldCouple
from cx_pipeline.simulator.eleveo.sound import MEDIA_TYPES, file_of

ROOT = "/callrec"
LOGIN, SEARCH = "/loginservlet", "/api/conversations"
TOKEN, DOWNLOAD = "/downloadtoken", "/sendcallfile.mp3"
EXTERNAL_ID = "JTAPI_CISCO_ID"
_END_POINTS: dict[str, EndPoint] = {
    LOGIN: "login",
    SEARCH: "search",
    TOKEN: "token",
    DOWNLOAD: "download",
}
_XML = "text/xml"
_PAGE = "<!DOCTYPE html>\n<html><body><form action='login'>Please log in</form></body></html>"


@dataclass
class _Session:
    begun: float
    requests: int = 0
    tokens: dict[str, str] = field(default_factory=dict)
    """Sid by token; each is good for one download."""


class FakeEleveo:
    """Holds couples, and answers for them."""

    def __init__(
        self,
        couples: Sequence[HeldCouple],
        user: str,
        password: str,
        behaviour: Behaviour,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.couples = list(couples)
        self.behaviour = behaviour
        self.seen = Seen()
        self.ending = asyncio.Event()
        """Set when the server ends: requests that hang are let go."""
        self._user, self._password, self._clock = user, password, clock
        self._sessions: dict[str, _Session] = {}
        self._number = 0

    def app(self) -> Starlette:
        """The ASGI application. A session stands in the path, so all paths come to one end point."""
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=["GET", "POST"])])

    async def _answer(self, request: Request) -> Response:
        path, _, session_id = request.url.path.partition(";jsessionid=")
        end_point = _END_POINTS.get(path.removeprefix(ROOT)) if path.startswith(ROOT) else None
        if end_point is None:
            return Response("no such page", 404)
        self.seen.requests[end_point] += 1
        self.seen.sessions_in_cookies += "jsessionid" in request.headers.get("cookie", "").lower()
        self.seen.at_once += 1
        self.seen.most_at_once = max(self.seen.most_at_once, self.seen.at_once)
        try:
            return await self._of(end_point, request, session_id)
        finally:
            self.seen.at_once -= 1

    async def _of(self, end_point: EndPoint, request: Request, session_id: str) -> Response:
        way = self.behaviour.next_way(end_point)
        self._number += 1
        if self.behaviour.error_every and self._number % self.behaviour.error_every == 0:
            way = way or "error"
        if way == "end_session":
            self._sessions.pop(session_id, None)
        if way in _EARLY:
            return self._failed(way)
        if end_point == "login":
            return await self._login(request)
        await asyncio.sleep(self.behaviour.answer_s)
        session = self._session(session_id)
        if session is None:
            return self._without_session()
        answers = {"search": self._search, "token": self._token, "download": self._download}
        response = await answers[end_point](request, session)
        return await _spoilt(response, way)

    def _failed(self, way: Way | None) -> Response:
        if way == "drop":
            return ClosedConnection()
        if way == "hang":
            return HungConnection(self.behaviour.hang_s, self.ending)
        if way == "page":
            return HTMLResponse(_PAGE)
        if way == "nonsense":
            return Response("?", 200, media_type="text/plain")
        return Response("told to fail", 429 if way == "throttle" else 503)

    # Sessions.

    async def _login(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        self.seen.credentials_in_addresses += "password" in request.query_params
        told = {**request.query_params, **form}
        await asyncio.sleep(self.behaviour.login_s)
        if told.get("loginname") != self._user or told.get("password") != self._password:
            return self._wrong_login()
        session_id = secrets.token_hex(16).upper()
        self._sessions[session_id] = _Session(self._clock())
        self.seen.issued.add(session_id)
        body = f'<?xml version="1.0"?>\n<ok sessionid="{session_id}" number="1">Welcome.</ok>'
        return Response(body, media_type=_XML, headers={"Set-Cookie": f"JSESSIONID={session_id}; Path=/"})

    def _wrong_login(self) -> Response:
        way = self.behaviour.wrong_login_is_told_by
        if way == "xml":
            return Response('<?xml version="1.0"?>\n<error number="2">Denied.</error>', media_type=_XML)
        if way == "status":
            return Response("denied", 401)
        return HTMLResponse(_PAGE) if way == "page" else RedirectResponse(f"{ROOT}/login.jsp", 302)

    def _session(self, session_id: str) -> _Session | None:
        session = self._sessions.get(session_id)
        if session is None:
            return None
        session.requests += 1
        is_old = self._clock() - session.begun > self.behaviour.session_s
        if is_old or session.requests > self.behaviour.session_requests:
            del self._sessions[session_id]
            return None
        return session

    def _without_session(self) -> Response:
        way = self.behaviour.over_is_told_by
        if way == "status":
            return Response("log in first", 401)
        return HTMLResponse(_PAGE) if way == "page" else RedirectResponse(f"{ROOT}/login.jsp", 302)

    # What it holds.

    async def _search(self, request: Request, session: _Session) -> Response:
        key, _, wanted = request.query_params.get("externalData", "").partition("$!$")
        self.seen.searched.append(wanted)
        if key != EXTERNAL_ID:
            return JSONResponse({"error": "no such external data"}, 400)
        found = [self._told(each) for each in self._between(request) if self._id_of(each) == wanted]
        behaviour = self.behaviour
        if behaviour.lists == "conversations":
            found = [{"id": f"c{each['id']}", "couples": [each]} for each in found]
        total = len(found)
        if behaviour.knows_pages:
            offset, limit = (int(request.query_params.get(name, "0")) for name in ("offset", "limit"))
            found = found[offset : offset + min(limit or behaviour.page_size, behaviour.page_size)]
        told = {"total": total} if behaviour.tells_total else {}
        return JSONResponse({behaviour.lists: found, **told})

    def _between(self, request: Request) -> list[HeldCouple]:
        if not self.behaviour.knows_times:
            return self.couples
        start, end = (
            datetime.fromisoformat(request.query_params[name]).timestamp() * 1e6
            for name in ("startTime", "endTime")
        )
        return [each for each in self.couples if each.start <= end and each.end >= start]

    def _id_of(self, couple: HeldCouple) -> str:
        return couple.jtapi_id if self.behaviour.id_form == "slashed" else couple.call_key

    def _told(self, couple: HeldCouple) -> dict[str, Any]:
        behaviour = self.behaviour
        start, end = (
            datetime.fromtimestamp((moment + behaviour.clock_offset_ms * 1000) / 1e6, UTC).isoformat(
                timespec="milliseconds"
            )
            for moment in (couple.start, couple.end)
        )
        told = {
            "id": int(couple.couple_id),
            "sid": couple.sid,
            "startTime": start,
            "endTime": end,
            "callingParty": couple.calling,
            "calledParty": couple.called,
            "externalData": {
                EXTERNAL_ID: self._id_of(couple),
                "COUPLE_START_REASON": behaviour.words.get(couple.start_reason, couple.start_reason),
                "COUPLE_END_REASON": behaviour.words.get(couple.end_reason, couple.end_reason),
            },
        }
        return told | ({"agentExtension": couple.agent_extension} if behaviour.tells_agent else {})

    async def _token(self, request: Request, session: _Session) -> Response:
        sid = request.query_params.get("sid", "")
        if all(each.sid != sid for each in self.couples):
            if self.behaviour.unknown_sid_is_told_by == "status":
                return Response("no such call", 404)
            return Response('<?xml version="1.0"?>\n<error number="7">No call.</error>', media_type=_XML)
        token = secrets.token_urlsafe(24)
        session.tokens[token] = sid
        self.seen.issued.add(token)
        return Response(f'<?xml version="1.0" encoding="UTF-8"?>\n<reply>{token}</reply>', media_type=_XML)

    async def _download(self, request: Request, session: _Session) -> Response:
        sid = session.tokens.pop(request.query_params.get("token", ""), None)
        if sid is None:
            return self._without_session()
        couple = next(each for each in self.couples if each.sid == sid)
        audio_format = self.behaviour.audio_format
        content = await asyncio.to_thread(file_of, couple, audio_format)
        return Response(content, media_type=MEDIA_TYPES[audio_format])


_EARLY = frozenset({"error", "throttle", "drop", "hang", "page", "nonsense"})


async def _spoilt(response: Response, way: Way | None) -> Response:
    """An answer whose body does not come as it should."""
    if way not in {"cut", "drip"}:
        return response
    body = bytes(response.body)
    if way == "cut":
        # Less than its length says: the server closes the connection.
        return StreamingResponse(_begun(body[: len(body) // 2]), headers={"Content-Length": str(len(body))})
    return StreamingResponse(_drips(body), media_type=response.media_type)


async def _begun(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _drips(body: bytes) -> AsyncIterator[bytes]:
    for number in range(len(body)):
        yield body[number : number + 1]
        await asyncio.sleep(0.05)
