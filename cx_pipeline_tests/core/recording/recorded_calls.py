"""Legs and files as pasted tables, and where their frames must go.

    recorded(
        '''
        leg | ext  | start | end   | holds
        A   | 1005 | 0:00  | 5:00  | 2:30-3:00
        ''',
        '''
        file | side | ext  | start | length | refci
        n1   | near | 1005 | 0:00  | 2:30   | 77
        ''',
    ).places(
        '''
        leg | file | channel | at   | from | length
        A   | n1   | 0       | 0:00 | 0:00 | 2:30
        '''
    )

Times are minutes and seconds after ten o'clock (`-0:02` lies before it), with fractions where wanted. Files are of 8 kHz,
and one recorder, unless they say otherwise; an empty cell is null, or as usual, and `-` is null. `places` compares all placements of all
plans (an empty cell is not compared), `matches` the pairs. What comes out is the same with all rows backwards: that is
tried every time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from cx_pipeline.core.enrichment.schema import ENRICHED_LEG_SCHEMA
from cx_pipeline.core.recording.matching import SegmentMatches, match_segments
from cx_pipeline.core.recording.mix_plan import MixPlan, Placement
from cx_pipeline.core.recording.options import PlanOptions
from cx_pipeline.core.recording.planning import WindowPlans, plan_window
from cx_pipeline.core.recording.schema import RECORDING_DECISION_SCHEMA, RECORDING_MANIFEST_SCHEMA
from cx_pipeline.core.windows import Window

TEN = datetime(2026, 6, 8, 10, tzinfo=UTC)
OPTIONS = PlanOptions(Window(TEN, TEN + timedelta(hours=1)))
RATE_HZ = 8_000
HOW_BY_DEFAULT = {
    "layout": "stereo",
    "hold": "silence",
    "hold_fade_ms": 0,
    "is_normalised": False,
    "format": "wav",
}

LEG_HEADS = {
    "leg": "leg_id",
    "tenant": "tenant_id",
    "call": "call_id",
    "ext": "agent_extension",
    "number": "leg_number",
    "device": "agent_terminal",
    "connection": "connection_id",
    "key": "root_call_key",
    "jtapi": "jtapi_id",
    "type": "call_type",
    "conference": "conference_id",
    "other": "other_party",
    "consulted_by": "consult_source",
    "from": "transferred_from",
    "to": "transferred_to",
}
FILE_HEADS = {
    "file": "manifest_id",
    "tenant": "tenant_id",
    "side": "side",
    "type": "recording_type",
    "key": "call_key",
    "jtapi": "jtapi_id",
    "refci": "refci",
    "dialog": "dialog_id",
    "ext": "agent_extension",
    "device": "agent_device",
    "calling": "calling_number",
    "called": "called_number",
    "recorder": "recorder_id",
    "problem": "file_problem",
}


def seconds(text: str) -> float:
    """`2:30.5` as seconds."""
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    parts = [float(part) for part in digits.split(":")]
    value = 0.0
    for part in parts:
        value = value * 60 + part
    return sign * value


def moment(text: str) -> datetime:
    """That long after ten o'clock."""
    return TEN + timedelta(microseconds=round(seconds(text) * 1_000_000))


def rows_of(table: str) -> list[dict[str, str]]:
    """The rows of a pasted table; empty cells are left out, and so are those that a short row has not."""
    lines = [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]
    heads, *rest = lines
    return [{head: cell for head, cell in zip(heads, cells, strict=False) if cell} for cells in rest]


def spans(text: str) -> list[tuple[datetime, datetime | None]]:
    """`2:30-3:00 4:00-` as pairs of moments."""
    found = []
    for span in text.split():
        start, _, end = span.partition("-")
        found.append((moment(start), moment(end) if end else None))
    return found


def leg_row(cells: Mapping[str, str]) -> dict[str, Any]:
    """A leg, as its cells say."""
    row: dict[str, Any] = dict.fromkeys(ENRICHED_LEG_SCHEMA)
    row |= {
        "tenant_id": "acme",
        "call_id": cells["leg"],
        "call_type": "SIMPLE",
        "status": "COMPLETED",
        "is_answered": "unanswered" not in cells,
        "is_start_estimated": False,
        "has_clock_skew": False,
        "start_time": moment(cells["start"]),
        "end_time": moment(cells["end"]) if "end" in cells else None,
        "leg_number": 1,
    }
    row |= {LEG_HEADS[head]: cell for head, cell in cells.items() if head in LEG_HEADS}
    row["leg_number"] = int(row["leg_number"])
    row["hold_segments"] = [
        {"start_time": start, "end_time": end, "duration_ms": None, "is_synthetic": False}
        for start, end in spans(cells.get("holds", ""))
    ]
    return row


def file_row(cells: Mapping[str, str]) -> dict[str, Any]:
    """A file, as its cells say. `length` is that of its frames; `told` what its times say."""
    rate = int(cells.get("rate", RATE_HZ))
    length = seconds(cells["length"])
    told = seconds(cells.get("told", cells["length"]))
    channels = int(cells.get("channels", 2 if cells["side"] == "both" else 1))
    frames = round(length * rate)
    start = moment(cells["start"])
    row: dict[str, Any] = dict.fromkeys(RECORDING_MANIFEST_SCHEMA)
    row |= {
        "tenant_id": "acme",
        "source": "folder",
        "recording_type": "BIB",
        "recorder_id": "fs1",
        "start_time": start,
        "end_time": start + timedelta(microseconds=round(told * 1_000_000)),
        "is_finished": True,
        "masks": [
            {"start_time": first, "end_time": last, "masked_by": None, "reason": None}
            for first, last in spans(cells.get("masks", ""))
        ],
        "file_path": f"/streams/{cells.get('path', cells['file'])}.wav",
        "file_size_bytes": 44 + 2 * channels * frames,
        "encoding": cells.get("encoding", "PCM_16"),
        "sample_rate_hz": rate,
        "channels": channels,
        "frames": frames,
        "data_offset_bytes": 44,
        "is_header_unfinished": False,
    }
    row |= {
        FILE_HEADS[head]: None if cell == "-" else cell for head, cell in cells.items() if head in FILE_HEADS
    }
    if row["file_problem"] is not None:
        row |= dict.fromkeys(("encoding", "sample_rate_hz", "channels", "frames", "data_offset_bytes"))
    return row


def decision_row(
    leg: Mapping[str, Any] | None, file: Mapping[str, Any] | None, how: Mapping[str, Any]
) -> dict[str, Any]:
    """A decision to record a leg, or a file without one."""
    row: dict[str, Any] = dict.fromkeys(RECORDING_DECISION_SCHEMA)
    of = leg or file or {}
    return row | {
        "leg_id": leg and leg["leg_id"],
        "manifest_id": file and file["manifest_id"],
        "tenant_id": of["tenant_id"],
        "call_id": leg and leg["call_id"],
        "action": "RECORD",
        **HOW_BY_DEFAULT,
        **how,
    }


@dataclass(frozen=True)
class Outcome:
    """What matching and planning gave."""

    matches: SegmentMatches
    planned: WindowPlans

    def plan(self, leg: str | None = None) -> MixPlan:
        """The plan of a leg; without a name: the only one."""
        found = [each for each in self.planned.plans if leg is None or leg in {of.leg_id for of in each.legs}]
        assert len(found) == 1, f"{len(found)} plans of {leg}"
        return found[0]

    def codes(self, leg: str | None = None) -> list[str]:
        """The codes of a plan's warnings."""
        return sorted(warning.code for warning in self.plan(leg).warnings)

    def matched(self) -> dict[str, list[str]]:
        """For each file its legs; the reason in brackets where there is none."""
        found: dict[str, list[str]] = {}
        for row in self.matches.pairs.iter_rows(named=True):
            found.setdefault(row["manifest_id"], []).append(row["leg_id"] or f"({row['unmatched_reason']})")
        return {file: sorted(legs) for file, legs in found.items()}

    def methods(self) -> dict[tuple[str, str], str]:
        """For each pair the method."""
        pairs = self.matches.pairs.filter(pl.col("leg_id").is_not_null())
        return {(row["manifest_id"], row["leg_id"]): row["method"] for row in pairs.iter_rows(named=True)}

    def places(self, table: str) -> Outcome:
        """Assert that the placements are those of the table, in whatever order."""
        expected = rows_of(table)
        heads = {head for row in expected for head in row}
        shown = [
            {head: cell for head, cell in _shown(plan, placement).items() if head in heads}
            for plan in self.planned.plans
            for placement in plan.placements
        ]
        assert sorted(shown, key=_order) == sorted(map(_as_shown, expected), key=_order)
        return self

    def marks(self, leg: str | None, *markers: str) -> Outcome:
        """Assert the markers of a plan: `HOLD_START 2:30`, by their place in the output."""
        plan = self.plan(leg)
        shown = [f"{each.kind} {_clock(each.frame / plan.sample_rate_hz)}" for each in plan.markers]
        assert shown == list(markers)
        return self

    def warns(self, leg: str | None, *codes: str) -> Outcome:
        """Assert the codes of a plan's warnings, but for the clock's."""
        assert [code for code in self.codes(leg) if code != "clock_unknown"] == sorted(codes)
        return self


def _shown(plan: MixPlan, placement: Placement) -> dict[str, str]:
    rate = next(each.sample_rate_hz for each in plan.inputs if each.manifest_id == placement.manifest_id)
    return {
        "leg": "+".join(each.leg_id for each in plan.legs),
        "file": placement.manifest_id,
        "source": str(placement.source_channel),
        "channel": str(placement.channel),
        "at": _clock(placement.output_start / plan.sample_rate_hz),
        "from": _clock(placement.source_start / rate),
        "length": _clock(placement.source_frames / rate),
        "gain": f"{placement.gain:.3g}",
        "fade_in": str(placement.fade_in),
        "fade_out": str(placement.fade_out),
    }


def _as_shown(cells: dict[str, str]) -> dict[str, str]:
    return {
        head: _clock(seconds(cell)) if head in {"at", "from", "length"} else cell
        for head, cell in cells.items()
    }


def _clock(value: float) -> str:
    minutes, rest = divmod(round(value, 6), 60)
    return f"{int(minutes)}:{rest:09.6f}".rstrip("0").rstrip(".")


def _order(row: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(row.items())


def recorded(
    legs: str,
    files: str,
    *,
    options: PlanOptions = OPTIONS,
    of_files: Sequence[str] = (),
    skipped: Sequence[str] = (),
    **how: Any,
) -> Outcome:
    """Match and plan, all decisions being to record (`how`), but for the legs `skipped`."""
    leg_rows = [leg_row(cells) for cells in rows_of(legs)]
    file_rows = [file_row(cells) for cells in rows_of(files)]
    decided = [
        decision_row(row, None, how) | ({"action": "SKIP"} if row["leg_id"] in skipped else {})
        for row in leg_rows
        if row["end_time"] is not None
    ]
    decided += [decision_row(None, row, how) for row in file_rows if row["manifest_id"] in of_files]
    forwards = outcome_of(leg_rows, file_rows, decided, options)
    backwards = outcome_of(leg_rows[::-1], file_rows[::-1], decided[::-1], options)
    assert forwards.matches.pairs.equals(backwards.matches.pairs)
    assert forwards.planned == backwards.planned
    return forwards


def outcome_of(
    legs: Sequence[Mapping[str, Any]],
    files: Sequence[Mapping[str, Any]],
    decisions: Sequence[Mapping[str, Any]],
    options: PlanOptions = OPTIONS,
) -> Outcome:
    """Match and plan rows."""
    leg_frame = pl.DataFrame(list(legs), schema=ENRICHED_LEG_SCHEMA, orient="row")
    manifests = pl.DataFrame(list(files), schema=RECORDING_MANIFEST_SCHEMA, orient="row")
    decided = pl.DataFrame(list(decisions), schema=RECORDING_DECISION_SCHEMA, orient="row")
    matches = match_segments(leg_frame, manifests, options)
    return Outcome(matches, plan_window(leg_frame, manifests, decided, matches, options))
