"""The recordings that a window's legs and files have, for the comparison of rules."""

import polars as pl
from sqlalchemy import Engine, Text, cast, func, literal, null, select, union_all

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.recording_tables import recording, recording_leg
from cx_pipeline.core.recording.rule_comparison import MADE_SCHEMA
from cx_pipeline.core.recording.schema import OF_FILE
from cx_pipeline.core.windows import Window


def made_recordings(engine: Engine, window: Window) -> pl.DataFrame:
    """`MADE_SCHEMA`: the finished recordings of the window that are in force.

    Raises:
        ConfigurationError: the database has not been migrated.
        DatabaseUnavailableError: the database does not answer.
    """
    is_there = (
        recording.c.is_current
        & recording.c.path.is_not(None)
        & (recording.c.window_start >= window.start)
        & (recording.c.window_start < window.end)
    )
    recording_id = cast(recording.c.recording_id, Text).label("recording_id")
    of_legs = (
        select(recording_id, cast(recording_leg.c.leg_id, Text), cast(null(), Text))
        .join_from(recording, recording_leg, recording.c.recording_id == recording_leg.c.recording_id)
        .where(is_there)
    )
    of_files = select(recording_id, cast(null(), Text), func.unnest(recording.c.manifest_ids)).where(
        is_there, recording.c.kind == literal(OF_FILE)
    )
    with database_errors("to read the recordings of a window"), engine.connect() as connection:
        rows = connection.execute(union_all(of_legs, of_files)).all()
    return pl.DataFrame([tuple(row) for row in rows], schema=MADE_SCHEMA, orient="row")
