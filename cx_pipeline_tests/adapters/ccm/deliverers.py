"""Deliverers as processes of their own, which can be killed."""

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

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
        command = [sys.executable, "-m", "cx_pipeline_tests.adapters.ccm.killed_deliverer", str(self._file)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=budget_s + 90, check=False)
        assert result.returncode in (0, KILLED), result.stderr
        return result.returncode
