"""`POST /events` and the listeners' heartbeats."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from cx_pipeline.gateway.access.dependencies import needs
from cx_pipeline.gateway.access.principal import EVENTS_WRITE, Principal
from cx_pipeline.gateway.intake.answers import safely, taken_in
from cx_pipeline.gateway.intake.bodies import documents_of, events_of
from cx_pipeline.gateway.intake.descriptions import DOCUMENTS, EVENTS
from cx_pipeline.gateway.intake.documents import listener_beat_of
from cx_pipeline.gateway.intake.records import Kind
from cx_pipeline.gateway.intake.taking import take_documents

router = APIRouter(tags=["intake"])
EventWriter = Annotated[Principal, Depends(needs(EVENTS_WRITE))]


@router.post("/events", openapi_extra=EVENTS, responses=taken_in("events"), status_code=200)
async def post_events(request: Request, sender: EventWriter) -> Response:
    """Take call events in: NDJSON, one object, or a list; packed with gzip or not.

    Answers once they are safe: 200 with what became of them in the database, 202 where they are in the spool until the
    database is back. Sending a batch again changes nothing. Rows that cannot be used are kept apart, and counted.
    """
    payload, rows = await events_of(request)
    receipt = await safely(request.app.state.intake.take(Kind.EVENTS, sender, payload, rows))
    if receipt.outcome is None:
        return JSONResponse({"spooled": rows}, 202)
    outcome = receipt.outcome
    answer: dict[str, Any] = {
        name: getattr(outcome, name) for name in ("read", "stored", "duplicates", "quarantined")
    }
    return JSONResponse(answer)


@router.post(
    "/listeners/heartbeat", openapi_extra=DOCUMENTS, responses=taken_in("signs of life"), status_code=200
)
async def post_listener_heartbeat(request: Request, sender: EventWriter) -> Response:
    """Note that a listener is there, and whether it hears its source: one object, or a list.

    Fields: `source`, `listenerId`, `isConnected`; `beatAt` (now, where it is not told), `failedReconnections`,
    `tenantId`.
    """
    documents, _ = await documents_of(request)
    return await take_documents(request, Kind.LISTENER_HEARTBEATS, sender, documents, listener_beat_of)
