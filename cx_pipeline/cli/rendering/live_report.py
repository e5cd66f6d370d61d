"""A live phase on the terminal: from end to link, stage by stage, and what is wrong or missing."""

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cx_pipeline.cli.rendering.console import count_of, time_of_day
from cx_pipeline.simulator.live.end_to_link import STAGES, EndToLink
from cx_pipeline.simulator.live.phase import LiveReport

SHOWN = 10


def print_live(console: Console, report: LiveReport) -> None:
    """What was played, how long each stage took, and every exception."""
    done, links = report.played.done, report.links
    console.print(
        f"Played       {count_of(done['EventHeard'], 'event')}, {count_of(done['FileLeft'], 'file')}, at most "
        f"{report.played.most_behind_s:.1f} s behind"
    )
    console.print(f"Ended        {count_of(links.expected, 'leg')} with audio, {links.links:,} linked")
    console.print()
    _print_stages(console, links)
    for wrong in links.wrong[:SHOWN]:
        console.print(
            Text(f"  wrong link   {wrong.message_id} of leg {wrong.leg_id}: {wrong.reason}", style="red"),
            soft_wrap=True,
        )
    missing = links.delays.filter(pl.col("link_delivered_s").is_null())
    for leg in missing.head(SHOWN).iter_rows(named=True):
        named = f"{leg['tenant_id']} {leg['root_call_key']} {leg['agent_extension']} ({leg['scenario']})"
        told = _told_of(leg)
        console.print(
            Text(
                f"  no link      {named}, ended {time_of_day(leg['ended_at'])}, known {time_of_day(leg['known_at'])}: {told}",
                style="red",
            ),
            soft_wrap=True,
        )


def _print_stages(console: Console, links: EndToLink) -> None:
    """Seconds from the moment when end, record and files were all there."""
    table = Table.grid(padding=(0, 2))
    for justify in ("left", "right", "right", "right"):
        table.add_column(justify=justify)
    table.add_row("Seconds until", "legs", "median", "95 %", style="bold")
    for name in STAGES:
        if (stage := links.stages.get(name)) is not None:
            table.add_row(
                name.replace("_", " "), f"{stage.count:,}", f"{stage.median_s:.1f}", f"{stage.p95_s:.1f}"
            )
    console.print(table)


def _told_of(leg: dict[str, object]) -> str:
    if leg["leg_id"] is None:
        return "the leg was not found"
    reached = [name for name in STAGES if leg[f"{name}_s"] is not None]
    return f"came as far as {reached[-1].replace('_', ' ')}" if reached else "nothing came of it"
