"""Deliverers as processes of their own, which can be killed."""

import json
import signal
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from cx_pipeline_tests.adapters.ccm.killed_deliverer import deliver_until_killed
from cx_pipeline_tests.forked import run_forked

KILLED = -signal.SIGKILL


class Deliverers:
    """Runs deliverers one after the other, each some minutes later than the last by its clock."""

    def __init__(
        self, folder: Path, options: Mapping[str, object], database_url: SecretStr, *, minutes: int = 1
    ) -> None:
        self._file, self._options, self._url = folder / "deliverer.json", options, database_url
        self._minutes, self._runs = minutes, 0

    def run(self, step: str | None = None, nth: int = 0, *, budget_s: float = 30) -> int:
        """The exit code of a deliverer that is killed at the nth `step`, if it comes so far."""
        self._runs += 1
        given = {
            "database_url": self._url.get_secret_value(),
            "ccm": {name: str(value) for name, value in self._options.items()},
            "ahead_s": self._runs * self._minutes * 60,
            "step": step,
            "nth": nth,
            "budget_s": budget_s,
        }
        self._file.write_text(json.dumps(given))
        code = run_forked(deliver_until_killed, self._file, timeout_s=budget_s + 90)
        assert code in (0, KILLED)
        return code
