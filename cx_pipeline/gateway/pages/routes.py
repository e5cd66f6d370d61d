"""The pages' addresses: the search for calls, its start, and the files that the pages are made with."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from cx_pipeline.adapters.database.call_search import SearchTooLongError
from cx_pipeline.gateway.access.dependencies import needs
from cx_pipeline.gateway.access.principal import RECORDINGS_READ, Principal
from cx_pipeline.gateway.negotiation import prefers_html
from cx_pipeline.gateway.pages.call_query import CallQuery, read_call_query
from cx_pipeline.gateway.pages.calls_page import CallsFound, as_json, find_calls, page_values
from cx_pipeline.gateway.pages.service import PagesService
from cx_pipeline.gateway.pages.templates import HEADERS
from cx_pipeline.gateway.problem_answers import problem_response
from cx_pipeline.gateway.problems import Problem, not_found

router = APIRouter()

_TOO_LONG = {"from": "the search took too long: ask for a shorter time, or for more of a number"}
_FOREVER = "public, max-age=31536000, immutable"
_OLD = "public, no-cache"


@router.get("/", include_in_schema=False)
async def start() -> Response:
    """People begin at the search."""
    return RedirectResponse("/calls", 302, headers={"Cache-Control": "no-store"})


@router.get(
    "/calls",
    summary="Search for calls",
    tags=["pages"],
    response_model=None,
    responses={
        200: {
            "description": "The legs that fit, newest first: a page for browsers, else JSON.",
            "content": {"text/html": {}, "application/json": {}},
        },
        422: {"description": "A filter cannot be understood."},
        503: {"description": "The database is away, or the search took too long."},
    },
)
async def calls(
    request: Request,
    principal: Annotated[Principal, Depends(needs(RECORDINGS_READ))],
    agent: Annotated[str, Query(description="Extension or id of an agent, or a part of the name.")] = "",
    number: Annotated[str, Query(description="Begin or end of the customer's or the called number.")] = "",
    from_: Annotated[
        str, Query(alias="from", description="Earliest begin (RFC 3339). Default: 24 h ago.")
    ] = "",
    to: Annotated[str, Query(description="Latest begin, not included. Default: now.")] = "",
    type_: Annotated[str, Query(alias="type", description="Type of the call.")] = "",
    wrap_up: Annotated[str, Query(description="A part of what the agent noted.")] = "",
    missing: Annotated[
        str, Query(description="1: only legs without the recording that they should have.")
    ] = "",
    page: Annotated[str, Query(description="Of `next` in the answer before.")] = "",
) -> Response:
    """Find legs by agent, number, time, type and wrap-up, each with what became of its recording."""
    pages: PagesService = request.app.state.pages
    given = {
        "agent": agent, "number": number, "from": from_, "to": to, "type": type_, "wrap_up": wrap_up,
        "missing": missing, "page": page,
    }  # fmt: skip
    query = read_call_query(given, datetime.now(UTC), pages.lost_after)
    is_page = prefers_html(request)
    if query.errors:
        return _page(pages, principal, query, None, 422) if is_page else _refused(query)
    try:
        found = await run_in_threadpool(find_calls, pages, query, principal.tenant_id, datetime.now(UTC))
    except SearchTooLongError:
        if is_page:
            return _page(pages, principal, replace(query, errors=_TOO_LONG), None, 503)
        raise Problem(503, "Search took too long", _TOO_LONG["from"]) from None
    if is_page:
        return await run_in_threadpool(_page, pages, principal, query, found)
    return JSONResponse(as_json(query, found), headers={"Vary": HEADERS["Vary"]})


@router.get("/static/{version}/{name}", include_in_schema=False)
async def static_file(request: Request, version: str, name: str) -> Response:
    """A style or a script: kept for ever under its own version, asked for again under another."""
    pages: PagesService = request.app.state.pages
    file = pages.static.find(name)
    if file is None:
        raise not_found()
    etag = f'"{pages.static.version}"'
    headers = {"Cache-Control": _FOREVER if version == pages.static.version else _OLD, "ETag": etag}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)


def _page(
    pages: PagesService,
    principal: Principal,
    query: CallQuery,
    found: CallsFound | None,
    status: int = 200,
) -> HTMLResponse:
    text = pages.templates.page("calls.html", principal, **page_values(query, found))
    return HTMLResponse(text, status, headers=HEADERS)


def _refused(query: CallQuery) -> Response:
    errors: list[dict[str, Any]] = [
        {"where": f"query.{name}", "what": what} for name, what in query.errors.items()
    ]
    return problem_response(Problem(422, "Request does not fit its description"), errors)
