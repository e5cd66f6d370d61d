"""The links of recordings: what became of each voice activity, and the messages that tell of it, in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import LiteralString

import polars as pl
from psycopg import sql
from sqlalchemy import Connection, Engine, bindparam, case, delete, exists, func, literal, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY, UUID, distinct_on, insert

from cx_pipeline.adapters.database.call_tables import restored, selected
from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.gateway_tables import recording_link
from cx_pipeline.adapters.database.locks import OUTBOX_PLAN_LOCK
from cx_pipeline.adapters.database.message_tables import outbox_message
from cx_pipeline.adapters.database.outbox import OUTBOX_ROW_SCHEMA, write_messages
from cx_pipeline.adapters.database.snapshot import open_snapshot
from cx_pipeline.adapters.database.staging import stage, staging_table
from cx_pipeline.core.linking.messages import INTENTS, slots_of, with_message_ids
from cx_pipeline.core.linking.schema import LINKED, RECORDING_LINK_SCHEMA, UNMATCHED
from cx_pipeline.core.messages.outbox_row import OutboxRow
from cx_pipeline.core.windows import Window

LINKS_A_TRANSACTION = 10_000
"""Planning messages is one at a time: a backfill must not hold up the open window."""

LinkPlanner = Callable[[pl.DataFrame, Sequence[OutboxRow]], Sequence[OutboxRow]]
"""Of links that may lack their message, and the newest messages of their slots: those that are missing. Pure."""

_NEW = staging_table("new_recording_link", recording_link, RECORDING_LINK_SCHEMA)
_HERE = staging_table("recording_link_here", recording_link, ("link_id",))
_IDS = bindparam("ids", type_=ARRAY(UUID(as_uuid=False)))
_JUDGEMENT = ("link_id", "score", "evidence", "runner_up_score")
"""What moves a little with every activity that comes: of itself no reason to write a row again."""
_COMPARED = tuple(name for name in RECORDING_LINK_SCHEMA if name not in _JUDGEMENT)
_LOOKED_AGAIN = text("""
    UPDATE recording_link AS l SET matched_at = now()
    FROM outbox_message AS m
    WHERE l.window_start = :start AND m.leg_id = l.leg_id AND m.intent = 'CALL_LEG_STARTED'
      AND m.status = 'DELIVERED' AND m.delivered_at >= l.matched_at
""")
"""Who asks which links were matched before their leg was told of learns that they were matched since."""


@dataclass(frozen=True, slots=True)
class LinkCounts:
    """What a write did."""

    written: int
    """Rows that are new or changed."""
    deleted: int
    pushed: int
    """Messages that are new in the outbox."""


class RecordingLinks:
    """Writes and reads the table. Safe to call again with the same links, and from several runs at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def write(
        self, window: Window, links: pl.DataFrame, planner: LinkPlanner
    ) -> tuple[LinkCounts, pl.DataFrame]:
        """Make the table say what a window's links are, and the outbox what their conversations lack.

        Killed at any moment, the next call does the rest: a link's row and its message are written together.

        Args:
            window: whose links these are; rows of it that are not among them go.
            links: RECORDING_LINK_SCHEMA, without message ids.
            planner: makes the missing messages.

        Returns:
            What was done; and the links with the ids of the messages that tell of them.

        Raises:
            DatabaseUnavailableError: the database did not answer.
            ConfigurationError: the database has not been migrated.
        """
        deleted = self._delete_others(window, links)
        written, pushed, parts = 0, 0, []
        for part in links.iter_slices(LINKS_A_TRANSACTION) if links.height else [links]:
            with database_errors(f"to write the links of {window.key}"), self._engine.begin() as connection:
                told, new = _tell(connection, part, planner)
                written += _write(connection, window, told)
                pushed += new
                parts.append(told)
        with database_errors(f"to write the links of {window.key}"), self._engine.begin() as connection:
            connection.execute(_LOOKED_AGAIN, {"start": window.start})
        return LinkCounts(written, deleted, pushed), pl.concat(parts)

    def of_window(self, window: Window) -> pl.DataFrame:
        """The links of a window, RECORDING_LINK_SCHEMA, sorted.

        Raises:
            DatabaseUnavailableError: the database does not answer, or not in time.
        """
        return self._frame("window_start = {value}", window.start)

    def of_call(self, cx_call_id: str) -> pl.DataFrame:
        """The links of a call, RECORDING_LINK_SCHEMA, sorted.

        Raises:
            DatabaseUnavailableError: the database does not answer, or not in time.
        """
        return self._frame("cx_call_id = {value}", cx_call_id)

    def of_leg(self, leg_id: str) -> pl.DataFrame:
        """The links of a leg, RECORDING_LINK_SCHEMA, sorted.

        Raises:
            DatabaseUnavailableError: the database does not answer, or not in time.
        """
        return self._frame("leg_id = {value}::uuid", leg_id)

    def link_rate(self, window: Window) -> tuple[int, int]:
        """How many legs of a window have a finished recording that counts, and how many of these are linked.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        query = text("""
            SELECT count(DISTINCT h.leg_id), count(DISTINCT l.leg_id)
            FROM recording AS r JOIN recording_leg AS h ON h.recording_id = r.recording_id
            LEFT JOIN recording_link AS l ON l.leg_id = h.leg_id AND l.kind = 'VOICE' AND l.state = 'LINKED'
            WHERE r.window_start = :start AND r.is_current AND r.state = 'COMPLETED'
        """)
        with database_errors("to count links"), self._engine.connect() as connection:
            recorded, linked = connection.execute(query, {"start": window.start}).one()
        return int(recorded), int(linked)

    def _delete_others(self, window: Window, links: pl.DataFrame) -> int:
        is_here = exists().where(_HERE.c.link_id == recording_link.c.link_id)
        others = delete(recording_link).where(recording_link.c.window_start == window.start, ~is_here)
        with database_errors(f"to write the links of {window.key}"), self._engine.begin() as connection:
            stage(connection, _HERE, links)
            return connection.execute(others.execution_options(preserve_rowcount=True)).rowcount

    def _frame(self, condition: LiteralString, value: object) -> pl.DataFrame:
        columns = sql.SQL(", ").join(selected(name, dtype) for name, dtype in RECORDING_LINK_SCHEMA.items())
        evidence = sql.SQL("evidence::text AS evidence")
        with open_snapshot(self._engine) as snapshot:
            rows = snapshot.frame(
                f"SELECT {{columns}} FROM recording_link WHERE {condition} ORDER BY start_time, activity_id, kind",  # noqa: S608 - ours
                columns=columns,
                evidence=evidence,
                value=value,
            )
        return rows.select(restored(name, dtype).alias(name) for name, dtype in RECORDING_LINK_SCHEMA.items())


def _tell(connection: Connection, links: pl.DataFrame, planner: LinkPlanner) -> tuple[pl.DataFrame, int]:
    """The links with their messages' ids, those that were missing written; and how many these are."""
    known = _told_already(connection, links)
    waiting = links.join(known, on="link_id", how="anti")
    slots = slots_of(waiting)
    pushed = 0
    if slots:
        connection.execute(select(func.pg_advisory_xact_lock(OUTBOX_PLAN_LOCK)))
        newest = _newest(connection, slots)
        missing = planner(waiting, newest)
        pushed = write_messages(connection, missing)
        waiting = with_message_ids(waiting, [*newest, *missing])
    told = links.drop("message_id").join(known, on="link_id", how="inner", maintain_order="left")
    return pl.concat([told.select(links.columns), waiting]), pushed


def _told_already(connection: Connection, links: pl.DataFrame) -> pl.DataFrame:
    """`link_id`, `message_id` of the links that were told of by the key that they have."""
    stage(connection, _NEW, links)
    old, new = recording_link.c, _NEW.c
    query = (
        select(old.link_id, old.message_id)
        .join(_NEW, old.link_id == new.link_id)
        .where(old.message_id.is_not(None), new.state == LINKED, old.state == LINKED)
        .where(old.leg_key == new.leg_key, old.leg_id.is_not_distinct_from(new.leg_id))
    )
    rows = connection.execute(query).all()
    connection.execute(delete(_NEW))
    return pl.DataFrame(
        [tuple(row) for row in rows], schema={"link_id": pl.String, "message_id": pl.String}, orient="row"
    )


def _newest(connection: Connection, slots: list[str]) -> list[OutboxRow]:
    """The newest message of each slot, of the intents of links."""
    table = outbox_message.c
    identity = (table.leg_id, table.intent, table.ordinal)
    query = (
        select(*(table[name] for name in OUTBOX_ROW_SCHEMA))
        .where(table.leg_id == func.any(_IDS), table.intent.in_(tuple(INTENTS.values())))
        .ext(distinct_on(*identity))
        .order_by(*identity, table.revision.desc())
    )
    return [OutboxRow(**row) for row in connection.execute(query, {"ids": slots}).mappings()]


def _write(connection: Connection, window: Window, links: pl.DataFrame) -> int:
    """Insert what is new, update what changed."""
    names = list(RECORDING_LINK_SCHEMA)
    stage(connection, _NEW, links)
    rows = select(*(_NEW.c[name] for name in names), literal(window.start))
    statement = insert(recording_link).from_select([*names, "window_start"], rows, include_defaults=False)
    old, new = recording_link.c, statement.excluded
    differs = or_(*(old[name].is_distinct_from(new[name]) for name in (*_COMPARED, "window_start")))
    # A window that knows nothing of an activity takes it from none that linked it.
    knows = (old.window_start == new.window_start) | (new.state != UNMATCHED) | (old.state == UNMATCHED)
    changed_at = case((old.version.is_distinct_from(new.version), func.now()), else_=old.changed_at)
    changes = {name: new[name] for name in (*names[1:], "window_start")}
    upsert = statement.on_conflict_do_update(
        index_elements=["link_id"],
        set_=changes | {"matched_at": func.now(), "changed_at": changed_at},
        where=differs & knows,
    )
    return connection.execute(upsert.execution_options(preserve_rowcount=True)).rowcount
