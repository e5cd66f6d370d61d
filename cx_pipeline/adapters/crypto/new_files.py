"""A file that is there whole or not at all, and never in the place of another."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from cx_pipeline.core.errors import InputError, StorageUnavailableError


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write and read, which has its name once the block ends well. Only its owner may read it.

    Raises:
        InputError: there is a file of that name.
        StorageUnavailableError: the storage does not take it.
    """
    part: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")  # mode 0600
        part = Path(name)
        with os.fdopen(descriptor, "w+b") as file:
            yield cast("BinaryIO", file)
            file.flush()
            os.fsync(file.fileno())
        _publish(part, path)
    except OSError as error:
        raise StorageUnavailableError(
            f"{path} cannot be written: {error.strerror or type(error).__name__}"
        ) from None
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def _publish(part: Path, path: Path) -> None:
    try:
        os.link(part, path)  # unlike a rename it takes no name that another file has
    except FileExistsError:
        raise InputError(f"there is a file {path} already") from None
    except OSError:  # a file system without links
        if path.exists():
            raise InputError(f"there is a file {path} already") from None
        part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
