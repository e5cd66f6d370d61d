"""How a command that started something ends: in order, whatever signal asks it to."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SHELLS_OFFSET = 128


class Ended(BaseException):
    """A signal asked this process to end."""

    def __init__(self, number: int) -> None:
        self.number = number


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Turn the first ending signal into an exception, so that what was started is ended; ignore those that follow.

    The process then exits with the code that a shell would give it.
    """

    def end(number: int, _frame: FrameType | None) -> None:
        for each in ENDING_SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Ended(number)

    before = {number: signal.signal(number, end) for number in ENDING_SIGNALS}
    try:
        yield
    except Ended as ended:
        click.echo("Ended.", err=True)
        sys.exit(_SHELLS_OFFSET + ended.number)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
