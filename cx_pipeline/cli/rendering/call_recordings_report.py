"""A call's recordings on the terminal: what there is, by which rule, and why there is none."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl
from rich.console import Console
from rich.text import Text

from cx_pipeline.cli.rendering.console import duration, time_of_day
from cx_pipeline.core.recording.schema import COMPLETED, OF_CALL, OF_LEG

INDENT = "  "

Row = Mapping[str, Any]


def print_call_recordings(console: Console, recordings: pl.DataFrame, leg_numbers: Mapping[str, int]) -> None:
    """Print the recordings of a call.

    Args:
        console: where to.
        recordings: of the call, `MIXED_RECORDING_SCHEMA`.
        leg_numbers: by leg id.
    """
    for row in recordings.iter_rows(named=True):
        console.print()
        console.print(Text(f"Recording of {_whole(row, leg_numbers)}: {row['state']}", style="bold"))
        for line in recording_lines(row, leg_numbers):
            console.print(Text(f"{INDENT}{line}"), soft_wrap=True)


def recording_lines(row: Row, leg_numbers: Mapping[str, int]) -> Iterator[str]:
    """What is known of one recording."""
    if row["state"] == COMPLETED:
        sealed = "not sealed" if row["encryption"] == "none" else f"sealed ({row['encryption']})"
        yield (
            f"{duration(row['duration_ms'])} from {time_of_day(row['start_time'])}, {row['layout']}, {row['format']}, "
            f"{row['sample_rate_hz']} Hz, {sealed}, {row['size_bytes']:,} bytes"
        )
        yield f"{row['path']} ({row['recording_id']})"
    if row["failure"]:
        yield f"{row['failure']}"
    if row["rule_id"]:
        yield f"by the rule {row['rule_id']}, version {row['rule_version']}"
    files = len(row["manifest_ids"] or ())
    yield f"of {files} recorders' files" if files else "of no recorder's file"
    for offset in row["leg_offsets"] if row["kind"] == OF_CALL else ():
        yield f"leg {leg_numbers.get(offset['leg_id'], '?')} begins after {offset['offset_ms'] / 1000:.3f} s"
    if row["warnings"]:
        yield f"warnings: {', '.join(row['warnings'])}"


def _whole(row: Row, leg_numbers: Mapping[str, int]) -> str:
    if row["kind"] == OF_CALL:
        return "the whole call"
    return f"leg {leg_numbers.get(row['leg_id'], '?')}" if row["kind"] == OF_LEG else "a file without a leg"
