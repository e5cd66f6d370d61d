"""What a failure of the database means: whether another try may help, and what to do where it does not."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from cx_pipeline.core.errors import ConfigurationError, CxError, DatabaseUnavailableError, PermanentError

_NOT_MIGRATED = (errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedFunction)
_LOST = (psycopg.OperationalError, psycopg.InterfaceError)


@contextmanager
def database_errors(task: str) -> Iterator[None]:
    """Turn the driver's errors within the block into ours; `task` says what was being done ("to store …").

    Raises:
        DatabaseUnavailableError: another try may help.
        ConfigurationError: the database has not been migrated.
        PermanentError: the database refuses.
    """
    try:
        yield
    except PoolTimeoutError:
        raise DatabaseUnavailableError(f"no connection to the database became free {task}") from None
    except DBAPIError as error:
        raise _ours(error.orig, task) from None
    except psycopg.Error as error:
        raise _ours(error, task) from None


def _ours(error: BaseException | None, task: str) -> CxError:
    lines = str(error).strip().splitlines()
    reason = lines[0].strip() if lines else type(error).__name__
    if isinstance(error, _NOT_MIGRATED):
        return ConfigurationError(f"the database lacks tables {task} ({reason}): run cx-pipeline migrate")
    if isinstance(error, _LOST) or _lacks_partition(error):
        return DatabaseUnavailableError(f"the database did not answer {task}: {reason}")
    return PermanentError(f"the database refuses {task}: {reason}")


def _lacks_partition(error: BaseException | None) -> bool:
    """Whether the partition of a row was dropped just after it was made sure of: the next try makes it again."""
    return isinstance(error, errors.CheckViolation) and error.diag.constraint_name is None
