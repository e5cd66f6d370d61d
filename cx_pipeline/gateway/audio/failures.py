"""Why something cannot be played, as the asker may know it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from cx_pipeline.adapters.playback.source import ErasedError
from cx_pipeline.core.errors import (
    BrokenSealError,
    ConfigurationError,
    InputError,
    KeyMissingError,
    TransientError,
)
from cx_pipeline.gateway.problem_answers import RETRY_AFTER_S
from cx_pipeline.gateway.problems import Problem, not_found

_log = logging.getLogger(__name__)


@contextmanager
def playing() -> Iterator[None]:
    """Let our errors come out as problems; what they say of our insides stays in the log.

    Raises:
        Problem: 404, 410, 502 or 503.
    """
    try:
        yield
    except ErasedError:
        raise Problem(410, "Gone", "The recording was erased.") from None
    except BrokenSealError as error:
        _log.error("not played: %s", error)
        raise Problem(502, "Damaged", "The stored file is not as it was written.") from None
    except InputError as error:
        _log.warning("not played: %s", error)
        raise not_found() from None
    except (TransientError, KeyMissingError, ConfigurationError) as error:
        _log.warning("not played: %s", error)
        raise Problem(
            503,
            "Not available at the moment",
            "Where the recording is, or who knows of it, does not answer: try again later.",
            {"Retry-After": str(RETRY_AFTER_S)},
        ) from None
