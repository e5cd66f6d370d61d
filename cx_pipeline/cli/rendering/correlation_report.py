"""What a correlation gave, as tables and lines on the terminal."""

from datetime import datetime
from typing import Any

import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cx_pipeline.adapters.intake.event_frames import FILE_QUARANTINE_SCHEMA
from cx_pipeline.cli.rendering.console import count_of, duration, time_of_day
from cx_pipeline.core.calls.classification import CALL_TYPES
from cx_pipeline.core.calls.correlate import Correlation
from cx_pipeline.core.calls.schema import IN_PROGRESS

LEGS_SHOWN = 60
QUARANTINED_SHOWN = 20


def print_leg_table(console: Console, legs: pl.DataFrame) -> None:
    """The first legs as a table; how many more there are is said."""
    shown = legs.sort("start_time", "tenant_id", "call_id", "leg_number").head(LEGS_SHOWN)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    has_tenants = legs["tenant_id"].n_unique() > 1
    starts = shown["start_time"].dt.date().unique()
    with_date = len(starts) > 1
    day = f" {starts[0]}" if len(starts) == 1 else ""
    columns = ["Tenant"] * has_tenants + ["Call key", "Agent", "Other party", "Type", f"Start (UTC){day}"]
    for name in columns:
        table.add_column(name, overflow="fold")
    for name in ("Talked", "Held"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("End", overflow="fold")
    for leg in shown.iter_rows(named=True):
        table.add_row(*([Text(leg["tenant_id"])] * has_tenants), *_leg_cells(leg, with_date=with_date))
    console.print(table)
    if legs.height > shown.height:
        console.print(f"… and {count_of(legs.height - shown.height, 'more leg')}: --out FILE writes all.")


def _leg_cells(leg: dict[str, Any], *, with_date: bool) -> list[Text]:
    start: datetime | None = leg["start_time"]
    cells = [
        leg["root_call_key"],
        leg["agent_extension"],
        leg["other_party"] or "–",
        leg["call_type"],
        time_of_day(start, with_date=with_date) + "~" * leg["is_start_estimated"],
        duration(leg["duration_ms"]) if leg["is_answered"] else "–",
        duration(leg["held_ms"]) if leg["held_ms"] else "–",
        (leg["end_reason"] or "in progress") + "~" * leg["is_end_estimated"],
    ]
    return [Text(cell) for cell in cells]


def print_summary(console: Console, correlation: Correlation, file_quarantine: pl.DataFrame) -> None:
    """Counts of events, calls by type, legs, and the clocks that were ahead."""
    counts, unread = correlation.counts, file_quarantine.height
    quarantined = counts.quarantined + unread
    console.print(
        f"Events       {counts.input + unread:,}: {counts.used:,} used, "
        f"{count_of(counts.duplicates, 'duplicate')}, {quarantined:,} quarantined"
    )
    calls, legs = correlation.calls, correlation.legs
    console.print(f"Calls        {calls.height:,}{_by_type(calls)}")
    console.print(
        f"Legs         {legs.height:,}: {int(legs['is_answered'].sum()):,} answered, "
        f"{legs.filter(pl.col('status') == IN_PROGRESS).height:,} in progress, "
        f"{int((legs['is_start_estimated'] | legs['is_end_estimated']).sum()):,} with an estimated time (~)"
    )
    for source, largest_ms, capped in correlation.skew.select("source", "largest_skew_ms", "capped").rows():
        console.print(
            f"Clock skew   {source}: up to {largest_ms:,} ms ahead of arrival, {count_of(capped, 'event')} capped",
            markup=False,
        )


def _by_type(calls: pl.DataFrame) -> str:
    found = dict(calls.group_by("call_type").len().rows())
    parts = [f"{found[name]:,} {name}" for name in CALL_TYPES if name in found]
    return f": {', '.join(parts)}" if parts else ""


def print_quarantine(console: Console, correlation: Correlation, file_quarantine: pl.DataFrame) -> None:
    """The reasons with their counts, and the first rows, each with where it came from."""
    rows = quarantine_frame(correlation, file_quarantine)
    if rows.is_empty():
        return
    code = pl.col("reason").str.extract(r"^([^:]+)")
    by_reason = rows.group_by(code).len().sort("len", "reason", descending=[True, False])
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in by_reason.rows())
    console.print(f"Quarantined  {rows.height:,}: {reasons}", markup=False)
    for row in rows.head(QUARANTINED_SHOWN).iter_rows(named=True):
        place = f"{row['file']}:{row['line_number']}: " if row["file"] else ""
        line = Text(f"  {place}{row['reason']}: {row['row']}")
        line.truncate(console.width, overflow="ellipsis")
        console.print(line, no_wrap=True)
    if rows.height > QUARANTINED_SHOWN:
        console.print(f"  … and {rows.height - QUARANTINED_SHOWN:,} more: --quarantine-out FILE writes all.")


def quarantine_frame(correlation: Correlation, file_quarantine: pl.DataFrame) -> pl.DataFrame:
    """All that could not be used: rows of files, then events; `reason`, `event_time`, …, `row`, `file`, `line_number`."""
    of_files = file_quarantine.rename({"row_text": "row"})
    columns = [*correlation.quarantine.columns, "file", "line_number"]
    missing = {"file": FILE_QUARANTINE_SCHEMA["file"], "line_number": FILE_QUARANTINE_SCHEMA["line_number"]}
    of_engine = correlation.quarantine.with_columns(
        pl.lit(None, dtype).alias(name) for name, dtype in missing.items()
    )
    return pl.concat([of_files, of_engine], how="diagonal").select(columns)
