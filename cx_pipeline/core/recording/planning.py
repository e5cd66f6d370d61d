"""Mix plans of a window: for each leg that is to be recorded, each conference, and each file without a leg."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from cx_pipeline.core.calls.classification import CALL_TYPES
from cx_pipeline.core.recording.composing import Draft, Subject, composed, finished
from cx_pipeline.core.recording.leg_shares import share_of_leg
from cx_pipeline.core.recording.matching import SegmentMatches
from cx_pipeline.core.recording.mix_plan import MixPlan, PlanWarning
from cx_pipeline.core.recording.options import PlanOptions
from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline.core.recording.schema import OF_CALL, OF_FILE, OF_LEG, RECORD
from cx_pipeline.core.recording.shares import Share, problem_of
from cx_pipeline.core.recording.unattached import talks_of_files

NO_MANIFEST = "NO_MANIFEST"
"""`cause` of a leg of which no file was told. Else it is `FILE_` and the problem of its files."""
_CONFERENCE = CALL_TYPES[0]

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MissingRecording:
    """What was to be recorded, and of which there is nothing to mix."""

    leg_id: str | None
    """Null for a file without a leg."""
    tenant_id: str
    call_id: str | None
    cause: str
    detail: str
    manifest_id: str | None = None
    """Of the file without a leg."""


@dataclass(frozen=True, slots=True)
class WindowPlans:
    """What is to be mixed, and what should be and cannot."""

    plans: tuple[MixPlan, ...]
    missing: tuple[MissingRecording, ...]


def plan_window(
    legs: pl.DataFrame,
    manifests: pl.DataFrame,
    decisions: pl.DataFrame,
    matches: SegmentMatches,
    options: PlanOptions,
) -> WindowPlans:
    """The plans of a window, in the order of their starts and ids.

    Args:
        legs: `ENRICHED_LEG_SCHEMA`, those of the window.
        manifests: `RECORDING_MANIFEST_SCHEMA`, as they were matched.
        decisions: `RECORDING_DECISION_SCHEMA`.
        matches: of `matching.match_segments`.
        options: those of the matching.
    """
    del options  # what it says of time is in the matches
    wanted = decisions.filter(pl.col("action") == RECORD)
    decision_of = {row["leg_id"]: row for row in wanted.to_dicts() if row["leg_id"] is not None}
    files = _files_of_legs(manifests, matches)
    drafts: list[Draft] = []
    missing: list[MissingRecording] = []
    for call in _calls(legs, set(decision_of)):
        _plan_call(call, decision_of, files, matches, drafts, missing)
    of_files = wanted.filter(pl.col("leg_id").is_null() & pl.col("manifest_id").is_not_null())
    _plan_files(of_files, manifests, matches, drafts, missing)
    return WindowPlans(
        finished(drafts),
        tuple(sorted(missing, key=lambda each: (each.leg_id or "", each.manifest_id or ""))),
    )


def parameters_of(decision: Row) -> MixParameters:
    """The parameters of a decision; what it leaves open is as `MixParameters` has it."""
    told = {
        name: decision[name] for name in MixParameters.__dataclass_fields__ if decision.get(name) is not None
    }
    return MixParameters(**told)


def _files_of_legs(manifests: pl.DataFrame, matches: SegmentMatches) -> dict[str, list[Row]]:
    """For each leg the rows of its files, with `method` and `clock_offset_ms`."""
    pairs = matches.pairs.filter(pl.col("leg_id").is_not_null())
    joined = pairs.select("manifest_id", "leg_id", "method", "clock_offset_ms").join(
        manifests, on="manifest_id"
    )
    found: dict[str, list[Row]] = {}
    for row in joined.sort("leg_id", "start_time", "manifest_id").iter_rows(named=True):
        found.setdefault(row["leg_id"], []).append(row)
    return found


def _calls(legs: pl.DataFrame, wanted: set[str]) -> Iterable[list[Row]]:
    """The legs of each call of which one is wanted, in the order of their starts."""
    calls = legs.filter(pl.col("leg_id").is_in(list(wanted))).select("call_id").unique()
    columns = (
        "leg_id", "call_id", "tenant_id", "leg_number", "agent_extension", "call_type", "conference_id",
        "is_answered", "start_time", "end_time", "hold_segments", "consult_source", "transferred_from",
        "transferred_to",
    )  # fmt: skip
    rows = (
        legs.join(calls, on="call_id", how="semi")
        .select(columns)
        .sort("call_id", "start_time", "leg_number", "leg_id", nulls_last=True)
    )
    by_call: dict[str, list[Row]] = {}
    for row in rows.iter_rows(named=True):
        by_call.setdefault(row["call_id"], []).append(row)
    return by_call.values()


def _plan_call(
    call: Sequence[Row],
    decision_of: Mapping[str, Row],
    files: Mapping[str, list[Row]],
    matches: SegmentMatches,
    drafts: list[Draft],
    missing: list[MissingRecording],
) -> None:
    """The recordings of one call: of each leg, or one of all where several talked together."""
    wanted = [leg for leg in call if leg["leg_id"] in decision_of]
    shares = {leg["leg_id"]: share_of_leg(leg, call, files.get(leg["leg_id"], ())) for leg in wanted}
    lasting = [leg for leg in wanted if shares[leg["leg_id"]] is not None]
    is_conference = any(leg["conference_id"] is not None or leg["call_type"] == _CONFERENCE for leg in call)
    groups = [lasting] if is_conference and lasting else [[leg] for leg in lasting]
    recorded: set[str] = set()
    for group in groups:
        of_group = tuple(share for leg in group if (share := shares[leg["leg_id"]]) is not None)
        draft = composed(_subject(group, of_group, decision_of, matches, is_conference=is_conference))
        if draft is not None:
            drafts.append(draft)
            recorded.update(leg["leg_id"] for leg in group)
    for leg in wanted:
        if leg["leg_id"] not in recorded:
            missing.append(_missing(leg, files.get(leg["leg_id"], ())))


def _subject(
    legs: Sequence[Row],
    shares: tuple[Share, ...],
    decision_of: Mapping[str, Row],
    matches: SegmentMatches,
    *,
    is_conference: bool,
) -> Subject:
    first = legs[0]
    parameters = [parameters_of(decision_of[leg["leg_id"]]) for leg in legs]
    differ = any(each != parameters[0] for each in parameters)
    text = f"the legs' rules ask for different recordings: that of {first['agent_extension']}'s leg is made"
    return Subject(
        kind=OF_CALL if is_conference else OF_LEG,
        owner=first["call_id"] if is_conference else first["leg_id"],
        tenant_id=first["tenant_id"],
        call_id=first["call_id"],
        shares=shares,
        parameters=parameters[0],
        clock_offset_ms=matches.clock_offset_ms,
        unknown_clocks=matches.unknown_clocks,
        warnings=(PlanWarning("parameters_differ", text),) if differ else (),
    )


def _missing(leg: Row, files: Sequence[Row]) -> MissingRecording:
    """Why there is nothing: no file at all, none that can be used, or none that has a frame of this talk."""
    problems = sorted({problem for row in files if (problem := problem_of(row)) is not None})
    told = ", ".join(f"{row['manifest_id']} {problem_of(row) or 'outside of its talk'}" for row in files)
    usable = any(problem_of(row) is None for row in files)
    if files and not usable:
        cause, detail = f"FILE_{problems[0]}", f"none of its files can be used: {told}"
    elif leg["end_time"] is None or leg["start_time"] is None or leg["start_time"] >= leg["end_time"]:
        cause, detail = NO_MANIFEST, "the leg has no length"
    elif files:
        cause, detail = NO_MANIFEST, f"no file has a frame of the leg's talk: {told}"
    else:
        cause, detail = NO_MANIFEST, "no recorder told of a file for it"
    return MissingRecording(leg["leg_id"], leg["tenant_id"], leg["call_id"], cause, detail)


def _plan_files(
    decisions: pl.DataFrame,
    manifests: pl.DataFrame,
    matches: SegmentMatches,
    drafts: list[Draft],
    missing: list[MissingRecording],
) -> None:
    """A recording for each talk that has no leg of ours: of a file of both voices, or of two siblings."""
    if decisions.is_empty():
        return
    decision_of = {row["manifest_id"]: row for row in decisions.iter_rows(named=True)}
    rows = manifests.filter(pl.col("manifest_id").is_in(list(decision_of))).to_dicts()
    for talk in talks_of_files(rows, matches.clock_offset_ms):
        decision = decision_of[talk.rows[0]["manifest_id"]]
        draft = composed(
            Subject(
                kind=OF_FILE,
                owner="",
                tenant_id=decision["tenant_id"],
                call_id=decision["call_id"],
                shares=(talk.share,) if talk.share is not None else (),
                parameters=parameters_of(decision),
                clock_offset_ms=matches.clock_offset_ms,
                unknown_clocks=matches.unknown_clocks,
            )
        )
        if draft is not None:
            drafts.append(draft)
            continue
        for row in talk.rows:
            problem = problem_of(row) or "EMPTY"
            missing.append(
                MissingRecording(
                    None, decision["tenant_id"], decision["call_id"], f"FILE_{problem}",
                    f"file {row['file_path']} cannot be used: {problem}", row["manifest_id"],
                )
            )  # fmt: skip
