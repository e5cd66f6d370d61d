"""What is wrong with a request, as a problem document (RFC 9457): never a path, a query or a trace of ours."""

from collections.abc import Mapping
from types import MappingProxyType

PROBLEM_TYPE = "application/problem+json"
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Problem(Exception):  # noqa: N818 - what the RFC calls it
    """Ends a request with a problem document.

    Args:
        status: HTTP status.
        title: what is wrong, the same for all of its kind.
        detail: what is wrong with this one; words that the asker may see.
        headers: of the answer, beside its type.
    """

    def __init__(
        self, status: int, title: str, detail: str = "", headers: Mapping[str, str] = _NO_HEADERS
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = dict(headers)


def not_found() -> Problem:
    """The one answer for what is not there and for what is not theirs: nobody learns which."""
    return Problem(404, "Not found")
