"""The reference conversation manager: three end points that take and list, two by which tests command and count."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cx_pipeline.core.errors import InputError
from cx_pipeline.core.messages.outbox_row import THIRD_PARTY, VOICE, Destination
from cx_pipeline.core.messages.parsing import parse
from cx_pipeline.core.messages.parts import DESTINATIONS, Dialect
from cx_pipeline.simulator.ccm.authorisation import TOKEN_PATH, Access, Authorisation
from cx_pipeline.simulator.ccm.connections import ClosedConnection, HungConnection
from cx_pipeline.simulator.ccm.conversations import VoiceActivities, conversation_of
from cx_pipeline.simulator.ccm.failures import DROPPED, ERROR, HUNG, REFUSED, Failures
from cx_pipeline.simulator.ccm.journal import Entry, Journal
from cx_pipeline.simulator.ccm.ledger import Ledger, Receipt
from cx_pipeline.simulator.ccm.paging import ListStyle, page_of

VOICE_PATH = "/conversation-manager/activities/voice"
THIRD_PARTY_PATH = "/conversation-manager/activities/third-party"


@dataclass(frozen=True, slots=True)
class ManagerOptions:
    """How the reference manager behaves."""

    journal: Path | None = None
    """File of what it got, read again at the next start. None: it forgets."""
    duplicates: Literal["accept", "conflict"] = "accept"
    """What a message id that came before is answered with: 200 or 409."""
    dialect: Dialect = "guide"
    access: Access = None
    failures: Failures = field(default_factory=Failures)
    list_style: ListStyle = "page"
    voice_path: str = VOICE_PATH
    third_party_path: str = THIRD_PARTY_PATH


class ReferenceManager:
    """Takes messages as the conversation manager would, and counts them."""

    def __init__(self, options: ManagerOptions, clock: Callable[[], float] = time.monotonic) -> None:
        self.options = options
        self.failures = options.failures
        self.ledger = Ledger()
        self.activities = VoiceActivities()
        self.authorisation = Authorisation(options.access, clock)
        self.ending = asyncio.Event()
        """Set when the server ends: requests that hang are let go."""
        self._journal = Journal(options.journal)
        self._attempts: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()

    def open(self) -> None:
        """Read the journal and make ready to go on with it; before the application is served.

        Raises:
            InputError: the journal is none.
        """
        for entry in self._journal.read():
            self._remember(entry)
        self._journal.open()

    def app(self) -> Starlette:
        """The ASGI application."""
        options = self.options
        routes = [
            Route(options.voice_path, self._guarded(self._list), methods=["GET"]),
            Route(options.voice_path, self._guarded(self._taking(VOICE)), methods=["POST"]),
            Route(options.third_party_path, self._guarded(self._taking(THIRD_PARTY)), methods=["POST"]),
            Route(TOKEN_PATH, self._token, methods=["POST"]),
            Route("/ledger", self._ledger, methods=["GET"]),
            Route("/failures", self._failures, methods=["GET", "POST"]),
        ]
        return Starlette(routes=routes, lifespan=self._life)

    def count(self, *, is_detailed: bool = True) -> dict[str, Any]:
        """What `/ledger` answers."""
        return {
            **self.ledger.to_json(is_detailed=is_detailed),
            "unauthorised": self.authorisation.refused,
            "tokens": self.authorisation.issued,
            "failed": dict(sorted(self._failed.items())),
        }

    @asynccontextmanager
    async def _life(self, _: Starlette) -> AsyncIterator[None]:
        yield
        await self._journal.close()

    def _remember(self, entry: Entry) -> bool:
        """Take in an entry of the journal; whether it is a message that did not come before."""
        if "rejected" in entry:
            self.ledger.reject(entry["rejected"])
            return False
        if "duplicate" in entry:
            self.ledger.receive_again(entry["duplicate"])
            return False
        message = entry["message"]
        is_new = self.ledger.receive(Receipt.of(message))
        if is_new:
            self.activities.tell(message)
        return is_new

    def _guarded(
        self, answer: Callable[[Request, bytes, str, int], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """An end point behind authorisation and the failures that happen before anything is kept."""

        async def endpoint(request: Request) -> Response:
            body = await request.body()
            if not self.authorisation.allows(request.headers.get("authorization")):
                return problem(
                    401, "the token is missing, unknown or expired", {"WWW-Authenticate": "Bearer"}
                )
            name = _name_of(request, body)
            self._attempts[name] += 1
            attempt = self._attempts[name]
            way = self.failures.before_keeping(name, attempt)
            return await answer(request, body, name, attempt) if way is None else self._fail(way)

        return endpoint

    def _fail(self, way: str) -> Response:
        self._failed[way] += 1
        if way in {REFUSED, DROPPED}:
            return ClosedConnection()
        if way == HUNG:
            return HungConnection(self.failures.hang_s, self.ending)
        if way == ERROR:
            return problem(500, "told to fail")
        return problem(429, "told to throttle", {"Retry-After": str(self.failures.retry_after_s)})

    def _taking(self, destination: Destination) -> Callable[[Request, bytes, str, int], Awaitable[Response]]:
        async def take(request: Request, body: bytes, name: str, attempt: int) -> Response:
            try:
                message = self._valid(request, body, destination)
            except InputError as error:
                await self._keep({"rejected": str(error)})
                return problem(422, str(error))
            is_new = await self._keep(self._entry(message))
            if self.failures.drops_the_answer(name, attempt):
                return self._fail(DROPPED)
            if not is_new and self.options.duplicates == "conflict":
                return problem(409, f"the message {message['id']} came before")
            return JSONResponse({"id": message["id"], **_conversation(message)})

        return take

    def _entry(self, message: dict[str, Any]) -> Entry:
        is_known = self.ledger.receipt_of(message["id"]) is not None
        return {"duplicate": message["id"]} if is_known else {"message": message}

    async def _keep(self, entry: Entry) -> bool:
        """Note an entry in memory, in the order of arrival, and wait until it is on disk."""
        is_new = self._remember(entry)
        await self._journal.append({"at": datetime.now(UTC).isoformat(), **entry})
        return is_new

    def _valid(self, request: Request, body: bytes, destination: Destination) -> dict[str, Any]:
        parsed = parse(body, self.options.dialect)
        if DESTINATIONS[parsed.header.intent] != destination:
            raise InputError(f"{parsed.header.intent} does not go to {request.url.path}")
        if request.headers.get("idempotency-key", parsed.id) != parsed.id:
            raise InputError("the Idempotency-Key is not the message's id")
        message: dict[str, Any] = json.loads(body)
        wrong = [
            name
            for name, value in _conversation(message).items()
            if message["header"].get(name, value) != value
        ]
        if wrong:
            raise InputError(f"header.{wrong[0]} is not that of the call")
        if self.ledger.receipt_of(parsed.id) not in (None, Receipt.of(message)):
            raise InputError("a message of this id came before and said something else")
        return message

    async def _list(self, request: Request, body: bytes, name: str, attempt: int) -> Response:
        try:
            start, end = (_moment(request, parameter) for parameter in ("startTime", "endTime"))
            return page_of(self.activities.between(start, end), request, self.options.list_style)
        except ValueError as error:
            return problem(400, str(error))

    async def _token(self, request: Request) -> Response:
        self._attempts[TOKEN_PATH] += 1
        if self.failures.fails_a_token(self._attempts[TOKEN_PATH]):
            return problem(500, "told to fail")
        answer = self.authorisation.token(await request.body(), request.headers.get("authorization"))
        if isinstance(answer, str):
            return JSONResponse({"error": answer}, 401 if answer == "invalid_client" else 400)
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    async def _ledger(self, request: Request) -> Response:
        return JSONResponse(self.count(is_detailed=request.query_params.get("detail") != "no"))

    async def _failures(self, request: Request) -> Response:
        if request.method == "POST":
            try:
                self.failures = Failures.model_validate_json(await request.body())
            except ValidationError as error:
                return problem(422, str(error))
        return JSONResponse(self.failures.model_dump())


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """An error as problem JSON (RFC 9457)."""
    content = {"title": "Error" if status >= 500 else "Refused", "status": status, "detail": detail}
    return JSONResponse(content, status, headers, "application/problem+json")


def _name_of(request: Request, body: bytes) -> str:
    """What tells requests apart for the dice: attempts of the same one have the same name."""
    if request.method == "GET":
        return str(request.url.query)
    return request.headers.get("idempotency-key") or blake2b(body, digest_size=16).hexdigest()


def _conversation(message: dict[str, Any]) -> dict[str, str]:
    call_id = message["body"].get("callId")
    return {} if call_id is None else conversation_of(call_id)


def _moment(request: Request, parameter: str) -> datetime:
    text = request.query_params.get(parameter)
    if text is None:
        raise ValueError(f"{parameter} is missing")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{parameter} is no time") from None
    if moment.tzinfo is None:
        raise ValueError(f"{parameter} has no zone")
    return moment
