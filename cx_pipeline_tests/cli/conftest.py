"""What the tests of commands share."""

import pytest


@pytest.fixture(autouse=True)
def _no_terminal_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    """The width of whoever runs the tests says nothing of what the commands print: parallel workers set one."""
    monkeypatch.delenv("COLUMNS", raising=False)
