"""Documents from a request to a place where they are safe."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from cx_pipeline.core.recording.manifest_values import ManifestRefusedError
from cx_pipeline.gateway.access.principal import Principal
from cx_pipeline.gateway.intake.answers import safely, unusable
from cx_pipeline.gateway.intake.bodies import as_json
from cx_pipeline.gateway.intake.records import Kind

Reader = Callable[[object, Principal, datetime], object]


async def take_documents(
    request: Request, kind: Kind, sender: Principal, documents: Sequence[object], read: Reader
) -> Response:
    """Check each document and take all of them in; none, where one of them cannot be used.

    Raises:
        Problem: 422 naming document and field; 503 where they are safe nowhere.
    """
    now = datetime.now(UTC)
    for number, document in enumerate(documents):
        try:
            read(document, sender, now)
        except ManifestRefusedError as refused:
            place = f" (document {number + 1} of {len(documents)})" if len(documents) > 1 else ""
            raise unusable(f"{refused.reason}{place}") from None
    payload = as_json(documents)
    receipt = await safely(request.app.state.intake.take(kind, sender, payload, len(documents)))
    if receipt.outcome is None:
        return JSONResponse({"spooled": len(documents)}, 202)
    return JSONResponse({"stored": receipt.outcome.stored})
