"""What can be played: by the key of a leg, as the links of a conversation have it, or by a recording's id."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cx_pipeline.gateway.access.dependencies import needs
from cx_pipeline.gateway.access.principal import RECORDINGS_PLAY, RECORDINGS_READ, Principal
from cx_pipeline.gateway.audio import mixer_routes
from cx_pipeline.gateway.audio.asking import audio_of, by_id, described
from cx_pipeline.gateway.audio.failures import playing
from cx_pipeline.gateway.audio.interface import (
    AUDIO_ANSWERS,
    LINKED_AUDIO_ANSWERS,
    METADATA_ANSWERS,
    VIDEO_ANSWERS,
)
from cx_pipeline.gateway.audio.service import PLAY, SCREEN, Asked
from cx_pipeline.gateway.negotiation import prefers_html
from cx_pipeline.gateway.pages.peaks import PEAKS_VIEW, peaks_answer
from cx_pipeline.gateway.pages.recording_page import recording_page

router = APIRouter(tags=["recordings"])

Linked = Annotated[Principal, Depends(needs(RECORDINGS_PLAY, is_signed_accepted=True))]
Player = Annotated[Principal, Depends(needs(RECORDINGS_PLAY))]
Reader = Annotated[Principal, Depends(needs(RECORDINGS_READ))]


@router.head("/{leg_key}/recording-file", include_in_schema=False)
@router.get("/{leg_key}/recording-file", responses=LINKED_AUDIO_ANSWERS, response_class=Response)
async def recording_file(request: Request, leg_key: str, principal: Linked) -> Response:
    """The recording of a leg: its bytes, whole or in ranges; for somebody who follows a link in a browser its page."""
    audio = audio_of(request)
    source = audio.linked
    asked = Asked(lambda: source.of_leg_key(leg_key, principal.tenant_id), source, PLAY, leg_key)
    if prefers_html(request):
        query = f"?{request.url.query}" if request.url.query else ""
        return await _page(request, asked, principal, quote(request.scope["path"], safe="/:@") + query)
    if request.query_params.get("view") == PEAKS_VIEW:
        return await _peaks(request, asked, principal)
    return await audio.answer(request, asked, principal)


@router.head("/{leg_key}/screen-recording-file", include_in_schema=False)
@router.get("/{leg_key}/screen-recording-file", responses=VIDEO_ANSWERS, response_class=Response)
async def screen_recording_file(request: Request, leg_key: str, principal: Linked) -> Response:
    """The screen recording of a leg: its bytes, whole or in ranges."""
    audio = audio_of(request)
    source = audio.screens
    asked = Asked(lambda: source.of_leg_key(leg_key, principal.tenant_id), source, SCREEN, leg_key)
    return await audio.answer(request, asked, principal)


@router.head("/recordings/{recording_id}/audio", include_in_schema=False)
@router.get("/recordings/{recording_id}/audio", responses=AUDIO_ANSWERS, response_class=Response)
async def recording_audio(request: Request, recording_id: str, principal: Player) -> Response:
    """A recording's bytes, whole or in ranges."""
    audio = audio_of(request)
    asked = by_id(audio, recording_id, principal, PLAY)
    if request.query_params.get("view") == PEAKS_VIEW:
        return await _peaks(request, asked, principal)
    return await audio.answer(request, asked, principal)


@router.get("/recordings/{recording_id}/peaks", response_class=JSONResponse)
async def recording_peaks(request: Request, recording_id: str, principal: Player) -> Response:
    """How loud each channel of a recording is over time, and when somebody speaks: what its page draws."""
    return await _peaks(request, by_id(audio_of(request), recording_id, principal, PLAY), principal)


@router.head("/recordings/{recording_id}", include_in_schema=False)
@router.get("/recordings/{recording_id}", responses=METADATA_ANSWERS, response_class=JSONResponse)
async def recording_metadata(request: Request, recording_id: str, principal: Reader) -> Response:
    """What is known of a recording (guide 19.5.6); in a browser its page."""
    audio = audio_of(request)
    if prefers_html(request):
        asked = by_id(audio, recording_id, principal, PLAY)
        return await _page(request, asked, principal, f"/recordings/{quote(recording_id, safe='')}/audio")
    return JSONResponse(await described(audio, recording_id, principal), headers={"Vary": "Accept"})


async def _page(request: Request, asked: Asked, principal: Principal, audio_url: str) -> Response:
    playable = await audio_of(request).find(asked, principal)
    return await recording_page(request, principal, playable, audio_url)


async def _peaks(request: Request, asked: Asked, principal: Principal) -> Response:
    playable = await audio_of(request).find(asked, principal)
    with playing():
        return await peaks_answer(request, principal, playable, asked.source)


# Last, as routes are tried one after the other, and most requests are for ranges.
router.include_router(mixer_routes.router)
