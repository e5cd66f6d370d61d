"""How routes of the intake answer."""

from collections.abc import Awaitable
from typing import Any

from cx_pipeline.core.errors import ConfigurationError, StorageUnavailableError
from cx_pipeline.gateway.intake.records import Receipt
from cx_pipeline.gateway.problems import Problem

RETRY_AFTER_S = 5


async def safely(taking: Awaitable[Receipt]) -> Receipt:
    """Where something that was taken in is safe.

    Raises:
        Problem: 503, it is safe nowhere: the sender keeps it and tries again.
    """
    try:
        return await taking
    except (StorageUnavailableError, ConfigurationError):
        detail = "The database does not answer, and no more can be kept until it does: send it again later."
        raise Problem(
            503, "Not available at the moment", detail, {"Retry-After": str(RETRY_AFTER_S)}
        ) from None


def unusable(detail: str) -> Problem:
    """A document that cannot be used; `detail` names the field."""
    return Problem(422, "Request does not fit its description", detail)


def taken_in(what: str) -> dict[int | str, dict[str, Any]]:
    """The answers of a route that takes something in, for the description of the interface."""
    return {
        200: {"description": f"The {what} are in the database."},
        202: {"description": f"The {what} are safe on disk, and will be in the database once it is back."},
        400: {"description": "The content is not what it says."},
        413: {"description": "The content is too long."},
        415: {"description": "The content is packed in a way that is not known."},
        422: {"description": "A field is missing or wrong; the detail names it."},
        503: {"description": "Nothing was taken in: send it again later."},
    }
