"""The gateway as one ASGI application: its rooms, and what stands between them and the world."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import anyio.to_thread
from fastapi import APIRouter, FastAPI
from sqlalchemy import Engine
from starlette.middleware.sessions import SessionMiddleware

from cx_pipeline import __version__
from cx_pipeline.adapters.database.connection import open_engine
from cx_pipeline.core.errors import CxError
from cx_pipeline.gateway.access import routes as access_routes
from cx_pipeline.gateway.access import service as access
from cx_pipeline.gateway.access.configuration import session_secret
from cx_pipeline.gateway.audio import routes as audio_routes
from cx_pipeline.gateway.audio import service as audio
from cx_pipeline.gateway.health import routes as health_routes
from cx_pipeline.gateway.health.checks import checks
from cx_pipeline.gateway.health.service import open_health
from cx_pipeline.gateway.intake import routes as intake_routes
from cx_pipeline.gateway.intake import service as intake
from cx_pipeline.gateway.limits.body import BodyLimit
from cx_pipeline.gateway.limits.clients import TrueClient
from cx_pipeline.gateway.limits.rate import RateLimit
from cx_pipeline.gateway.metrics import Metrics
from cx_pipeline.gateway.openapi import describe
from cx_pipeline.gateway.pages import routes as pages_routes
from cx_pipeline.gateway.pages import service as pages
from cx_pipeline.gateway.problem_answers import ProblemAnswers, add_problem_handlers
from cx_pipeline.gateway.request_record import RequestRecord
from cx_pipeline.gateway.security_headers import SecurityHeaders
from cx_pipeline.settings import Settings

COOKIE = "cx_session"
SECURE_COOKIE = "__Host-cx_session"
"""Browsers take a cookie of such a name from this very host only, over HTTPS."""
_MEGABYTE = 1_000_000
_Service = Callable[[Settings, Engine, Metrics], AbstractAsyncContextManager[Any]]

SERVICES: dict[str, _Service] = {
    "access": access.open_service,
    "intake": intake.open_service,
    "audio": audio.open_service,
    "pages": pages.open_service,
}
"""What opens each room's service; routes reach it as `request.app.state.<room>`."""

ROUTERS: tuple[APIRouter, ...] = (
    audio_routes.router,
    health_routes.router,
    access_routes.router,
    intake_routes.router,
    pages_routes.router,
)
"""The rooms' routers, tried one after the other: that of audio first, as most requests are for ranges. A path that begins with a
leg's key, which may be anything, ends in a word of its own."""


def create_app(settings: Settings) -> FastAPI:
    """The application. Nothing is opened before its lifespan begins.

    Raises:
        ConfigurationError: the settings of the gateway are wrong.
    """
    app = FastAPI(
        title="cx-pipeline gateway",
        version=__version__,
        docs_url=None,  # FastAPI's pages load their scripts from elsewhere
        redoc_url=None,
        openapi_url="/openapi.json",
        lifespan=_lifespan,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.settings = settings
    app.state.metrics = Metrics()
    for router in ROUTERS:
        app.include_router(router)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    add_problem_handlers(app)
    _add_middleware(app, settings)
    return app


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """What each request passes through; the last one added is the first one passed."""
    secret = session_secret(settings)
    if secret is not None:
        is_secure = settings.middleware_url.startswith("https:")
        app.add_middleware(
            SessionMiddleware,
            secret_key=secret.get_secret_value(),
            session_cookie=SECURE_COOKIE if is_secure else COOKIE,
            max_age=int(settings.session_hours * 3600),
            same_site="lax",  # the way back from the issuer is a link from another site
            https_only=is_secure,
        )
    app.add_middleware(BodyLimit, most_bytes=int(settings.gateway_body_mb * _MEGABYTE))
    app.add_middleware(ProblemAnswers)
    app.add_middleware(RateLimit, requests_per_s=settings.gateway_requests_per_s)
    app.add_middleware(SecurityHeaders, form_targets=_issuers_origin(settings))
    app.add_middleware(RequestRecord, metrics=app.state.metrics)
    app.add_middleware(TrueClient, trusted_proxies=settings.gateway_trusted_proxies)


def _issuers_origin(settings: Settings) -> tuple[str, ...]:
    """Where logging out leads on to."""
    url = settings.oidc_issuer
    return () if url is None else (f"{url.scheme}://{url.host}:{url.port}",)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the rooms, one after the other, and close them in the opposite order."""
    try:
        async with _open_rooms(app):
            yield
    except CxError as error:
        app.state.failure = error
        raise


@asynccontextmanager
async def _open_rooms(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    async with AsyncExitStack() as stack:
        # A server that is set is not asked yet: it may be away. The embedded one is started where it does not run.
        engine = await anyio.to_thread.run_sync(open_engine, settings)
        stack.callback(engine.dispose)
        app.state.engine = engine
        for room, open_service in SERVICES.items():
            service = await stack.enter_async_context(open_service(settings, engine, app.state.metrics))
            setattr(app.state, room, service)
        app.state.problem_page = app.state.pages.templates.problem
        looked_at = checks(settings, engine, app.state.access.tokens)
        app.state.health = await stack.enter_async_context(open_health(looked_at, app.state.metrics))
        yield
