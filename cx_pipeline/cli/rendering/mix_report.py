"""Recordings that were mixed by hand, on the terminal: what was made, what is to be known of it, what was refused."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cx_pipeline.cli.rendering.console import count_of, duration, time_of_day

if TYPE_CHECKING:
    from cx_pipeline.cli.mix import Mixed, Refused

_TITLES = ("Start (UTC)", "Length", "Call", "Files", "Channels", "Rate")


def print_mixed(console: Console, out: Path, mixed: Sequence["Mixed"], refused: Sequence["Refused"]) -> None:
    """A table of the recordings, their paths and warnings, then what was refused and why."""
    if mixed:
        console.print(_table(mixed))
        console.print()
    for each in mixed:
        console.print(Text(str(out / each.rendered.path)), soft_wrap=True)
        for warning in each.plan.warnings:
            console.print(Text(f"  Warning: {warning.text}"), soft_wrap=True)
    for refusal in refused:
        console.print(Text(f"Refused: {refusal.name}: {refusal.reason}"), soft_wrap=True)
    told = f", {len(refused):,} refused" if refused else ""
    console.print(f"{count_of(len(mixed), 'recording')} in {out}{told}", markup=False, soft_wrap=True)


def _table(mixed: Sequence["Mixed"]) -> Table:
    table = Table.grid(padding=(0, 2))
    for title in _TITLES:
        table.add_column(justify="right" if title in ("Length", "Files", "Rate") else "left")
    table.add_row(*_TITLES, style="bold")
    for each in mixed:
        plan = each.plan
        cells = (
            time_of_day(plan.start_time, with_date=True),
            duration(plan.duration_ms),
            plan.call_id or "–",
            f"{len(plan.inputs):,}",
            "; ".join(plan.channel_names),
            f"{plan.sample_rate_hz:,} Hz",
        )
        table.add_row(*map(Text, cells))
    return table
