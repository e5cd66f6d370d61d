"""What can be played of a window's legs: our own recordings, or Eleveo's."""

import polars as pl
from sqlalchemy import Engine, func, select

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.recording_links import RecordingLinks
from cx_pipeline.adapters.database.recording_tables import recording_manifest
from cx_pipeline.core.linking.candidates import linked_candidates, recording_candidates
from cx_pipeline.core.linking.ownership import legs_without_link
from cx_pipeline.core.recording.schema import OF_FILE, RECORDING_MANIFEST_SCHEMA
from cx_pipeline.core.windows import Window
from cx_pipeline.settings import Settings

_MANIFEST_COLUMNS = ("manifest_id", "dialog_id", "call_key", "agent_extension", "start_time")


def efswitch_candidates(engine: Engine, recordings: pl.DataFrame, legs: pl.DataFrame) -> pl.DataFrame:
    """What of our own recordings can be played, LINK_CANDIDATE_SCHEMA.

    Args:
        engine: of the application's database.
        recordings: MIXED_RECORDING_SCHEMA.
        legs: ENRICHED_LEG_SCHEMA.

    Raises:
        DatabaseUnavailableError: the database does not answer.
    """
    of_files = recordings.filter(pl.col("kind") == OF_FILE)["manifest_ids"].explode().drop_nulls()
    return recording_candidates(recordings, legs, _manifests(engine, of_files.to_list()))


def eleveo_candidates_of(
    settings: Settings, engine: Engine, window: Window, activities: pl.DataFrame, legs: pl.DataFrame
) -> pl.DataFrame:
    """What Eleveo can play, LINK_CANDIDATE_SCHEMA: what was linked already, and what it has of legs that are not.

    Args:
        settings: of Eleveo.
        engine: of the application's database.
        window: the window.
        activities: CCM_VOICE_ACTIVITY_SCHEMA: Eleveo is asked for no call that the conversation manager does not know.
        legs: ENRICHED_LEG_SCHEMA.

    Raises:
        DatabaseUnavailableError, DestinationUnavailableError: who knows does not answer.
        ConfigurationError, InputError: Eleveo refuses us, or answers what cannot be read.
    """
    from cx_pipeline.adapters.eleveo.candidates import eleveo_candidates

    known = linked_candidates(RecordingLinks(engine).of_window(window), legs)
    wanted = legs_without_link(legs, known, activities)
    if wanted.is_empty():
        return known
    found = eleveo_candidates(settings, wanted)
    return pl.concat([known, found.join(known, on="leg_id", how="anti")])


def _manifests(engine: Engine, manifest_ids: list[str]) -> pl.DataFrame:
    table = recording_manifest.c
    query = select(*(table[name] for name in _MANIFEST_COLUMNS)).where(
        table.manifest_id == func.any(manifest_ids)
    )
    rows = []
    if manifest_ids:
        with database_errors("to read manifests"), engine.connect() as connection:
            rows = [tuple(row) for row in connection.execute(query)]
    schema = {name: RECORDING_MANIFEST_SCHEMA[name] for name in _MANIFEST_COLUMNS}
    return pl.DataFrame(rows, schema=schema, orient="row")
