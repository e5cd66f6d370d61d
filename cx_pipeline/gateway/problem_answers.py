"""Every failure as a problem document (RFC 9457). What went wrong inside stands in the log, never in the answer."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cx_pipeline.core.errors import CxError, InputError, TransientError
from cx_pipeline.gateway.negotiation import prefers_html
from cx_pipeline.gateway.problems import PROBLEM_TYPE, Problem

RETRY_AFTER_S = 5
"""So long a client waits before it asks again for what is away."""
_TITLES = {
    400: "Bad request",
    404: "Not found",
    405: "Method not allowed",
    413: "Request too large",
    415: "Unsupported media type",
}
_log = logging.getLogger(__name__)


def problem_body(
    status: int, title: str, detail: str = "", errors: Sequence[Mapping[str, Any]] = ()
) -> bytes:
    """A problem document as JSON."""
    document: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    if detail:
        document["detail"] = detail
    if errors:
        document["errors"] = list(errors)
    return json.dumps(document, separators=(",", ":")).encode()


def problem_response(problem: Problem, errors: Sequence[Mapping[str, Any]] = ()) -> Response:
    """The answer that a problem is; a redirection is only that."""
    if problem.status < 400:
        return Response(status_code=problem.status, headers=problem.headers)
    return Response(
        problem_body(problem.status, problem.title, problem.detail, errors),
        status_code=problem.status,
        headers=problem.headers,
        media_type=PROBLEM_TYPE,
    )


def problem_of(error: CxError) -> Problem:
    """The problem that an error of ours is to who asks: that it may help to try again, or not."""
    if isinstance(error, TransientError):
        return Problem(
            503,
            "Not available at the moment",
            "What is needed for this does not answer: try again later.",
            {"Retry-After": str(RETRY_AFTER_S)},
        )
    if isinstance(error, InputError):
        return Problem(400, _TITLES[400])
    return Problem(500, "Internal error")


def add_problem_handlers(app: FastAPI) -> None:
    """Have routes' exceptions answered by problem documents."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(CxError, _our_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_exception)


def answer_to(request: Request, problem: Problem) -> Response:
    """The answer that a problem is: a page for who follows a link in a browser, else the document."""
    page = getattr(request.app.state, "problem_page", None)
    if page is None or problem.status < 400 or not prefers_html(request):
        return problem_response(problem)
    headers = {**problem.headers, "Cache-Control": "no-store", "Vary": "Accept"}
    return HTMLResponse(page(problem), problem.status, headers)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - how handlers are typed
    return answer_to(request, error)


async def _our_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, CxError)  # noqa: S101
    problem = problem_of(error)
    level = logging.WARNING if problem.status < 500 or error.is_transient else logging.ERROR
    _log.log(level, "%s %s: %s", request.method, _route(request.scope), error)
    return answer_to(request, problem)


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    # Where and what, never the value: it may be anything that the client sent.
    errors = [{"where": ".".join(map(str, e["loc"])), "what": e["msg"]} for e in error.errors()[:20]]
    return problem_response(Problem(422, "Request does not fit its description"), errors)


async def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code < 400:
        return Response(status_code=error.status_code, headers=error.headers)
    title = _TITLES.get(error.status_code, "Request cannot be answered")
    return answer_to(request, Problem(error.status_code, title, headers=error.headers or {}))


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", "(no route)"))


class ProblemAnswers:
    """Answers what nobody foresaw with a problem document too, and keeps the trace for the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, _without_trace(scope, send))
            return
        is_begun = False

        async def noting_send(message: Message) -> None:
            nonlocal is_begun
            is_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        except ClientDisconnect:
            pass  # who asked has gone: there is nobody to answer
        except Exception as error:
            response = self._answer_to(error, scope)
            if not is_begun:  # else the server sees that the answer is not whole, and cuts the connection
                await response(scope, receive, send)

    @staticmethod
    def _answer_to(error: Exception, scope: Scope) -> Response:
        if isinstance(error, Problem):
            return problem_response(error)
        if isinstance(error, CxError):
            _log.error("%s %s: %s", scope["method"], _route(scope), error)
            return problem_response(problem_of(error))
        _log.error("%s %s failed", scope["method"], _route(scope), exc_info=error)
        return problem_response(Problem(500, "Internal error"))


def _without_trace(scope: Scope, send: Send) -> Send:
    """Tell why the application could not be opened in one line where it is an error of ours, as everywhere."""

    async def telling_send(message: Message) -> None:
        failure = getattr(scope["app"].state, "failure", None)
        if message["type"] == "lifespan.startup.failed" and isinstance(failure, CxError):
            message = {"type": message["type"], "message": str(failure)}
        await send(message)

    return telling_send
