"""Batches of events as they come over the network: several at once into the event store, each with its account.

Rows are read, checked and given to their tenants as those of files are. What is merged are the steps that cost the
same for one row as for thousands.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO

import polars as pl
from sqlalchemy import Engine

from cx_pipeline.adapters.database.event_intake import BATCH, EventIntake, InsertCounts
from cx_pipeline.adapters.database.quarantine import InputQuarantine
from cx_pipeline.adapters.intake.chunk import (
    NUMBERED_EVENT_SCHEMA,
    QUARANTINED_ROW_SCHEMA,
    EventChunk,
    ReadChunk,
)
from cx_pipeline.adapters.intake.columns import ROW_NUMBER
from cx_pipeline.adapters.intake.files import oversized_row
from cx_pipeline.adapters.intake.lines import OversizedLine, read_blocks
from cx_pipeline.adapters.intake.ndjson import read_ndjson_block
from cx_pipeline.adapters.intake.validation import rejected_rows, to_events
from cx_pipeline.core.directory import Directory
from cx_pipeline.core.events.intake import prepare

OTHER_TENANT = "OTHER_TENANT"
"""Reason of a row that names a tenant whose events its sender may not write."""

_ROOM = 1 << 32
"""Lines of batch n are numbered from n times this on: a line's number tells its batch."""


@dataclass(frozen=True, slots=True)
class EventBatch:
    """NDJSON as it came.

    `tenant_id`: whose events these are, and no others; null where they may be anybody's. `name` and `sha256` are
    those under which its unusable rows are kept.
    """

    payload: bytes
    tenant_id: str | None
    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """What became of a batch: `read` = `stored` + `duplicates` + `quarantined`."""

    read: int
    stored: int = 0
    duplicates: int = 0
    quarantined: int = 0


class EventBatches:
    """Takes batches into the event store. Taking one twice changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._intake = EventIntake(engine, attempts=1)
        self._quarantine = InputQuarantine(engine, attempts=1)

    def store(self, batches: Sequence[EventBatch], directory: Directory) -> list[BatchCounts]:
        """Store the events of the batches in one transaction, and their unusable rows; the counts of each.

        Raises:
            DatabaseUnavailableError: the database does not answer. What was stored is stored; try all again.
            ConfigurationError: the database has not been migrated.
            PermanentError: the database refuses them.
        """
        usable, quarantined = _judged(batches, directory)
        numbered = usable.with_columns((pl.col(ROW_NUMBER) // _ROOM).cast(pl.Int32).alias(BATCH))
        inserted = self._intake.insert_batches(numbered)
        refused = self._keep(quarantined, batches)
        nothing = InsertCounts(0, 0, 0)
        return [
            _counts(inserted.get(number, nothing), refused.get(number, 0)) for number in range(len(batches))
        ]

    def _keep(self, quarantined: pl.DataFrame, batches: Sequence[EventBatch]) -> dict[int, int]:
        kept: dict[int, int] = {}
        by_batch = quarantined.group_by(pl.col("line_number") // _ROOM, maintain_order=True)
        for (number,), rows in by_batch:
            batch = batches[int(str(number))]
            in_batch = rows.with_columns(pl.col("line_number") % _ROOM)
            self._quarantine.record(in_batch, file_name=batch.name, file_sha256=batch.sha256)
            kept[int(str(number))] = rows.height
        return kept


def _counts(inserted: InsertCounts, quarantined: int) -> BatchCounts:
    return BatchCounts(inserted.read + quarantined, inserted.stored, inserted.duplicates, quarantined)


def _judged(batches: Sequence[EventBatch], directory: Directory) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The events that can be stored, with their `row_number`, and the rows for quarantine."""
    by_tenant: dict[str | None, list[ReadChunk]] = defaultdict(list)
    for number, batch in enumerate(batches):
        by_tenant[batch.tenant_id] += _read(batch, number * _ROOM)
    usable, quarantined = [], [QUARANTINED_ROW_SCHEMA.to_frame()]
    for tenant_id, chunks in by_tenant.items():
        merged = _merged(chunks)
        checked = _of_tenant(to_events(merged, tenant_id=tenant_id), tenant_id, merged)
        prepared = prepare(checked.events, directory)
        usable.append(prepared.usable)
        quarantined += [checked.quarantined, rejected_rows(prepared.rejected, merged)]
    return pl.concat(usable), pl.concat(quarantined)


def _read(batch: EventBatch, base: int) -> Iterator[ReadChunk]:
    for piece in read_blocks(BytesIO(batch.payload)):
        if isinstance(piece, OversizedLine):
            yield oversized_row(replace(piece, line_number=base + piece.line_number))
        else:
            yield read_ndjson_block(replace(piece, first_line=base + piece.first_line))


def _merged(chunks: Sequence[ReadChunk]) -> ReadChunk:
    """The chunks, in order of their lines, as one."""
    chunks = [chunk for chunk in chunks if chunk.row_count]
    if not chunks:
        return ReadChunk(pl.DataFrame(schema={ROW_NUMBER: pl.Int64()}), [], frozenset(), lambda _: "")
    bad_rows = [row for chunk in chunks for row in chunk.bad_rows]
    firsts = [_first_line(chunk) for chunk in chunks]

    def row_text(number: int) -> str:
        return chunks[bisect_right(firsts, number) - 1].row_text(number)

    rows = pl.concat([chunk.rows for chunk in chunks], how="diagonal")
    unknown = frozenset().union(*(chunk.unknown_columns for chunk in chunks))
    return ReadChunk(rows, bad_rows, unknown, row_text)


def _first_line(chunk: ReadChunk) -> int:
    numbers = [*chunk.rows[ROW_NUMBER].head(1), *(row.line_number for row in chunk.bad_rows[:1])]
    return min(numbers, default=0)


def _of_tenant(checked: EventChunk, tenant_id: str | None, chunk: ReadChunk) -> EventChunk:
    """What the tenant may write: rows that name another one are quarantined, those that name none are its own."""
    if tenant_id is None:
        return checked
    told = pl.col("tenant_id").str.strip_chars().replace("", None).fill_null(tenant_id)
    named = checked.events.with_columns(tenant_id=told)
    is_others = pl.col("tenant_id") != tenant_id
    others = named.filter(is_others)
    if others.is_empty():
        return replace(checked, events=named)
    reason = pl.lit(f"{OTHER_TENANT}: this sender writes events of {tenant_id} only")
    refused = rejected_rows(others.select(ROW_NUMBER, reason=reason), chunk)
    events = named.filter(~is_others).select(NUMBERED_EVENT_SCHEMA.names())
    return replace(checked, events=events, quarantined=pl.concat([checked.quarantined, refused]))
