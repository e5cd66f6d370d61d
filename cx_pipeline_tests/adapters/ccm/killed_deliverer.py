"""Delivers in a process of its own and kills itself, as kill -9 would, at the nth time that a step is reached.

What it is given, as JSON: `database_url`, `ccm` (settings of the conversation manager), `ahead_s` (how far the clock is
ahead of the machine's), `step` and `nth` (none: it lives), `budget_s`.
"""

import json
import os
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from cx_pipeline.adapters.ccm.delivery import deliver
from cx_pipeline.adapters.database.connection import engine_for
from cx_pipeline.settings import Settings


def deliver_until_killed(file: Path) -> None:
    """Deliver as the file says."""
    given = json.loads(file.read_text())
    reached: Counter[str] = Counter()

    def on_step(step: str) -> None:
        reached[step] += 1
        if step == given["step"] and reached[step] == given["nth"]:
            os.kill(os.getpid(), signal.SIGKILL)

    ahead = timedelta(seconds=given["ahead_s"])
    deliver(
        Settings(_env_file=None, **given["ccm"]),
        engine_for(SecretStr(given["database_url"])),
        budget_s=given["budget_s"],
        clock=lambda: datetime.now(UTC) + ahead,
        on_step=on_step,
    )
