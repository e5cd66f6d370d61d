"""What the demo found, on the terminal."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import polars as pl
from rich.console import Console
from rich.text import Text

from cx_pipeline.core.calls.classification import CALL_TYPES
from cx_pipeline.simulator.cisco.comparison import MatchComparison
from cx_pipeline.simulator.comparison import Comparison

DIFFERENCES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """The figures of a demo. `events` = stored now or before + `duplicates` + what intake put into quarantine."""

    events: int
    duplicates: int
    quarantined: int
    legs: int
    legs_true: int
    legs_matching: int
    seconds: float
    calls: int
    calls_by_type: Mapping[str, int]
    windows: int
    enriched: int
    """Reportable legs with their Cisco record."""
    partial: int
    """Reportable legs that have none."""
    pending: int
    ambiguous: int
    """Reportable legs of which several records may be their own."""
    wrong_matches: int
    """Legs with a record that is not theirs."""
    messages: int
    delivered: int
    retried: int
    dead: int
    ledger_once: int
    """Messages that the conversation manager counts once in effect."""
    order_violations: int
    recordings: int
    """Finished ones."""
    excluded: int
    """Recorded, and not kept by a rule."""
    lost: int
    """To be recorded, and not there: each with its cause."""
    audio_hours: float
    mix_seconds: float
    max_offset_error_ms: float
    """Of the voices heard at the begin of each talk, against the time at which they truly began."""
    swapped_channels: int
    links: int
    """Delivered ones, to recordings."""
    wrong_links: int
    """Told to another conversation than the leg's, or playing another recording."""
    links_playing: int
    live_links: int
    """Of the site that was played in real time."""
    live_links_missing: int
    end_to_link_p50_s: float | None
    """From the latest of a leg's end, its record and its files to the delivered link; null: no site was played."""
    end_to_link_p95_s: float | None

    def as_json(self) -> dict[str, object]:
        """The figures by name."""
        return asdict(self)


def calls_by_type(calls: pl.DataFrame) -> dict[str, int]:
    """How many calls there are of each type that occurs."""
    found = dict(calls.group_by("call_type").len().rows())
    return {name: found[name] for name in CALL_TYPES if name in found}


def _rate(summary: DemoSummary) -> str:
    if not summary.mix_seconds:
        return ""
    return f" ({summary.audio_hours / summary.mix_seconds:.2f} hours of audio a second)"


def print_summary(
    console: Console, summary: DemoSummary, comparison: Comparison, matches: MatchComparison
) -> None:
    """The figures, and the first differences if there are any."""
    types = ", ".join(f"{count:,} {name}" for name, count in summary.calls_by_type.items())
    rows = {
        "Events": f"{summary.events:,}: {summary.duplicates:,} duplicates, {summary.quarantined:,} quarantined",
        "Calls": f"{summary.calls:,}: {types}",
        "Legs": f"{summary.legs:,} in {summary.windows} windows",
        "Truth": f"{summary.legs_matching:,} of {summary.legs_true:,} legs are as they truly were",
        "Details": f"{summary.enriched:,} legs complete, {summary.partial:,} partial, {summary.pending:,} pending, "
        f"{summary.ambiguous:,} ambiguous; {summary.wrong_matches:,} wrong matches",
        "Messages": f"{summary.messages:,}: {summary.delivered:,} delivered, {summary.retried:,} of them retried, "
        f"{summary.dead:,} dead",
        "Their count": f"the conversation manager has {summary.ledger_once:,} of them once, "
        f"{summary.order_violations:,} out of order",
        "Recordings": f"{summary.recordings:,} of {summary.audio_hours:.1f} hours, mixed in {summary.mix_seconds:.1f} s"
        f"{_rate(summary)}; {summary.excluded:,} excluded by a rule, {summary.lost:,} lost",
        "Heard": f"voices at most {summary.max_offset_error_ms:.1f} ms from where they belong, "
        f"{summary.swapped_channels:,} swapped channels",
        "Links": f"{summary.links:,} delivered, {summary.links_playing:,} play, {summary.wrong_links:,} wrong",
        "Live": "no site was played"
        if summary.end_to_link_p50_s is None or summary.end_to_link_p95_s is None
        else f"{summary.live_links:,} links in real time, {summary.live_links_missing:,} missing: median "
        f"{summary.end_to_link_p50_s:.1f} s, 95 % within {summary.end_to_link_p95_s:.1f} s",
        "Time": f"{summary.seconds:.1f} s",
    }
    for name, value in rows.items():
        console.print(Text(f"{name:<12} {value}", style="bold" if name == "Truth" else ""))
    for row in matches.differences.head(DIFFERENCES_SHOWN).iter_rows(named=True):
        console.print(
            Text(
                f"  {row['tenant_id']} {row['root_call_key']} {row['agent_extension']} has the record "
                f"{row['found_record']}, which is {row['verdict']}; its own is {row['own_record']}"
            )
        )
    if comparison.is_equal:
        return
    console.print(f"{comparison.missing.height} legs are missing, {comparison.unexpected.height} never were.")
    shown = comparison.differences.head(DIFFERENCES_SHOWN)
    for row in shown.iter_rows(named=True):
        console.print(
            Text(
                f"  {row['tenant_id']} {row['root_call_key']} {row['agent_extension']} ({row['scenario']}) "
                f"{row['field']}: truly {row['true_value']}, found {row['found_value']}"
            )
        )
