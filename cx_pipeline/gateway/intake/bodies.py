"""What requests bring: unpacked within bounds, and read as documents or as lines of events."""

import json
import zlib
from collections.abc import Iterator
from typing import Any, NoReturn

from anyio.to_thread import run_sync
from starlette.requests import Request

from cx_pipeline.gateway.problems import Problem
from cx_pipeline.settings import Settings

_GZIP_BITS = 31
_MEGABYTE = 1_000_000
_WORTH_A_THREAD = 64 * 1024
_LIST_TYPES = ("application/json", "text/json")
MOST_DOCUMENTS = 10_000


async def body_of(request: Request) -> bytes:
    """The body of a request, unpacked where it is packed with gzip.

    Raises:
        Problem: 400 where it is not what it says, 413 where it is too long unpacked, 415 for another packing.
    """
    settings: Settings = request.app.state.settings
    body = await request.body()
    packing = request.headers.get("content-encoding", "identity").strip().lower()
    if packing in ("identity", ""):
        return body
    if packing not in ("gzip", "x-gzip"):
        raise Problem(415, "Unsupported media type", "The content may be packed with gzip, or not at all.")
    return await run_sync(_unpacked, body, int(settings.gateway_body_mb * _MEGABYTE))


async def events_of(request: Request) -> tuple[bytes, int]:
    """The events of a request as lines of JSON, and how many: NDJSON as it came, a list or an object a line for each.

    Raises:
        Problem: 400 where the whole is no JSON; what is wrong with single rows is not looked at.
    """
    body = await body_of(request)
    if len(body) > _WORTH_A_THREAD:
        return await run_sync(_lines_of, body, request.headers.get("content-type", ""))
    return _lines_of(body, request.headers.get("content-type", ""))


async def documents_of(request: Request) -> tuple[list[object], bool]:
    """The documents of a request, and whether they came as a list.

    Raises:
        Problem: 400 where it is no JSON, 413 for too many, 422 for an empty list.
    """
    content = _parsed(await body_of(request))
    if not isinstance(content, list):
        return [content], False
    if len(content) > MOST_DOCUMENTS:
        raise Problem(413, "Request too large", f"A list may have {MOST_DOCUMENTS} documents.")
    if not content:
        raise Problem(422, "Request does not fit its description", "The list is empty.")
    return content, True


def as_json(content: object) -> bytes:
    """What was read from JSON, as JSON again.

    Raises:
        Problem: 400 where it is nested too deeply for that.
    """
    try:
        return json.dumps(content).encode()
    except RecursionError:
        raise Problem(400, "Bad request", "The content is nested too deeply.") from None


def _lines_of(body: bytes, content_type: str) -> tuple[bytes, int]:
    first = body.lstrip()[:1]
    is_json = content_type.partition(";")[0].strip().lower() in _LIST_TYPES
    if first == b"[" or (is_json and first == b"{" and _is_one_document(body)):
        content = _parsed(body)
        rows = content if isinstance(content, list) else [content]
        return b"\n".join(as_json(row) for row in rows), len(rows)
    if is_json and first != b"{":
        _parsed(body)  # tells what is wrong with it
        raise Problem(400, "Bad request", "An event is an object.")
    return body, _count_lines(body)


def _is_one_document(body: bytes) -> bool:
    """Whether it is one object over several lines, and not one for each line."""
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _count_lines(body: bytes) -> int:
    return sum(1 for line in body.split(b"\n") if line.strip())


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body, object_pairs_hook=_first_of_each, parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise Problem(400, "Bad request", "The content is not UTF-8.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Problem(400, "Bad request", f"The content is no JSON: {error.msg} at {where}.") from None
    except (ValueError, RecursionError):
        raise Problem(400, "Bad request", "The content is no JSON that is read here.") from None


def _first_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _unpacked(body: bytes, most_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        for part in _pieces(body, most_bytes):
            parts.append(part)
            size += len(part)
            if size > most_bytes:
                raise Problem(413, "Request too large", f"Unpacked it has more than {most_bytes} bytes.")
    except (zlib.error, EOFError):
        raise Problem(400, "Bad request", "The content is no whole gzip stream.") from None
    return b"".join(parts)


def _pieces(body: bytes, most_bytes: int) -> Iterator[bytes]:
    """What a gzip stream of one or more members holds, never more than a little beyond `most_bytes` at once."""
    rest = body
    while rest:
        member = zlib.decompressobj(_GZIP_BITS)
        yield member.decompress(rest, most_bytes + 1)
        if not member.eof:
            if member.unconsumed_tail:
                yield member.decompress(member.unconsumed_tail, 1)
            if not member.eof:
                raise EOFError
        rest = member.unused_data
