"""An explained call on the terminal: what it was, its time line, and why each leg is as it is."""

from datetime import datetime

import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cx_pipeline.cli.rendering.bar_chart import draw
from cx_pipeline.cli.rendering.console import count_of, duration, time_of_day
from cx_pipeline.core.calls.explanation import Decision, Event, ExplainedLeg, Explanation
from cx_pipeline.core.calls.time_line import Mark

INDENT = "  "


def print_explanation(console: Console, explanation: Explanation) -> None:
    """Print all of it."""
    for line in summary_lines(explanation):
        console.print(Text(line), soft_wrap=True)
    console.print()
    is_ascii = not console.encoding.startswith("utf")
    for text in draw(explanation.time_line, console.width, is_ascii=is_ascii).lines:
        console.print(text)
    for mark in explanation.time_line.marks:
        console.print(Text(f"{INDENT}{mark_line(mark)}"))
    for leg in explanation.legs:
        console.print()
        _print_leg(console, leg)


def summary_lines(explanation: Explanation) -> list[str]:
    """What the call was, in a few lines."""
    call = explanation.call
    end = time_of_day(call["end_time"]) if call["end_time"] else "in progress"
    return [
        f"Call {call['call_id']}",
        f"{INDENT}{call['call_type']}, {call['direction']}, tenant {call['tenant_id']}, "
        f"{'key' if len(call['call_keys']) == 1 else 'keys'} {', '.join(call['call_keys'])}",
        f"{INDENT}{time_of_day(call['start_time'], with_date=True)} to {end} UTC, "
        f"{count_of(call['event_count'], 'event')}, {count_of(call['leg_count'], 'leg')}, "
        f"parties {', '.join(call['participants']) or 'none'}",
    ]


def mark_line(mark: Mark) -> str:
    """A mark as a line."""
    by = f" by {mark.extension}" if mark.extension else ""
    return f"{time_of_day(mark.time)} {mark.kind}{by} on {mark.call_key}"


def heading(explained: ExplainedLeg) -> str:
    """What a leg is, in a line."""
    leg = explained.leg
    share = f"talked {duration(leg['duration_ms'])}" if leg["is_answered"] else "not answered"
    if leg["is_answered"] and leg["duration_ms"] is None:
        share = "in progress"
    held = f", held {duration(leg['held_ms'])}" if leg["held_ms"] else ""
    why = leg["rona_reason"] or leg["end_reason"] or "no end yet"
    return (
        f"Leg {leg['leg_number']}  {leg['agent_extension']}  {leg['call_type']}: "
        f"{leg['start_reason']} to {why}, {share}{held}"
    )


def details(explained: ExplainedLeg) -> list[str]:
    """The leg's id, and what else is worth a word."""
    leg = explained.leg
    other = {
        "consults": leg["consult_target"],
        "consulted by": leg["consult_source"],
        "consult": leg["consult_result"],
        "transferred from": leg["transferred_from"],
        "transferred to": leg["transferred_to"],
        "other party": leg["other_party"],
    }
    flags = {
        "start is an estimate": leg["is_start_estimated"],
        "end is an estimate": leg["is_end_estimated"],
        "artefact": leg["is_artefact"],
        "clock skew": leg["has_clock_skew"],
        "not reportable": not leg["is_reportable"],
    }
    told = [f"{name} {value}" for name, value in other.items() if value]
    told += [name for name, is_so in flags.items() if is_so]
    return [f"leg id {leg['leg_id']}", ", ".join(told)] if told else [f"leg id {leg['leg_id']}"]


def outcome_of(decision: Decision) -> str:
    """What was decided, as text."""
    if isinstance(decision.outcome, datetime):
        return time_of_day(decision.outcome)
    return decision.outcome or "–"


def reason_of(decision: Decision) -> str:
    """The rule's name and its event."""
    return f"{decision.rule}: {event_line(decision.event)}"


def event_line(event: Event | None) -> str:
    """An event as a line; what no event decided, the absence of one did."""
    if event is None:
        return "no single event"
    name = event.event_name or event.kind
    about = f" of {event.extension}" if event.extension else ""
    return f"{time_of_day(event.time)} {name}{about} on {event.call_key}"


def _print_leg(console: Console, explained: ExplainedLeg) -> None:
    console.print(Text(heading(explained), style="bold"))
    for line in details(explained):
        console.print(Text(f"{INDENT}{line}", style="dim"))
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, min_width=15)
    table.add_column(no_wrap=True)
    table.add_column()
    for decision in explained.decisions:
        why = Text(decision.sentence).append(f"\n{reason_of(decision)}", style="dim")
        table.add_row(Text(f"{INDENT}{decision.subject}"), Text(outcome_of(decision), style="bold"), why)
    console.print(table)


def print_candidates(console: Console, calls: pl.DataFrame) -> None:
    """Calls to choose from."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for name in ("Call id", "Tenant", "Start (UTC)", "Type", "Parties"):
        table.add_column(name, overflow="fold", no_wrap=name in ("Call id", "Start (UTC)"))
    for call in calls.iter_rows(named=True):
        start = time_of_day(call["start_time"], with_date=True, with_ms=False)
        cells = call["call_id"], call["tenant_id"], start, call["call_type"], ", ".join(call["participants"])
        table.add_row(*map(Text, cells))
    console.print(table)
