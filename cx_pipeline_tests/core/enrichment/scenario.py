"""Legs and records as pasted tables, and what must come of them.

    enriched(
        '''
        leg | call | key   | ext  | start    | end
        A   | 1    | 1_100 | 1005 | 10:00:00 | 10:02:00
        ''',
        '''
        record | key   | ext  | end      | talk
        a      | 1_100 | 1005 | 10:02:00 | 120
        ''',
    ).has(
        '''
        leg | status   | record | method
        A   | COMPLETE | a      | EXTENSION
        '''
    )

A time is of 16 January 2024, UTC. `key` may name several keys of the leg's call, with spaces between. An empty cell is
null (in a table of legs or records), or is not compared (in an expected one, where `-` is null). A table of legs needs
no `end`: such a leg is in progress. What comes out is the same with all rows backwards: that is tried every time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from typing import Any

import polars as pl
from polars.testing import assert_frame_equal

from cx_pipeline.core.calls.schema import CALL_SCHEMA, COMPLETED, IN_PROGRESS, LEG_SCHEMA
from cx_pipeline.core.directory import EMPTY_DIRECTORY, Directory
from cx_pipeline.core.enrichment.enrich import Enrichment, enrich
from cx_pipeline.core.enrichment.outages import OutageFacts
from cx_pipeline.core.enrichment.rules import DEFAULT_ENRICHMENT_RULES, EnrichmentRules
from cx_pipeline.core.enrichment.schema import CISCO_RECORD_SCHEMA, ENRICHED_LEG_SCHEMA
from cx_pipeline.core.events.call_keys import call_key

DAY = datetime(2024, 1, 16, tzinfo=UTC)

LEG_HEADS = {
    "leg": "leg_id",
    "call": "call_id",
    "tenant": "tenant_id",
    "number": "leg_number",
    "ext": "agent_extension",
    "ring": "ring_time",
    "start": "start_time",
    "end": "end_time",
    "other": "other_party",
    "jtapi": "jtapi_id",
    "terminal": "agent_terminal",
}
RECORD_HEADS = {
    "record": "record_id",
    "tenant": "tenant_id",
    "key": "jtapi_id",
    "ext": "extension",
    "end": "ended_at",
    "talk": "talk_s",
    "hold": "hold_s",
    "work": "work_s",
    "ring": "ring_s",
    "dialled": "dialled_number",
    "type": "conversation_type",
    "dialler": "dialler_call_id",
}
OUTCOME_HEADS = {
    "leg": "leg_id",
    "call": "call_id",
    "ext": "agent_extension",
    "start": "start_time",
    "end": "end_time",
    "status": "enrichment_status",
    "why": "enrichment_reason",
    "tries": "enrichment_tries",
    "decided": "is_decided",
    "record": "record_id",
    "method": "match_method",
    "distance": "match_distance_ms",
    "runner_up": "runner_up_record_id",
    "runner_up_distance": "runner_up_distance_ms",
    "service": "service_identifier",
    "customer": "customer_identifier",
    "type": "call_type",
    "cx_call": "cx_call_id",
}
"""The short heads of the columns; any other head must be the column's own name."""


@dataclass(frozen=True)
class Outcome:
    """What the enrichment made of a scenario."""

    enrichment: Enrichment

    def has(self, table: str) -> Outcome:
        """The legs named are as the table says; a table without the column `leg` tells all legs, by start."""
        rows = self.enrichment.legs.sort("start_time", "agent_extension", "leg_id").to_dicts()
        wanted = _rows(table, OUTCOME_HEADS, ENRICHED_LEG_SCHEMA, null="-")
        if "leg_id" in wanted[0]:
            by_id = {row["leg_id"]: row for row in rows}
            rows = [by_id[row["leg_id"]] for row in wanted]
        assert len(rows) == len(wanted), rows
        problems = [
            f"{row['leg_id']} {name}: {row[name]}, expected {value}"
            for row, expected in zip(rows, wanted, strict=True)
            for name, value in expected.items()
            if row[name] != value
        ]
        assert not problems, "\n".join(problems)
        return self

    def row(self, leg_id: str) -> dict[str, Any]:
        """The enriched leg of that id."""
        return self.enrichment.legs.row(by_predicate=pl.col("leg_id") == leg_id, named=True)

    def records(self) -> dict[str, str | None]:
        """The record of each leg."""
        return dict(self.enrichment.legs.select("leg_id", "record_id").sort("leg_id").iter_rows())


def enriched(
    legs: str | tuple[pl.DataFrame, pl.DataFrame],
    records: str | pl.DataFrame = "record",
    *,
    rules: EnrichmentRules = DEFAULT_ENRICHMENT_RULES,
    directory: Directory = EMPTY_DIRECTORY,
    read_at: str = "12:00:00",
    has_source: bool = True,
    outage: OutageFacts | None = None,
) -> Outcome:
    """Enrich the legs of a table with the records of another."""
    of_legs, calls = legs_of(legs) if isinstance(legs, str) else legs
    of_records = records_of(records) if isinstance(records, str) else records
    results = [
        enrich(
            frame[::step],
            calls[::step],
            of_records[::step],
            directory,
            rules,
            read_at=time_of(read_at),
            has_source=has_source,
            outage=outage,
        )
        for frame, step in ((of_legs, 1), (of_legs, -1))
    ]
    one, other = results
    assert one.legs.schema == ENRICHED_LEG_SCHEMA
    assert_frame_equal(one.legs.sort("leg_id"), other.legs.sort("leg_id"))
    assert_frame_equal(one.clocks, other.clocks)
    return Outcome(one)


def legs_of(table: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The legs of a table (`LEG_SCHEMA`) and their calls (`CALL_SCHEMA`)."""
    heads = {**LEG_HEADS, "key": "key"}
    rows, keys = [], {}
    for number, row in enumerate(_rows(table, heads, {**LEG_SCHEMA, "key": pl.String()}), start=1):
        leg = _with_defaults(row, number)
        keys.setdefault(leg["call_id"], set()).update((leg.pop("key", None) or "").split())
        rows.append(leg)
    for leg in rows:
        leg["root_call_key"] = min(keys[leg["call_id"]], default=None)
    calls = {
        leg["call_id"]: {
            "call_id": leg["call_id"],
            "tenant_id": leg["tenant_id"],
            "call_keys": sorted(keys[leg["call_id"]]),
            "root_call_key": leg["root_call_key"],
        }
        for leg in rows
    }
    return pl.DataFrame(rows, LEG_SCHEMA), pl.DataFrame(list(calls.values()), CALL_SCHEMA)


def _with_defaults(row: dict[str, Any], number: int) -> dict[str, Any]:
    """What a test does not care about."""
    end = row.get("end_time")
    told = {name: value for name, value in row.items() if value is not None}
    return {
        "call_id": "1",
        "tenant_id": "default",
        "leg_number": number,
        "status": IN_PROGRESS if end is None else COMPLETED,
        "direction": "INBOUND",
        "call_type": "SIMPLE",
        "held_ms": 0,
        "hold_segments": [],
        "participants": [],
        "is_answered": True,
        "is_reportable": True,
        "is_artefact": False,
        "is_start_estimated": False,
        "is_end_estimated": False,
        "has_clock_skew": False,
        "duration_ms": end and (end - row["start_time"]) // timedelta(milliseconds=1),
        "leg_key": row["leg_id"],
        **told,
    }


def records_of(table: str) -> pl.DataFrame:
    """The records of a table (`CISCO_RECORD_SCHEMA`), of a source called `uccx`."""
    rows = [{"source": "uccx", **row} for row in _rows(table, RECORD_HEADS, CISCO_RECORD_SCHEMA)]
    frame = pl.DataFrame(rows, CISCO_RECORD_SCHEMA)
    return frame.with_columns(call_key=call_key(pl.col("jtapi_id")))


def time_of(text: str) -> datetime:
    """`10:00:05.250` of the day."""
    return datetime.combine(DAY, clock_time.fromisoformat(text), UTC)


def _rows(
    table: str, short: Mapping[str, str], schema: Mapping[str, pl.DataType], null: str = ""
) -> list[dict[str, Any]]:
    lines = [[cell.strip() for cell in line.split("|")] for line in table.splitlines() if line.strip()]
    names = [short.get(head, head) for head in lines[0]]
    assert not (unknown := set(names) - set(schema)), unknown
    return [dict(_cells(names, cells, schema, null)) for cells in lines[1:]]


def _cells(
    names: Sequence[str], cells: Sequence[str], schema: Mapping[str, pl.DataType], null: str
) -> list[tuple[str, Any]]:
    assert len(names) == len(cells), cells
    return [
        (name, None if text == null else _value(text, schema[name]))
        for name, text in zip(names, cells, strict=True)
        if text or not null
    ]


def _value(text: str, dtype: pl.DataType) -> Any:
    if isinstance(dtype, pl.Datetime):
        return time_of(text)
    if isinstance(dtype, pl.Boolean):
        return {"yes": True, "no": False}[text]
    return int(text) if dtype.is_integer() else text
