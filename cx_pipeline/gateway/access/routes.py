"""The routes by which people log in and out in their browsers."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from cx_pipeline.core.errors import TransientError
from cx_pipeline.core.linking.signing import TICKET_PATH
from cx_pipeline.gateway.access import sessions, tickets
from cx_pipeline.gateway.access.login import CALLBACK_PATH, Login
from cx_pipeline.gateway.access.service import AccessService
from cx_pipeline.gateway.problems import Problem, not_found
from cx_pipeline.settings import Settings

LOGGED_OUT_PATH = "/logged-out"
_SEE_OTHER = 303
_LOGGED_OUT = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<title>Logged out</title><h1>You are logged out</h1><p><a href="/login">Log in again</a></p></html>'
)

_ANSWERS: dict[int | str, dict[str, Any]] = {
    403: {"description": "The login was refused, or another site asks for it"},
    404: {"description": "No login is set up"},
}
router = APIRouter(tags=["login"], responses=_ANSWERS)


@router.get("/login", response_class=RedirectResponse, status_code=302)
async def login(request: Request, next: Annotated[str | None, Query(max_length=4000)] = None) -> Response:
    """Lead a browser to the issuer's login; afterwards it is led to `next`, a path of this gateway."""
    return RedirectResponse(await _login_of(request).begin(request.session, next), 302)


@router.get(TICKET_PATH, response_class=RedirectResponse, status_code=_SEE_OTHER)
async def ticket(
    request: Request,
    expires: Annotated[int, Query(ge=0, lt=10**12)],
    signature: Annotated[str, Query(max_length=200)],
) -> Response:
    """Let in who has a ticket of this deployment: for where no issuer is set."""
    access: AccessService = request.app.state.access
    if access.ticket_secret is None:
        raise not_found()
    principal = tickets.holder_of(access.ticket_secret, expires, signature)
    if principal is None:
        raise Problem(401, "Not authorised", "This address is no longer good.")
    settings: Settings = request.app.state.settings
    sessions.log_in(request.session, principal, time.time() + settings.session_hours * 3600)
    return RedirectResponse("/", _SEE_OTHER)


@router.get(CALLBACK_PATH, response_class=RedirectResponse, status_code=302)
async def callback(
    request: Request,
    state: Annotated[str, Query(max_length=200)],
    code: Annotated[str | None, Query(max_length=4000)] = None,
) -> Response:
    """Where the issuer leads a browser back to."""
    room = _login_of(request)
    if code is None:
        raise room.give_up(request.session, state)
    return RedirectResponse(await room.finish(request.session, state, code), 302)


@router.post("/logout", response_class=RedirectResponse, status_code=_SEE_OTHER)
async def logout(request: Request) -> Response:
    """Forget who is logged in in this browser, and lead it to the issuer's logout."""
    access: AccessService = request.app.state.access
    if not access.has_sessions:
        raise not_found()
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Problem(403, "Not allowed", "Another site's page cannot log anybody out.")
    request.session.clear()
    try:
        target = None if access.login is None else await access.login.end_url()
    except TransientError:  # being logged out here is what counts
        target = None
    return RedirectResponse(target or LOGGED_OUT_PATH, _SEE_OTHER)


@router.get(LOGGED_OUT_PATH, response_class=HTMLResponse)
async def logged_out() -> HTMLResponse:
    """Say that it is done."""
    return HTMLResponse(_LOGGED_OUT)


def _login_of(request: Request) -> Login:
    access: AccessService = request.app.state.access
    if access.login is None:
        raise not_found()
    return access.login
