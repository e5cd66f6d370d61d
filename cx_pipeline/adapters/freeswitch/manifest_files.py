"""One manifest file: read, or refused with what is to be kept of it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cx_pipeline.adapters.freeswitch.path_text import text_of_path
from cx_pipeline.adapters.freeswitch.stream_files import StreamProblemError, open_stream
from cx_pipeline.core.recording.manifest import (
    LARGEST_MANIFEST_BYTES,
    Manifest,
    ManifestRefusedError,
    decode_manifest,
    read_manifest,
)

FINISHED, UNFINISHED = ".json", ".json.part"
"""How the names of manifests end. A recorder renames its manifest when the file is finished."""
_KEPT_CHARACTERS = 4096
_BUFFER_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that could not be used: what goes to quarantine."""

    path: str
    reason: str
    text: str
    sha256: str
    """Of path and content: the same content at another place is another manifest."""
    may_pass: bool = False
    """Whether it may be read another time though it does not change."""


def read_manifest_file(path: str, roots: Sequence[Path]) -> Manifest | Refusal | None:
    """The manifest in a file, without its id; or why it is refused; null where the file is gone by now.

    Raises:
        StorageUnavailableError: the storage failed.
    """
    try:
        with open_stream(path, roots, buffer_bytes=_BUFFER_BYTES) as file:
            content = file.read(LARGEST_MANIFEST_BYTES + 1)
    except StreamProblemError as problem:
        if problem.problem == "MISSING":
            return None
        return refusal(path, f"{problem.problem}: {problem}", may_pass=problem.problem == "UNREADABLE")
    text = text_of_path(path)
    try:
        return read_manifest(
            decode_manifest(content), manifest_path=text, is_finished=not path.endswith(UNFINISHED)
        )
    except ManifestRefusedError as refused:
        return refusal(path, refused.reason, content)


def refusal(path: str, reason: str, content: bytes = b"", *, may_pass: bool = False) -> Refusal:
    """The refusal of something at a path, as far as its content was read."""
    text = text_of_path(path)
    sha256 = hashlib.sha256(text.encode() + b"\0" + content).hexdigest()
    kept = (
        content[: 4 * _KEPT_CHARACTERS].decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    )
    return Refusal(text, reason, kept[:_KEPT_CHARACTERS], sha256, may_pass)
