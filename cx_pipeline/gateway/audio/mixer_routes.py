"""The mixer's interface as the guide has it (19.6.2 to 19.6.4), also under the other names that it is called by."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cx_pipeline.gateway.access.dependencies import needs
from cx_pipeline.gateway.access.principal import (
    RECORDERS_WRITE,
    RECORDINGS_DOWNLOAD,
    RECORDINGS_READ,
    Principal,
)
from cx_pipeline.gateway.audio.asking import audio_of, by_id, described
from cx_pipeline.gateway.audio.descriptions import job_of
from cx_pipeline.gateway.audio.interface import AUDIO_ANSWERS, JSON_ANSWERS
from cx_pipeline.gateway.audio.service import DOWNLOAD
from cx_pipeline.gateway.problems import not_found

PREFIXES = ("/mixer", "/mixer/api", "/mixapi")
"""The guide's name first; the others are those that scripts of the installed base call (guide 19.6, 10.1)."""

Recorder = Annotated[Principal, Depends(needs(RECORDERS_WRITE))]
Reader = Annotated[Principal, Depends(needs(RECORDINGS_READ))]
Keeper = Annotated[Principal, Depends(needs(RECORDINGS_DOWNLOAD))]


async def job(request: Request, job_id: str, principal: Recorder) -> Response:
    """What became of a file that a recorder told of; the job's id is that of its manifest, or of a recording."""
    audio = audio_of(request)
    file, recording = await audio.in_thread(lambda: audio.lookup.job(job_id, principal.tenant_id))
    if file is None and recording is None:
        raise not_found()
    return JSONResponse(job_of(job_id, file, recording))


async def metadata(request: Request, recording_id: str, principal: Reader) -> Response:
    """What is known of a recording (guide 19.5.6)."""
    return JSONResponse(await described(audio_of(request), recording_id, principal))


async def download(request: Request, recording_id: str, principal: Keeper) -> Response:
    """A recording's file, to be kept."""
    audio = audio_of(request)
    return await audio.answer(request, by_id(audio, recording_id, principal, DOWNLOAD), principal)


def _router() -> APIRouter:
    made = APIRouter(tags=["mixer"])
    for number, prefix in enumerate(PREFIXES):
        is_shown = number == 0
        for path, answer, answers, kind in (
            ("/jobs/{job_id}", job, JSON_ANSWERS, JSONResponse),
            ("/recordings/{recording_id}", metadata, JSON_ANSWERS, JSONResponse),
            ("/recordings/{recording_id}/download", download, AUDIO_ANSWERS, Response),
        ):
            made.get(prefix + path, responses=answers, response_class=kind, include_in_schema=is_shown)(
                answer
            )
            made.head(prefix + path, response_class=kind, include_in_schema=False)(answer)
    return made


router = _router()
