"""What an answer to a range consists of: its head, and the pieces of its body, of which all lengths are known before."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from cx_pipeline.gateway.audio.ranges import Span

CRLF = "\r\n"
Piece = bytes | Span
"""Bytes as they are, or a span of the file."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The body of an answer."""

    status: int
    headers: dict[str, str]
    pieces: tuple[Piece, ...]

    @property
    def size_bytes(self) -> int:
        """Of the whole body."""
        return sum(len(each) if isinstance(each, bytes) else each.size_bytes for each in self.pieces)


def parts_of(spans: Sequence[Span] | None, size_bytes: int, media_type: str) -> Parts:
    """The answer to what was asked for.

    Args:
        spans: of `asked_spans`: None for the whole file, empty for nothing that there is.
        size_bytes: of the whole file.
        media_type: of the file.
    """
    if spans is None:
        return _with_length(200, {"Content-Type": media_type}, [Span(0, size_bytes)])
    if not spans:
        return Parts(416, {"Content-Range": f"bytes */{size_bytes}"}, ())
    if len(spans) == 1:
        headers = {"Content-Type": media_type, "Content-Range": _content_range(spans[0], size_bytes)}
        return _with_length(206, headers, list(spans))
    return _several(spans, size_bytes, media_type)


def _several(spans: Sequence[Span], size_bytes: int, media_type: str) -> Parts:
    boundary = secrets.token_hex(16)
    pieces: list[Piece] = []
    for number, span in enumerate(spans):
        head = (
            f"{CRLF if number else ''}--{boundary}\r\nContent-Type: {media_type}\r\n"
            f"Content-Range: {_content_range(span, size_bytes)}\r\n\r\n"
        )
        pieces += [head.encode(), span]
    pieces.append(f"\r\n--{boundary}--\r\n".encode())
    return _with_length(206, {"Content-Type": f"multipart/byteranges; boundary={boundary}"}, pieces)


def _with_length(status: int, headers: dict[str, str], pieces: Sequence[Piece]) -> Parts:
    parts = Parts(status, headers, tuple(pieces))
    headers["Content-Length"] = str(parts.size_bytes)
    return parts


def _content_range(span: Span, size_bytes: int) -> str:
    return f"bytes {span.start}-{span.end - 1}/{size_bytes}"
