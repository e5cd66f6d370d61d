"""What FreeSWITCH's scripts send: manifests, signs of life, ends of calls, and the question for the rules."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from cx_pipeline.core.recording.manifest import ManifestRefusedError
from cx_pipeline.gateway.access.dependencies import needs
from cx_pipeline.gateway.access.principal import RECORDERS_WRITE, Principal
from cx_pipeline.gateway.intake.answers import safely, taken_in, unusable
from cx_pipeline.gateway.intake.bodies import as_json, documents_of
from cx_pipeline.gateway.intake.descriptions import DOCUMENT, DOCUMENTS
from cx_pipeline.gateway.intake.documents import call_end_of, recorder_beat_of
from cx_pipeline.gateway.intake.manifests import Judged, judge_manifests
from cx_pipeline.gateway.intake.questions import answer_document, question_of
from cx_pipeline.gateway.intake.records import Kind
from cx_pipeline.gateway.intake.service import IntakeService
from cx_pipeline.gateway.intake.taking import take_documents

router = APIRouter(tags=["recorders"])
Recorder = Annotated[Principal, Depends(needs(RECORDERS_WRITE))]

_QUEUED = "Recording job accepted and queued for processing"


@router.post("/recorders/heartbeat", openapi_extra=DOCUMENTS, responses=taken_in("signs of life"))
async def post_recorder_heartbeat(request: Request, sender: Recorder) -> Response:
    """Note that a recorder is there: one object, or a list. Fields: `recorderId`; `sentTime`, `activeRecordings`."""
    documents, _ = await documents_of(request)
    return await take_documents(request, Kind.RECORDER_HEARTBEATS, sender, documents, recorder_beat_of)


@router.post("/call-ended", openapi_extra=DOCUMENTS, responses=taken_in("ends of calls"))
async def post_call_ended(request: Request, sender: Recorder) -> Response:
    """Note that a call of the platform is over: one object, or a list. Field: `uuid`; all others are kept."""
    documents, _ = await documents_of(request)
    return await take_documents(request, Kind.CALL_ENDS, sender, documents, call_end_of)


@router.post("/mixer/sip-data", openapi_extra=DOCUMENTS, responses=taken_in("manifests"))
@router.post("/mixer/api/sip-data", openapi_extra=DOCUMENTS, responses=taken_in("manifests"))
@router.post("/mixapi", openapi_extra=DOCUMENTS, responses=taken_in("manifests"))
async def post_sip_data(request: Request, sender: Recorder) -> Response:
    """Take in the manifest of a recording (guide 19.6.1), or a list of them.

    One that cannot be used is kept apart; 422 names the field where none of them can.
    """
    documents, is_list = await documents_of(request)
    intake: IntakeService = request.app.state.intake
    judged = await run_sync(judge_manifests, documents, sender, intake.stream_roots)
    payload = as_json(documents)
    receipt = await safely(intake.take(Kind.MANIFESTS, sender, payload, len(documents)))
    refusals = receipt.outcome.refusals if receipt.outcome is not None else _refusals(judged)
    if len(refusals) == len(documents):
        raise unusable(refusals[0])
    status = 202 if receipt.outcome is None else 200
    answers = [_job(each, refusals.get(number)) for number, each in enumerate(judged)]
    return JSONResponse(answers if is_list else answers[0], status)


@router.post(
    "/vrs/recording-rules/evaluate",
    openapi_extra=DOCUMENT,
    responses={400: {"description": "No JSON."}, 422: {"description": "A field is wrong."}},
)
async def evaluate_rules(request: Request, asker: Recorder) -> dict[str, Any]:
    """Whether a call that begins is to be recorded (guide 19.4.4): `record`, and `quality` where it is.

    Fields: `agentExtension`, `callingNumber`, `calledNumber`, `direction`, `tenantId`, `timestamp`. A rule that asks
    for what is not known yet leaves the answer at yes, with `isFinal` false.
    """
    documents, _ = await documents_of(request)
    if len(documents) != 1 or not isinstance(documents[0], Mapping):
        raise unusable("WRONG_TYPE: the question is no object")
    try:
        question = question_of(documents[0], asker)
    except ManifestRefusedError as refused:
        raise unusable(refused.reason) from None
    intake: IntakeService = request.app.state.intake
    return answer_document(await intake.rules.evaluate(question))


def _refusals(judged: Sequence[Judged]) -> dict[int, str]:
    return {
        number: each.reason for number, each in enumerate(judged) if isinstance(each, ManifestRefusedError)
    }


def _job(judged: Judged, refusal: str | None) -> dict[str, object]:
    if isinstance(judged, ManifestRefusedError) or refusal is not None:
        return {"jobId": None, "status": "REFUSED", "message": refusal}
    return {"jobId": judged.manifest_id, "status": "QUEUED", "message": _QUEUED}
