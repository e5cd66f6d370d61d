"""A recorder's file as it leaves it: first the audio, then the manifest, which gets its name in one step."""

import errno
import json
import shutil
from pathlib import Path
from typing import Any

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.simulator.audio.manifests import manifest_of
from cx_pipeline.simulator.audio.orders import FileOrder
from cx_pipeline.simulator.audio.wav_files import set_time


def leave_file(order: FileOrder, staging: Path, streams: Path) -> dict[str, Any]:
    """Bring a file from where it was made to the recorders' folder, with the manifest that tells of its new place.

    Returns:
        The manifest.

    Raises:
        ConfigurationError: the folder cannot be written, or the file is not there (any more).
    """
    streams = streams.resolve()
    target = streams / order.path
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _move(staging / order.path, target)
        manifest = manifest_of(order, streams, target.stat().st_size)
        part = target.with_suffix(".json.part")
        part.write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        set_time(part, order)
        part.replace(target.with_suffix(".json"))
    except OSError as error:
        raise ConfigurationError(f"cannot leave {target}: {error.strerror or error}") from error
    return manifest


def _move(source: Path, target: Path) -> None:
    """Rename; where the folders are on two file systems, copy and then rename."""
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        part = target.with_name(f".{target.name}.part")
        shutil.copy2(source, part)
        part.replace(target)
        source.unlink()
