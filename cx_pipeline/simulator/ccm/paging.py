"""The list's answer, in one of the shapes that are met: a Spring page, pages with a link to the next, all at once."""

from collections.abc import Sequence
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

ListStyle = Literal["page", "link", "bare"]
DEFAULT_SIZE, LARGEST_SIZE = 20, 1000


def page_of(rows: Sequence[dict[str, Any]], request: Request, style: ListStyle) -> Response:
    """The page that a request asks for by `page` (from 0) and `size`.

    Raises:
        ValueError: these are no numbers, or out of bounds.
    """
    if style == "bare":
        return JSONResponse(list(rows))
    number = _number(request, "page", 0, 10**9)
    size = _number(request, "size", DEFAULT_SIZE, LARGEST_SIZE)
    if size == 0:
        raise ValueError("size must not be 0")
    content = list(rows[number * size : (number + 1) * size])
    is_last = (number + 1) * size >= len(rows)
    if style == "link":
        following = str(request.url.include_query_params(page=number + 1))
        return JSONResponse({"content": content, **({} if is_last else {"next": following})})
    return JSONResponse(
        {
            "content": content,
            "number": number,
            "size": size,
            "numberOfElements": len(content),
            "totalElements": len(rows),
            "totalPages": -(-len(rows) // size),
            "first": number == 0,
            "last": is_last,
            "empty": not content,
        }
    )


def _number(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isascii() or not text.isdigit() or int(text) > most:
        raise ValueError(f"{name} must be a number from 0 to {most}")
    return int(text)
