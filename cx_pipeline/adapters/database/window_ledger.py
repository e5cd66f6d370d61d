"""What was computed of which window, as the sensors read it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, exists, select

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.tables import open_call_key, window_computation
from cx_pipeline.core.windows import Window

RUN_MARGIN = timedelta(minutes=10)
"""A computation looks from the start of its run, and is noted at its end: at most so much later."""


@dataclass(frozen=True, slots=True)
class Computation:
    """The newest computation of a window, and of what had arrived up to `high_water`."""

    window: Window
    began_after: datetime
    """Its run began then or later."""
    high_water: int


class WindowLedger:
    """Reads the computations of windows."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def high_water_marks(self, starts: Collection[datetime]) -> dict[datetime, int]:
        """The mark of the newest computation of each window that was computed, by its start.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        if not starts:
            return {}
        table = window_computation
        query = select(table.c.window_start, table.c.high_water).where(table.c.window_start.in_(starts))
        with database_errors("to read computations"), self._engine.connect() as connection:
            return {start: mark for start, mark in connection.execute(query)}  # noqa: C416

    def with_calls_left_open(self, now: datetime, max_silence: timedelta, limit: int) -> list[Computation]:
        """Windows, oldest first, that were computed with calls left open, before silence could close all of these.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        table = window_computation
        query = (
            select(table.c.window_start, table.c.window_end, table.c.computed_at, table.c.high_water)
            .where(table.c.window_end <= now, table.c.window_start <= now - max_silence)
            .where(table.c.computed_at - RUN_MARGIN < table.c.window_end + max_silence)
            .where(exists().where(open_call_key.c.window_start == table.c.window_start))
            .order_by(table.c.window_start)
            .limit(limit)
        )
        with database_errors("to read computations"), self._engine.connect() as connection:
            return [
                Computation(
                    Window(start.astimezone(UTC), end.astimezone(UTC)), computed_at - RUN_MARGIN, mark
                )
                for start, end, computed_at, mark in connection.execute(query)
            ]
