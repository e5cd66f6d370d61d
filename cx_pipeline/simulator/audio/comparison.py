"""Finished recordings, held against the truth: is the right voice at the right time on the right channel?

At the start of each stretch and in its middle, three quarters of a second of known content are looked for. What is
found tells by how much the recording is off, whether sides are swapped, and whether this is another's voice.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from cx_pipeline.core.events.schema import UTC_MICROSECONDS
from cx_pipeline.simulator.audio.expected import TruthRow, expected_in
from cx_pipeline.simulator.audio.finished import CUT, FinishedRecording, OpenAudio
from cx_pipeline.simulator.audio.probing import (
    MISSING,
    OFFSET,
    SWAPPED,
    UNREADABLE,
    UNSILENCED,
    WRONG,
    Finding,
    Probing,
)
from cx_pipeline.simulator.audio.truth import AUDIO_TRUTH_SCHEMA, LEG_KEY

LARGEST_OFFSET_ERROR_MS = 20.0
FOUND_LEG = ("leg_id", "tenant_id", "root_call_key", "agent_extension", "start_time")
"""Columns of found legs that name the true ones."""

FINDING_SCHEMA = pl.Schema(
    {
        "kind": pl.String(),
        "recording_id": pl.String(),
        "tenant_id": pl.String(),
        "root_call_key": pl.String(),
        "agent_extension": pl.String(),
        "leg_start_time": UTC_MICROSECONDS,
        "scenario": pl.String(),
        "side": pl.String(),
        "talk_number": pl.Int32(),
        "start_time": UTC_MICROSECONDS,
        "recording_type": pl.String(),
        "recorder_id": pl.String(),
        "offset_ms": pl.Float64(),
        "fit": pl.Float64(),
        "detail": pl.String(),
    }
)
"""One row for each thing that is not as it should be. `offset_ms`: how much too late the content is heard."""


@dataclass(frozen=True, slots=True)
class AudioComparison:
    """What the comparison found."""

    recordings: int
    """That were looked at."""
    stretches: int
    """Whose start was looked for."""
    max_offset_error_ms: float
    """Largest distance of a stretch's start from where it should be heard after the recorder's estimated offset."""
    max_middle_error_ms: float
    """The same in the middle of stretches, the recorder's drift taken into account."""
    max_clock_error_ms: float
    """Largest distance of a recorder's estimated offset from its true one."""
    swapped_channels: int
    wrong_content: int
    missing: int
    """Stretches that should be heard, and where the recording is silent."""
    unsilenced_masks: int
    unreadable: int
    missing_legs: pl.DataFrame
    """Legs of which there is audio and no recording: `LEG_KEY`, scenario and recording types."""
    findings: pl.DataFrame
    """`FINDING_SCHEMA`."""
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Stretches and recordings that were not compared, by reason."""

    @property
    def is_right(self) -> bool:
        """Whether all that could be recorded was, and rightly."""
        faults = self.swapped_channels + self.wrong_content + self.missing + self.unsilenced_masks
        return (
            faults + self.unreadable == 0
            and self.missing_legs.is_empty()
            and self.max_offset_error_ms <= LARGEST_OFFSET_ERROR_MS
        )


def compare_recordings(
    recordings: Iterable[FinishedRecording],
    legs: pl.DataFrame,
    truth: pl.DataFrame,
    open_audio: OpenAudio,
    *,
    with_disturbed: bool = False,
) -> AudioComparison:
    """Hold recordings against the truth.

    Args:
        recordings: those that were made; cut holds move what follows, so recordings with them are not compared.
        legs: the legs that were found and should have a recording if there is audio: columns `FOUND_LEG`. Others'
            recordings are not asked for.
        truth: columns of `AUDIO_TRUTH_SCHEMA`.
        open_audio: opens a recording's path.
        with_disturbed: whether legs of calls are compared whose events were lost or stamped by a wrong clock.

    Raises:
        KeyError: the truth lacks columns.
    """
    by_leg = _truth_by_leg(truth)
    key_of = {row[0]: row[1:] for row in legs.select(FOUND_LEG).iter_rows()}
    probing = Probing(by_leg)
    skipped: Counter[str] = Counter()
    seen: set[tuple[Any, ...]] = set()
    count = 0
    for recording in recordings:
        keys = [key_of[leg_id] for leg_id in recording.leg_ids if leg_id in key_of]
        rows = [row for key in keys for row in by_leg.get(key, [])]
        seen.update(keys)
        reason = _reason_to_skip(recording, rows, with_disturbed=with_disturbed)
        if reason is not None:
            skipped[reason] += 1
            continue
        count += 1
        with_sides = [row for row in rows if row["is_available"]]
        skipped["consult in hold"] += sum(row["is_in_hold"] for row in with_sides)
        probing.look_at(recording, expected_in(recording, rows), open_audio)
    missing = _missing_legs(by_leg, set(key_of.values()) - seen, with_disturbed=with_disturbed)
    return _result(count, probing, missing, skipped + probing.skipped)


def _truth_by_leg(truth: pl.DataFrame) -> dict[tuple[Any, ...], list[TruthRow]]:
    rows: dict[tuple[Any, ...], list[TruthRow]] = defaultdict(list)
    for row in truth.select(AUDIO_TRUTH_SCHEMA.names()).iter_rows(named=True):
        rows[tuple(row[name] for name in LEG_KEY)].append(row)
    return dict(rows)


def _reason_to_skip(
    recording: FinishedRecording, rows: list[TruthRow], *, with_disturbed: bool
) -> str | None:
    if recording.hold == CUT:
        return "holds are cut"
    if not rows:
        return "of no true leg"
    if not with_disturbed and any(row["is_disturbed"] for row in rows):
        return "disturbed call"
    return None


def _missing_legs(
    by_leg: Mapping[tuple[Any, ...], list[TruthRow]], keys: set[tuple[Any, ...]], *, with_disturbed: bool
) -> pl.DataFrame:
    rows = []
    for key in sorted(keys & by_leg.keys()):
        heard = [row for row in by_leg[key] if row["is_available"] and not row["is_in_hold"]]
        inside = [
            row
            for row in heard
            if row["leg_end_time"] is not None and row["start_time"] < row["leg_end_time"]
        ]
        if inside and (with_disturbed or not inside[0]["is_disturbed"]):
            kinds = "+".join(sorted({row["recording_type"] for row in inside}))
            rows.append((*key, inside[0]["scenario"], kinds))
    schema = {name: AUDIO_TRUTH_SCHEMA[name] for name in (*LEG_KEY, "scenario", "recording_type")}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _result(
    count: int, probing: Probing, missing_legs: pl.DataFrame, skipped: Counter[str]
) -> AudioComparison:
    kinds = Counter(finding.kind for finding in probing.findings)
    return AudioComparison(
        recordings=count,
        stretches=len(probing.start_errors_ms),
        max_offset_error_ms=max(map(abs, probing.start_errors_ms), default=0.0),
        max_middle_error_ms=max(map(abs, probing.middle_errors_ms), default=0.0),
        max_clock_error_ms=max(map(abs, probing.clock_errors_ms), default=0.0),
        swapped_channels=kinds[SWAPPED],
        wrong_content=kinds[WRONG],
        missing=kinds[MISSING],
        unsilenced_masks=kinds[UNSILENCED],
        unreadable=kinds[UNREADABLE],
        missing_legs=missing_legs,
        findings=pl.DataFrame(
            [_finding_row(finding) for finding in probing.findings], schema=FINDING_SCHEMA, orient="row"
        ),
        skipped={reason: number for reason, number in skipped.items() if number},
    )


def _finding_row(finding: Finding) -> dict[str, Any]:
    """A row of `FINDING_SCHEMA`; offsets within the limit are no finding and never come here."""
    row = finding.row
    told = {name: row[name] for name in FINDING_SCHEMA if name in row} if row is not None else {}
    return {
        **dict.fromkeys(FINDING_SCHEMA),
        **told,
        "kind": finding.kind,
        "recording_id": finding.recording_id,
        "offset_ms": finding.offset_ms,
        "fit": finding.fit,
        "detail": finding.detail,
    }


__all__ = ["OFFSET", "AudioComparison", "FinishedRecording", "compare_recordings"]
