"""Which failures of a step are tried again: a property of the error's type, so that no body decides it."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from cx_pipeline.core.errors import TransientError

MAX_RETRIES = 2
WAIT_S = 3


@contextmanager
def transient_failures_retried() -> Iterator[None]:
    """Ask Dagster for another try of the step where trying again may help; let everything else fail at once."""
    try:
        yield
    except TransientError as error:
        raise dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=WAIT_S) from error
