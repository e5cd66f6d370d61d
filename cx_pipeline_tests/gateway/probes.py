"""Routes that only tell who was let in, or fail as told: for tests of what stands before all routes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI
from starlette.requests import Request
from starlette.responses import StreamingResponse

from cx_pipeline.core.errors import (
    BrokenSealError,
    ConfigurationError,
    CxError,
    DatabaseUnavailableError,
    InputError,
    StorageUnavailableError,
)
from cx_pipeline.gateway.access.dependencies import needs
from cx_pipeline.gateway.access.principal import EVENTS_WRITE, RECORDINGS_PLAY, RECORDINGS_READ, Principal
from cx_pipeline.gateway.problems import Problem

SECRET_PLACE = "/srv/secret-place"
FAILURES: dict[str, Exception] = {
    "problem": Problem(409, "There already", "Take another name."),
    "database": DatabaseUnavailableError(f"the database at {SECRET_PLACE} does not answer"),
    "storage": StorageUnavailableError(f"cannot read {SECRET_PLACE}"),
    "input": InputError(f"{SECRET_PLACE} is not there"),
    "configuration": ConfigurationError(f"{SECRET_PLACE} lacks tables"),
    "seal": BrokenSealError(f"{SECRET_PLACE} was changed"),
    "root": CxError(SECRET_PLACE),
    "unknown": RuntimeError(f"secret of {SECRET_PLACE}"),
}
router = APIRouter(prefix="/probe")


def add_probes(app: FastAPI) -> None:
    app.include_router(router)


@router.get("/play")
@router.get("/play/{name}")
async def play(
    principal: Annotated[Principal, Depends(needs(RECORDINGS_PLAY, is_signed_accepted=True))],
) -> dict[str, object]:
    return _shown(principal)


@router.get("/read")
async def read(principal: Annotated[Principal, Depends(needs(RECORDINGS_READ))]) -> dict[str, object]:
    return _shown(principal)


@router.post("/write")
async def write(principal: Annotated[Principal, Depends(needs(EVENTS_WRITE))]) -> dict[str, object]:
    return _shown(principal)


@router.post("/read")
async def change(principal: Annotated[Principal, Depends(needs(RECORDINGS_READ))]) -> dict[str, object]:
    return _shown(principal)


@router.post("/body")
async def body(request: Request) -> dict[str, int]:
    return {"bytes": len(await request.body())}


@router.post("/parsed")
async def parsed(numbers: list[int]) -> int:
    return sum(numbers)


@router.get("/client")
async def client(request: Request) -> str:
    assert request.client is not None
    return request.client.host


@router.get("/slow")
async def slow(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "done"


@router.get("/large")
async def large(megabytes: int) -> StreamingResponse:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(megabytes * 16):
            yield b"x" * 65_536

    return StreamingResponse(pieces(), media_type="application/octet-stream")


@router.get("/fails/{kind}")
async def fails(kind: str) -> None:
    raise FAILURES[kind]


def _shown(principal: Principal) -> dict[str, object]:
    return {
        "subject": principal.subject,
        "tenant": principal.tenant,
        "scopes": sorted(principal.scopes),
        "access": principal.access,
        "name": principal.display_name,
    }
