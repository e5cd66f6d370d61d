"""Pause and resume of a recording that runs."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from cx_pipeline.core.errors import ConfigurationError, DestinationUnavailableError
from cx_pipeline.core.recording.manifest_values import ManifestRefusedError, told_text
from cx_pipeline.gateway.access.dependencies import needs
from cx_pipeline.gateway.access.principal import RECORDINGS_CONTROL, Principal
from cx_pipeline.gateway.intake.answers import unusable
from cx_pipeline.gateway.intake.bodies import documents_of
from cx_pipeline.gateway.intake.descriptions import CONTROL
from cx_pipeline.gateway.intake.recording_control import Action, Asked, RefusedError, is_call_uuid
from cx_pipeline.gateway.intake.service import IntakeService
from cx_pipeline.gateway.problems import Problem, not_found

router = APIRouter(tags=["control"])
Controller = Annotated[Principal, Depends(needs(RECORDINGS_CONTROL))]

_RETRY_AFTER_S = 2
_ANSWERS: dict[int | str, dict[str, str]] = {
    400: {"description": "The content is no JSON."},
    404: {"description": "There is no such call."},
    409: {"description": "The recorder did not do it; the detail is its answer."},
    422: {"description": "A field is missing or wrong."},
    503: {"description": "The recorder, or what keeps account of this, does not answer."},
}


@router.post("/calls/{call_uuid}/recording/pause", openapi_extra=CONTROL, responses=_ANSWERS)
async def pause_recording(request: Request, call_uuid: str, asker: Controller) -> dict[str, str]:
    """Have what a call records be silence from now on: for card numbers and the like. The file goes on."""
    return await _control(request, Action.PAUSE, call_uuid, asker)


@router.post("/calls/{call_uuid}/recording/resume", openapi_extra=CONTROL, responses=_ANSWERS)
async def resume_recording(request: Request, call_uuid: str, asker: Controller) -> dict[str, str]:
    """Have the call recorded again."""
    return await _control(request, Action.RESUME, call_uuid, asker)


async def _control(request: Request, action: Action, call_uuid: str, asker: Principal) -> dict[str, str]:
    if not is_call_uuid(call_uuid):
        raise not_found()
    documents, _ = await documents_of(request)
    asked = Asked(action, call_uuid, asker, *_who_and_why(documents))
    intake: IntakeService = request.app.state.intake
    try:
        answer = await intake.masks.apply(asked)
    except RefusedError as refused:
        raise Problem(409, "The recorder did not do it", str(refused)) from None
    except (DestinationUnavailableError, ConfigurationError) as error:
        headers = {"Retry-After": str(_RETRY_AFTER_S)}
        raise Problem(503, "Not available at the moment", "The recorder does not answer.", headers) from error
    if answer is None:
        raise not_found()
    return {
        "callUuid": call_uuid,
        "status": "PAUSED" if action is Action.PAUSE else "RECORDING",
        "message": answer,
    }


def _who_and_why(documents: list[object]) -> tuple[str, str]:
    told = documents[0]
    if len(documents) != 1 or not isinstance(told, Mapping):
        raise unusable("WRONG_TYPE: the request is no object")
    try:
        agent, reason = told_text(told, ("agent",)), told_text(told, ("reason",))
    except ManifestRefusedError as refused:
        raise unusable(refused.reason) from None
    if agent is None or reason is None:
        raise unusable(f"NO_VALUE: there is no {'agent' if agent is None else 'reason'}")
    return agent, reason
