"""Answers that are good for a moment: what was looked up a second ago is not looked up for each range of one playback."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class BriefAnswers(Generic[Answer]):
    """Keeps answers for some seconds, the latest used so many. "There is none" is never kept. Thread-safe."""

    def __init__(
        self, kept_for_s: float = 2.0, most: int = 4096, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._kept_for_s, self._most, self._clock_s = kept_for_s, most, clock_s
        self._lock = threading.Lock()
        self._answers: OrderedDict[Hashable, tuple[float, Answer]] = OrderedDict()

    def get(self, question: Hashable, ask: Callable[[], Answer | None]) -> Answer | None:
        """The answer to a question, kept or asked anew."""
        with self._lock:
            known = self._answers.get(question)
            if known is not None and self._clock_s() < known[0]:
                self._answers.move_to_end(question)
                return known[1]
        answer = ask()
        if answer is not None:
            with self._lock:
                self._answers[question] = (self._clock_s() + self._kept_for_s, answer)
                self._answers.move_to_end(question)
                while len(self._answers) > self._most:
                    self._answers.popitem(last=False)
        return answer
