"""Whether the gateway lives, whether it is fit to serve, and its figures."""

from typing import Annotated, Literal

import anyio.to_thread
from fastapi import APIRouter, Depends
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cx_pipeline.gateway.access.dependencies import needs
from cx_pipeline.gateway.access.principal import METRICS_READ, Principal
from cx_pipeline.gateway.health.checks import DATABASE, SPOOL
from cx_pipeline.gateway.health.service import HealthService, State, state_of
from cx_pipeline.gateway.metrics import METRICS_TYPE, Metrics

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class CheckState(BaseModel):
    """How one thing is."""

    state: State
    reason: str


class Ready(BaseModel):
    """How everything is. `degraded`: something is wrong, and what comes in is still safe."""

    status: Literal["ready", "degraded", "not ready"]
    checks: dict[str, CheckState]


@router.get("/healthz")
async def healthz() -> Alive:
    """Say that the process lives; asks nothing else."""
    return Alive()


@router.get("/readyz", responses={503: {"model": Ready, "description": "Not ready: nothing can be taken in"}})
async def readyz(request: Request) -> Ready:
    """Say how the gateway and the pipeline behind it are. 503: send nothing here."""
    health: HealthService = request.app.state.health
    readiness = await health.readiness()
    needed = () if readiness.is_ready else (DATABASE, SPOOL)
    document = Ready(
        status="not ready" if not readiness.is_ready else "ready" if readiness.is_well else "degraded",
        checks={
            name: CheckState(state=state_of(verdict, is_needed=name in needed), reason=verdict.description)
            for name, verdict in readiness.verdicts.items()
        },
    )
    if not readiness.is_ready:
        return JSONResponse(document.model_dump(), status_code=503)  # type: ignore[return-value]
    return document


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request, _: Annotated[Principal, Depends(needs(METRICS_READ))]) -> Response:
    """Give all figures in Prometheus' text format."""
    health: HealthService = request.app.state.health
    await health.readiness()  # so that its figures are fresh
    figures: Metrics = request.app.state.metrics
    text = await anyio.to_thread.run_sync(figures.as_text)
    return Response(text, headers={"Content-Type": METRICS_TYPE})
