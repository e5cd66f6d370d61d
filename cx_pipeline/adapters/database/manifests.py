"""The table of manifests: what recorders left, taken in from wherever it is told, and read by time."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString

import polars as pl
import stamina
from psycopg import sql
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    FromClause,
    and_,
    case,
    func,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.sql.dml import Update, UpdateBase
from sqlalchemy.sql.elements import Tuple

from cx_pipeline.adapters.database.call_tables import restored, selected
from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.locks import MANIFEST_INTAKE_LOCK
from cx_pipeline.adapters.database.recording_tables import recording_manifest
from cx_pipeline.adapters.database.row_text import for_table
from cx_pipeline.adapters.database.snapshot import open_snapshot
from cx_pipeline.adapters.database.staging import stage, staging_table
from cx_pipeline.core.errors import DatabaseUnavailableError
from cx_pipeline.core.recording.manifest import TOLD_MANIFEST_SCHEMA
from cx_pipeline.core.recording.schema import (
    FROM_FOLDER,
    FROM_GATEWAY,
    FROM_XML_CDR,
    RECORDING_MANIFEST_SCHEMA,
)

LONGEST_FILE = timedelta(hours=24)
"""A file that begins so long before a time does not reach into it: without a limit all of the table would be read."""
PASSING_PROBLEMS = ("MISSING", "EMPTY", "UNREADABLE")
"""Problems that may be over when the file is looked at again."""

FOUND_MANIFEST_SCHEMA = pl.Schema({**RECORDING_MANIFEST_SCHEMA, "call_id": pl.String()})
"""A manifest with what its file tells."""
PROBED_COLUMNS = tuple(name for name in RECORDING_MANIFEST_SCHEMA if name not in TOLD_MANIFEST_SCHEMA)
PROBE_SCHEMA = pl.Schema(
    {
        name: RECORDING_MANIFEST_SCHEMA[name]
        for name in ("manifest_id", "file_path", "manifest_path", *PROBED_COLUMNS)
    }
)

_RANKS = {FROM_XML_CDR: 0, FROM_GATEWAY: 1, FROM_FOLDER: 2}
"""Which way of coming knows more: the recorder's own file before what was sent, before FusionPBX's records."""
_FOUND = staging_table("found_manifest", recording_manifest, FOUND_MANIFEST_SCHEMA)
_PROBED = staging_table("probed_manifest", recording_manifest, ("manifest_id", "file_path", *PROBED_COLUMNS))

_OVERLAPPING: LiteralString = """
    SELECT {columns} FROM recording_manifest AS m
    WHERE m.start_time <= {last} AND m.start_time >= {earliest}
    AND coalesce(
        m.end_time, m.start_time + make_interval(secs => m.frames / nullif(m.sample_rate_hz, 0)::float8), m.start_time
    ) >= {first}
    AND NOT EXISTS (
        SELECT FROM recording_manifest AS other
        WHERE other.file_path = m.file_path AND other.tenant_id = m.tenant_id AND other.manifest_id <> m.manifest_id
        AND (other.is_finished, array_position({ranks}::text[], other.source), m.start_time, m.manifest_id)
            > (m.is_finished, array_position({ranks}::text[], m.source), other.start_time, other.manifest_id)
    )
    ORDER BY m.start_time, m.manifest_id
"""


@dataclass(frozen=True, slots=True)
class ManifestCounts:
    """What became of manifests that were taken in. `unchanged`: known already, or better than they tell."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0

    def __add__(self, other: "ManifestCounts") -> "ManifestCounts":
        return ManifestCounts(
            self.new + other.new, self.changed + other.changed, self.unchanged + other.unchanged
        )


@dataclass(frozen=True, slots=True)
class ManifestsRead:
    """Manifests, `RECORDING_MANIFEST_SCHEMA`, and the newest arrival when they were read."""

    manifests: pl.DataFrame
    high_water: int


class Manifests:
    """Writes and reads manifests. All that is written can be written twice, and by several at once."""

    def __init__(self, engine: Engine, *, attempts: int = 6) -> None:
        """`attempts`: how often a database that is not there is tried."""
        self._engine = engine
        self._attempts = attempts

    def take_in(self, found: pl.DataFrame) -> ManifestCounts:
        """Store manifests; what is known and better stays.

        A finished manifest replaces an unfinished one, the recorder's own file what was sent, the later text the
        earlier. One that is new or changed gets a new `arrival_sequence`, in the order of commits.

        Args:
            found: `FOUND_MANIFEST_SCHEMA`.

        Raises:
            DatabaseUnavailableError: the database was not there, and not after several tries either.
            ConfigurationError: the database has not been migrated.
        """
        if found.is_empty():
            return ManifestCounts()
        best = _best_of_each(found)
        for attempt in stamina.retry_context(
            on=DatabaseUnavailableError, attempts=self._attempts, timeout=60
        ):
            with attempt:
                counts = self._merge(best)
        return ManifestCounts(counts.new, counts.changed, counts.unchanged + found.height - best.height)

    def note_probes(self, probed: pl.DataFrame) -> int:
        """Keep what files told when they were looked at again; how many told something new.

        Args:
            probed: `PROBE_SCHEMA`.

        Raises:
            DatabaseUnavailableError: the database was not there, and not after several tries either.
        """
        if probed.is_empty():
            return 0
        for attempt in stamina.retry_context(
            on=DatabaseUnavailableError, attempts=self._attempts, timeout=60
        ):
            with attempt:
                changed = self._note_probes(probed)
        return changed

    def read(self, first: datetime, last: datetime) -> ManifestsRead:
        """The manifests whose files overlap `[first, last]`, one for each file, and the newest arrival of that moment.

        Sorted by start and id. A file whose end nobody told lasts as long as its frames do.

        Raises:
            DatabaseUnavailableError: the database does not answer, or not in time.
        """
        columns = sql.SQL(", ").join(
            selected(name, dtype) for name, dtype in RECORDING_MANIFEST_SCHEMA.items()
        )
        with open_snapshot(self._engine) as snapshot:
            rows = snapshot.frame(
                _OVERLAPPING,
                columns=columns,
                first=first,
                last=last,
                earliest=first - LONGEST_FILE,
                ranks=sorted(_RANKS, key=_RANKS.__getitem__),
            )
            high_water = snapshot.number("SELECT coalesce(max(arrival_sequence), 0) FROM recording_manifest")
        restored_rows = rows.select(
            restored(name, dtype).alias(name) for name, dtype in RECORDING_MANIFEST_SCHEMA.items()
        )
        return ManifestsRead(restored_rows, high_water)

    def between(self, first: datetime, last: datetime) -> pl.DataFrame:
        """As `read`, the manifests alone."""
        return self.read(first, last).manifests

    def to_look_at_again(
        self, first: datetime, last: datetime, *, probed_before: datetime, limit: int
    ) -> pl.DataFrame:
        """Manifests that begin in `[first, last]` whose file may tell more by now, `PROBE_SCHEMA`: longest not looked at first.

        Those with a problem that may pass, those that no recorder finished, those with a header that was not finished.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        table = recording_manifest
        query = (
            select(*(table.c[name] for name in PROBE_SCHEMA))
            .where(table.c.start_time >= first, table.c.start_time <= last)
            .where(
                or_(
                    table.c.file_problem.in_(PASSING_PROBLEMS),
                    ~table.c.is_finished,
                    table.c.is_header_unfinished.is_(True),
                )
            )
            .where(func.coalesce(table.c.probed_at, table.c.received_at) < probed_before)
            .order_by(table.c.probed_at.nulls_first(), table.c.manifest_id)
            .limit(limit)
        )
        with database_errors("to read manifests"), self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return pl.DataFrame([dict(row) for row in rows], schema=PROBE_SCHEMA, orient="row")

    def known_of(self, manifest_ids: Collection[str]) -> set[str]:
        """Which of the ids the table has.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        column = recording_manifest.c.manifest_id
        query = select(column).where(column == func.any(list(manifest_ids)))
        with database_errors("to read manifests"), self._engine.connect() as connection:
            return set(connection.execute(query).scalars())

    def _merge(self, found: pl.DataFrame) -> ManifestCounts:
        rows = for_table(found, recording_manifest, FOUND_MANIFEST_SCHEMA)
        with database_errors(f"to store {found.height} manifests"), self._engine.begin() as connection:
            stage(connection, _FOUND, rows)
            _begin_to_number(connection)
            changed = _rows(connection, _replace_what_is_no_better())
            new = _rows(connection, _insert_what_is_new())
        return ManifestCounts(new, changed, found.height - new - changed)

    def _note_probes(self, probed: pl.DataFrame) -> int:
        table = recording_manifest
        names = ("file_path", *PROBED_COLUMNS)
        differs = _tuple(table, names).is_distinct_from(_tuple(_PROBED, names))
        of_probe = table.c.manifest_id == _PROBED.c.manifest_id
        changed = (
            update(table)
            .values({name: _PROBED.c[name] for name in names} | {"arrival_sequence": text("DEFAULT")})
            .where(of_probe, differs)
        )
        looked_at = update(table).values(probed_at=func.now()).where(of_probe)
        with database_errors(f"to note {probed.height} probes"), self._engine.begin() as connection:
            stage(connection, _PROBED, probed)
            _begin_to_number(connection)
            count = _rows(connection, changed)
            connection.execute(looked_at)
        return count


def _best_of_each(found: pl.DataFrame) -> pl.DataFrame:
    """Of each manifest that is there more than once, the one that counts."""
    rank = pl.col("source").replace_strict(_RANKS, default=-1, return_dtype=pl.Int32)
    return (
        found.select(FOUND_MANIFEST_SCHEMA.names())
        .sort("is_finished", rank, "manifest_path", nulls_last=False)
        .unique("manifest_id", keep="last", maintain_order=True)
    )


def _begin_to_number(connection: Connection) -> None:
    # From here to the commit, nobody else numbers manifests: a reader that saw one number has seen all below it.
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MANIFEST_INTAKE_LOCK})


def _replace_what_is_no_better() -> Update:
    table = recording_manifest
    names = [name for name in FOUND_MANIFEST_SCHEMA if name != "manifest_id"]
    is_no_worse = tuple_(_FOUND.c.is_finished, _rank(_FOUND)) >= tuple_(table.c.is_finished, _rank(table))
    return (
        update(table)
        .values(
            {name: _FOUND.c[name] for name in names}
            | {"arrival_sequence": text("DEFAULT"), "probed_at": func.now()}
        )
        .where(
            and_(
                table.c.manifest_id == _FOUND.c.manifest_id,
                is_no_worse,
                _tuple(table, names).is_distinct_from(_tuple(_FOUND, names)),
            )
        )
    )


def _insert_what_is_new() -> Insert:
    names = list(FOUND_MANIFEST_SCHEMA)
    return (
        insert(recording_manifest)
        .from_select(
            [*names, "probed_at"],
            select(*(_FOUND.c[name] for name in names), func.now()).order_by(
                _FOUND.c.start_time, _FOUND.c.manifest_id
            ),
            include_defaults=False,  # the database numbers them
        )
        .on_conflict_do_nothing()
    )


def _rank(table: FromClause) -> ColumnElement[int]:
    return case(_RANKS, value=table.c.source, else_=-1)


def _tuple(table: FromClause, names: Collection[str]) -> Tuple:
    return tuple_(*(table.c[name] for name in names))


def _rows(connection: Connection, statement: UpdateBase) -> int:
    return connection.execute(statement.execution_options(preserve_rowcount=True)).rowcount
