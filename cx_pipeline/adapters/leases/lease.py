"""What a lease is: the right to be the one of several that listens to a source with room for a single client."""

from types import TracebackType
from typing import Protocol, Self


class Lease(Protocol):
    """Tried for in a thread of its own for as long as the `with` block lasts, and given back at its end."""

    name: str

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def is_held(self) -> bool:
        """Whether it is ours at this instant, as far as a proof that is not too old can tell."""

    @property
    def trouble(self) -> str:
        """Why it cannot be tried for at all; empty where it can."""
