"""A lease that is held as a test says."""

from types import TracebackType
from typing import Self


class FakeLease:
    """Not held until `is_held` is set; or held for so many questions."""

    def __init__(self, held_for: int | None = None) -> None:
        self.name = "fake"
        self.trouble = ""
        self._held_for = held_for
        self._is_held = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    @property
    def is_held(self) -> bool:
        if self._held_for is None:
            return self._is_held
        self._held_for -= 1
        return self._held_for >= 0

    @is_held.setter
    def is_held(self, value: bool) -> None:
        self._is_held = value
