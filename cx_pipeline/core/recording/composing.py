"""From shares with their files to a mix plan: the same for a leg, a conference, a file without a leg, and by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cx_pipeline.core.recording.layouts import laid_out
from cx_pipeline.core.recording.markers import markers_of, stretches_of
from cx_pipeline.core.recording.mix_plan import LegOffset, MixPlan, PlanWarning
from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline.core.recording.placing import placements_of
from cx_pipeline.core.recording.recording_identity import ids_of, recording_name_of
from cx_pipeline.core.recording.schema import OF_LEG
from cx_pipeline.core.recording.shares import Share, SourceFile
from cx_pipeline.core.recording.sides import Sides, sides_of
from cx_pipeline.core.recording.time_line import TimeLine, all_masks, line_of, output_rate
from cx_pipeline.core.windows import moment_of_mark


@dataclass(frozen=True, slots=True)
class Subject:
    """What a recording is of, and how it is to be made."""

    kind: str
    owner: str
    """Id of the leg or the call; empty where there is neither: then its files tell what it is."""
    tenant_id: str
    call_id: str | None
    shares: tuple[Share, ...]
    """In the order of their starts, then of their numbers."""
    parameters: MixParameters
    clock_offset_ms: Mapping[str, int] = field(default_factory=dict)
    unknown_clocks: frozenset[str] = frozenset()
    warnings: tuple[PlanWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan that has all but its id, and the name of which that is made."""

    name: str
    plan: MixPlan


def finished(drafts: Sequence[Draft]) -> tuple[MixPlan, ...]:
    """The plans with their ids, in the order of their starts and ids; each once."""
    ids = ids_of([draft.name for draft in drafts])
    plans = {
        recording_id: replace(draft.plan, recording_id=recording_id)
        for draft, recording_id in zip(drafts, ids, strict=True)
    }
    return tuple(sorted(plans.values(), key=lambda plan: (plan.start_time, plan.recording_id)))


def composed(subject: Subject) -> Draft | None:
    """The plan but for its id; none where no file has a frame in any share."""
    files = [file for share in subject.shares for file in share.files]
    if not files:
        return None
    rate_hz = output_rate(
        subject.parameters.sample_rate_hz,
        (file.input.sample_rate_hz for file in files),
        subject.parameters.format,
    )
    line = line_of(subject.shares, rate_hz, subject.parameters.hold)
    masks = all_masks(subject.shares)
    sides = [sides_of(share, line, subject.parameters.hold, masks) for share in subject.shares]
    used = _each_once(sides)
    return _plan(subject, line, sides, used) if used and line.frames > 0 else None


def _each_once(sides: Sequence[Sides]) -> tuple[SourceFile, ...]:
    """The files that the plan is made of; one may be of several shares."""
    by_id = {file.manifest_id: file for of in sides for file in of.files}
    return tuple(sorted(by_id.values(), key=lambda file: file.order))


def _plan(subject: Subject, line: TimeLine, sides: Sequence[Sides], used: Sequence[SourceFile]) -> Draft:
    shares, parameters = subject.shares, subject.parameters
    layout = laid_out(shares, sides, parameters.layout, line, parameters.format)
    masks = all_masks(shares)
    recorders = sorted({file.recorder_id for file in used})
    warnings = [
        *subject.warnings,
        *(warning for of in sides for warning in of.warnings),
        *layout.warnings,
        *_of_clocks(recorders, subject.unknown_clocks),
    ]
    name = recording_name_of(subject.kind, subject.owner, parameters, shares, used, subject.unknown_clocks)
    plan = MixPlan(
        recording_id="",
        kind=subject.kind,
        tenant_id=subject.tenant_id,
        call_id=subject.call_id,
        leg_id=shares[0].leg_id if subject.kind == OF_LEG else None,
        legs=tuple(
            LegOffset(share.leg_id, line.output_ms(share.start_us))
            for share in shares
            if share.leg_id is not None
        ),
        start_time=moment_of_mark(line.origin_us),
        sample_rate_hz=line.rate_hz,
        channel_names=layout.channel_names,
        frames=line.frames,
        inputs=tuple(file.input for file in used),
        placements=placements_of(layout.tracks, line, parameters.hold_fade_ms * line.rate_hz // 1000),
        parameters=parameters,
        markers=markers_of(shares, line, masks),
        stretches=stretches_of(shares, line),
        warnings=tuple(dict.fromkeys(warnings)),
        clock_offset_ms={
            recorder: subject.clock_offset_ms[recorder]
            for recorder in recorders
            if recorder in subject.clock_offset_ms
        },
    )
    return Draft(name, plan)


def _of_clocks(recorders: Sequence[str], unknown: frozenset[str]) -> tuple[PlanWarning, ...]:
    return tuple(
        PlanWarning(
            "clock_unknown",
            f"too few files tell how far the clock of recorder {recorder or 'without name'} is off: "
            "its times are taken as they are",
        )
        for recorder in recorders
        if recorder in unknown
    )
