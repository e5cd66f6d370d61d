"""Recordings on the terminal: every exception with its reason, and what was heard wrong."""

from typing import Any

import polars as pl
from rich.console import Console
from rich.text import Text

from cx_pipeline.cli.rendering.console import time_of_day
from cx_pipeline.core.recording.schema import COMPLETED, FAILED, SKIPPED
from cx_pipeline.simulator.audio.comparison import AudioComparison

LEGS_NAMED = 3
WRONG_SHOWN = 10


def print_recordings(console: Console, recordings: pl.DataFrame, heard: AudioComparison) -> None:
    """What was not made, what was left out and what was made with a warning, by reason; then what is wrong.

    Args:
        console: where to.
        recordings: `MIXED_RECORDING_SCHEMA`.
        heard: of comparing them with the truth.
    """
    for title, reasons in _exceptions(recordings).items():
        for reason, of_which in reasons.items():
            named = ", ".join(of_which[:LEGS_NAMED])
            more = f" and {len(of_which) - LEGS_NAMED} more" if len(of_which) > LEGS_NAMED else ""
            console.print(Text(f"  {title:<10} {len(of_which):>4} {reason}: {named}{more}"), soft_wrap=True)
    for row in heard.findings.head(WRONG_SHOWN).iter_rows(named=True):
        where = (
            f"{row['tenant_id']} {row['root_call_key']} {row['agent_extension']} {row['side']} from "
            f"{time_of_day(row['start_time'])} by {row['recorder_id']}"
        )
        console.print(
            Text(
                f"  heard wrong  {row['kind']}: {where}: {row['detail']} ({row['recording_id']})", style="red"
            ),
            soft_wrap=True,
        )
    for row in heard.missing_legs.head(WRONG_SHOWN).iter_rows(named=True):
        where = f"{row['tenant_id']} {row['root_call_key']} {row['agent_extension']} ({row['scenario']})"
        console.print(
            Text(f"  no recording of {where}, although there is audio", style="red"), soft_wrap=True
        )


def _exceptions(recordings: pl.DataFrame) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {"lost": {}, "excluded": {}, "warning": {}}
    for row in recordings.iter_rows(named=True):
        for title, reason in _reasons(row):
            found[title].setdefault(reason, []).append(_name(row))
    return {title: dict(sorted(reasons.items())) for title, reasons in found.items()}


def _reasons(row: dict[str, Any]) -> list[tuple[str, str]]:
    if row["state"] == FAILED:
        return [("lost", str(row["failure"]))]
    if row["state"] == SKIPPED:
        return [("excluded", f"rule {row['rule_id']}")]
    if row["state"] == COMPLETED:
        return [("warning", str(warning)) for warning in row["warnings"] or ()]
    return [("lost", f"still {row['state']}")]


def _name(row: dict[str, Any]) -> str:
    whole = row["leg_id"] or row["call_id"] or row["recording_id"]
    return f"{str(row['kind']).lower()} {str(whole)[:8]}"
