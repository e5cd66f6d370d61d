"""Windows computed by a process of its own: what it sees, and how its failures are told."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cx_pipeline.adapters.processes.window_runs import compute_windows
from cx_pipeline.core.errors import PermanentError
from cx_pipeline.core.job_names import WINDOW_JOB
from cx_pipeline.core.windows import Window
from cx_pipeline.settings import Settings

HOUR = timedelta(hours=1)
NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
WINDOW = Window(NINE, NINE + HOUR)


def test_windows_that_cannot_be_computed_are_named_with_the_log(
    tmp_path: Path, database_url: SecretStr, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The process starts from the given settings alone: no variable of this one reaches it.
    monkeypatch.setenv("CX_WINDOW_MINUTES", "not a number")
    settings = Settings.model_construct(
        home=tmp_path / "home",
        database_url=None,
        dagster_database_url=database_url,
        directory_file=tmp_path / "nowhere.yaml",
        first_window=NINE + HOUR,  # later than the window
    )
    log = tmp_path / "logs" / "runs.log"
    with pytest.raises(PermanentError) as told:
        list(compute_windows(settings, [WINDOW], [WINDOW_JOB], log))
    assert f"2026-03-02-09:00 were not computed: see {log}" in str(told.value)
    assert log.read_text()
    assert database_url.get_secret_value() not in str(told.value)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM window_computation")).scalar_one() == 0
