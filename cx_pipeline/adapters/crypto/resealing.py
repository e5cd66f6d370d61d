"""Archives of the installed base, sealed anew: a copy of each file under a key of its own; the originals are only read."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from cx_pipeline.adapters.crypto.file_keys import FileKey
from cx_pipeline.adapters.crypto.legacy import LegacyReader
from cx_pipeline.adapters.crypto.new_files import new_file
from cx_pipeline.adapters.crypto.seal_header import MAGIC, is_sealed
from cx_pipeline.adapters.crypto.sealed import SealedReader, SealingWriter
from cx_pipeline.core.errors import BrokenSealError, InputError, KeyMissingError, StorageUnavailableError
from cx_pipeline.core.identity import name_of, uuid_of

Outcome = Literal["sealed", "there", "left"]


@dataclass(frozen=True, slots=True)
class Resealed:
    """What came of one file."""

    source: Path
    outcome: Outcome
    """`sealed` now; `there`: sealed by an earlier run; `left`: nothing was made of it."""
    target: Path | None = None
    file_id: str | None = None
    reason: str = ""
    """Why it was left."""
    audio_bytes: int = 0


def archive_files(paths: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """The files that are meant, each with its place below the folder that named it. In order; links are not followed."""
    for path in paths:
        if path.is_dir():
            found = sorted(file for file in path.rglob("*") if file.is_file() and not file.is_symlink())
            yield from ((file, file.relative_to(path)) for file in found)
        else:
            yield path, Path(path.name)


def imported_id(tenant_id: str, audio_sha256: str) -> str:
    """The id of an imported recording: a function of its tenant and its audio, so that a second run finds the first's."""
    columns = {"kind": ["imported recording"], "tenant": [tenant_id], "audio": [audio_sha256]}
    name = name_of(pl.col("kind"), pl.col("tenant"), pl.col("audio"))
    return str(uuid_of(pl.DataFrame(columns).select(name).to_series())[0])


def reseal(
    source: Path, target: Path, secret: bytes, tenant_id: str, key_for: Callable[[str], FileKey]
) -> Resealed:
    """Open `source` as the installed base sealed it, and seal its audio into the new file `target`.

    The target is read again and compared before it has its name. Where a target is that holds the same audio, nothing
    is done; where another file is, the source is left.

    Args:
        source: the archive's file; only read.
        target: the sealed copy.
        secret: the key of the archive.
        tenant_id: whose recording it is.
        key_for: gives the key of a file id.

    Raises:
        DatabaseUnavailableError: `key_for` does.
    """
    try:
        return _resealed(source, target, secret, tenant_id, key_for)
    except (BrokenSealError, InputError, KeyMissingError, StorageUnavailableError) as error:
        return Resealed(source, "left", reason=str(error))
    except OSError as error:
        return Resealed(source, "left", reason=f"it cannot be read: {error.strerror or type(error).__name__}")


def _resealed(
    source: Path, target: Path, secret: bytes, tenant_id: str, key_for: Callable[[str], FileKey]
) -> Resealed:
    with source.open("rb") as file:
        if is_sealed(file.read(len(MAGIC))):
            raise InputError("it is a sealed file already")
        legacy = LegacyReader(file, secret)
        digest = _sha256(legacy)
        key = key_for(imported_id(tenant_id, digest))
        made = Resealed(source, "sealed", target, key.file_id, audio_bytes=legacy.size_bytes)
        if target.exists():
            _require_same(target, key, digest)
            return Resealed(source, "there", target, key.file_id, audio_bytes=legacy.size_bytes)
        with new_file(target) as copy:
            with SealingWriter(copy, key) as writer:
                for block in legacy:
                    writer.write(block)
            copy.flush()
            if _sha256(SealedReader(copy, key)) != digest:
                raise InputError("its sealed copy does not hold the same audio: was it changed meanwhile?")
    return made


def _require_same(target: Path, key: FileKey, digest: str) -> None:
    """Raises InputError where the file in the target's place is another one."""
    with target.open("rb") as file:
        try:
            is_same = _sha256(SealedReader(file, key)) == digest
        except BrokenSealError:
            is_same = False
    if not is_same:
        raise InputError(f"there is another file {target} already")


def _sha256(blocks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    return digest.hexdigest()
