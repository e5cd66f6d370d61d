"""What the operating system says of a storage, as an error of ours: away or full (try again), or wrongly set up."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from cx_pipeline.core.errors import ConfigurationError, StorageUnavailableError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
AWAY = frozenset(
    {
        errno.EIO,
        errno.ESTALE,
        errno.ETIMEDOUT,
        errno.ENOTCONN,
        errno.ECONNRESET,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.ENODEV,
        errno.ENXIO,
        errno.EREMOTEIO,
        errno.EBUSY,
        errno.EAGAIN,
        errno.ENOMEM,
        errno.ENFILE,
        errno.EMFILE,
        errno.EROFS,  # what a file system becomes when its disk has faults
    }
)


@contextmanager
def storage_faults(what: str) -> Iterator[None]:
    """Let errors of the operating system come out as ours; `what` says what was tried, with the path.

    Raises:
        StorageUnavailableError: the storage is full, or does not answer.
        ConfigurationError: it answers, and refuses.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StorageUnavailableError(
                f"cannot {what}: {error.strerror}; free space, it is tried again"
            ) from error
        if error.errno in AWAY or isinstance(error, TimeoutError):
            raise StorageUnavailableError(
                f"cannot {what}: {error.strerror}; it is tried again when the storage answers"
            ) from error
        raise ConfigurationError(
            f"cannot {what}: {error.strerror or error}; check the path and its rights"
        ) from error
