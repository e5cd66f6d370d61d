"""What a process that mixes answers: what came of an order, in a form that comes through to another process."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from cx_pipeline.adapters.audio.mixing import MixOrder
from cx_pipeline.adapters.freeswitch.stream_files import StreamProblemError
from cx_pipeline.core import errors
from cx_pipeline.core.errors import CxError, PermanentError, TransientError
from cx_pipeline.core.recording.rendered import RenderedFile

Make = Callable[[MixOrder], RenderedFile]

OUT_OF_MEMORY, UNEXPECTED = "OUT_OF_MEMORY", "UNEXPECTED"
_FAILURES: tuple[tuple[type[CxError], str], ...] = (
    (errors.StorageUnavailableError, "STORAGE_UNAVAILABLE"),
    (errors.ConfigurationError, "CONFIGURATION"),
    (errors.KeyMissingError, "NO_KEY"),
    (errors.BrokenSealError, "BROKEN_SEAL"),
    (errors.InputError, "INPUT"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an order: the file, or an error of ours and a short word for it."""

    rendered: RenderedFile | None
    error: CxError | None = None
    failure: str | None = None


def answer_to(order: MixOrder, make: Make) -> Answer:
    """Make the recording. Whatever goes wrong is the answer; nothing is raised."""
    recording = f"recording {order.plan.recording_id}"
    try:
        return Answer(make(order))
    except CxError as error:
        return Answer(None, _plain(error), failure_of(error))
    except MemoryError:
        message = f"{recording}: the process that mixed it ran out of memory"
        return Answer(None, TransientError(message), OUT_OF_MEMORY)
    except Exception as error:
        logging.getLogger(__name__).exception("%s could not be made", recording)
        message = (
            f"{recording} could not be made, by a fault of this program: {type(error).__name__}: {error}"
        )
        return Answer(None, PermanentError(message), UNEXPECTED)


def failure_of(error: CxError) -> str:
    """A stable word for an error."""
    if isinstance(error, StreamProblemError):
        return f"FILE_{error.problem}"
    return next((word for kind, word in _FAILURES if isinstance(error, kind)), UNEXPECTED)


def _plain(error: CxError) -> CxError:
    """The error as one of the tree's own classes: these alone are sure to come through to the other process."""
    kind = next(each for each in type(error).__mro__ if each.__module__ == errors.__name__)
    plain: CxError = kind(str(error))
    return plain
