"""What several routes ask of the service."""

from typing import Any

from starlette.requests import Request

from cx_pipeline.gateway.access.principal import Principal
from cx_pipeline.gateway.audio.descriptions import description_of
from cx_pipeline.gateway.audio.service import Asked, AudioService
from cx_pipeline.gateway.problems import not_found


def audio_of(request: Request) -> AudioService:
    """The service of the gateway that answers."""
    service: AudioService = request.app.state.audio
    return service


def by_id(audio: AudioService, recording_id: str, principal: Principal, action: str) -> Asked:
    """A recording of ours by its id."""
    source = audio.recordings
    return Asked(lambda: source.of_recording(recording_id, principal.tenant_id), source, action)


async def described(audio: AudioService, recording_id: str, principal: Principal) -> dict[str, Any]:
    """A recording's metadata. Raises Problem: it is not there, or not theirs."""
    stored = await audio.in_thread(lambda: audio.lookup.of_id(recording_id, principal.tenant_id))
    if stored is None or not principal.sees(stored.tenant_id):
        raise not_found()
    return description_of(stored)
