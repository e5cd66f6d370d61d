"""What a window's recordings are to be: those to make, those that are skipped, and those of which there is nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import polars as pl

from cx_pipeline.core.identity import SEPARATOR, uuid_of
from cx_pipeline.core.recording.matching import NO_LEG
from cx_pipeline.core.recording.mix_plan import MixPlan
from cx_pipeline.core.recording.planning import MissingRecording
from cx_pipeline.core.recording.schema import (
    EFSWITCH,
    FAILED,
    OF_FILE,
    OF_LEG,
    QUEUED,
    RECEIVED,
    RULES_PASSED,
    SKIP,
    SKIPPED,
)

ONE_SIDED = "one_sided"
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class WantedRecording:
    """One row of the table of recordings, as a window wants it."""

    recording_id: str
    tenant_id: str
    kind: str
    state: str
    manifest_ids: tuple[str, ...]
    call_id: str | None = None
    leg_id: str | None = None
    failure: str | None = None
    failure_detail: str | None = None
    rule_id: str | None = None
    rule_version: str | None = None
    due_at: datetime | None = None
    """When to look again, for what is waited for."""
    inputs_hash: int | None = None
    """Of its call; null for what has none."""
    plan: MixPlan | None = None
    description: Mapping[str, Any] = field(default_factory=dict)
    """The facts of the call for the file's metadata (guide 19.5.6)."""


@dataclass(frozen=True, slots=True)
class Patience:
    """For how long what is not there yet is waited for, from a leg's end on."""

    other_side: timedelta
    """For the second file of a pair, before the first is mixed alone."""
    lost_after: timedelta
    """For any file at all."""


def files_without_leg(manifests: pl.DataFrame, pairs: pl.DataFrame) -> list[str]:
    """Ids of the files that are recordings by themselves: those of the CX switch, of calls of which there is no leg.

    A recorder's file of one phone without a leg is none of them: it waits for its leg, which may still be found.

    Args:
        manifests: `RECORDING_MANIFEST_SCHEMA`.
        pairs: `SEGMENT_MATCH_SCHEMA`.
    """
    alone = pairs.filter(pl.col("unmatched_reason") == NO_LEG)
    return sorted(
        manifests.filter(pl.col("recording_type") == EFSWITCH).join(alone, on="manifest_id", how="semi")[
            "manifest_id"
        ]
    )


def wanted_recordings(
    plans: Sequence[MixPlan],
    missing: Sequence[MissingRecording],
    decisions: pl.DataFrame,
    pairs: pl.DataFrame,
    legs: pl.DataFrame,
    patience: Patience,
    now: datetime,
    inputs_hashes: Mapping[str, int] = MappingProxyType({}),
) -> list[WantedRecording]:
    """The rows that a window's plans and decisions call for, in a lasting order.

    Args:
        plans: what can be made.
        missing: legs that are to be recorded and of which there is nothing to mix.
        decisions: `RECORDING_DECISION_SCHEMA`.
        pairs: `SEGMENT_MATCH_SCHEMA`, for the files of what is skipped.
        legs: `ENRICHED_LEG_SCHEMA`.
        patience: what is waited for, and for how long.
        now: the run's moment.
        inputs_hashes: by call, of `call_digests`.
    """
    rules = {
        row["leg_id"] or row["manifest_id"]: row
        for row in decisions.select("leg_id", "manifest_id", "rule_id", "rule_version").iter_rows(named=True)
    }
    of_leg = {row["leg_id"]: row for row in legs.iter_rows(named=True)}
    files: dict[str, list[str]] = {}
    for leg_id, manifest_id in pairs.select("leg_id", "manifest_id").drop_nulls().sort(pl.all()).iter_rows():
        files.setdefault(leg_id, []).append(manifest_id)
    rows = [_of_plan(plan, rules, of_leg, patience, now) for plan in plans]
    rows += [_of_missing(each, rules, of_leg, files, patience, now) for each in missing]
    rows += _skipped(decisions, pairs)
    hashed = [replace(row, inputs_hash=inputs_hashes.get(row.call_id or "")) for row in rows]
    return sorted(hashed, key=lambda row: row.recording_id)


def retry_at(attempts: int, now: datetime) -> datetime:
    """When to try again what failed in passing for the `attempts`-th time."""
    doublings: int = 2 ** min(attempts - 1, 16)
    return now + min(FIRST_WAIT * doublings, LONGEST_WAIT)


def _of_plan(
    plan: MixPlan,
    rules: Mapping[str, Mapping[str, Any]],
    of_leg: Mapping[str, Mapping[str, Any]],
    patience: Patience,
    now: datetime,
) -> WantedRecording:
    leg_id = plan.leg_id or (plan.legs[0].leg_id if plan.legs else None)
    rule = rules.get(leg_id or plan.inputs[0].manifest_id, {})
    ended = [of_leg[leg.leg_id]["end_time"] for leg in plan.legs if leg.leg_id in of_leg]
    waits_until = max(ended, default=now) + patience.other_side
    is_half = any(warning.code == ONE_SIDED for warning in plan.warnings) and now < waits_until
    return WantedRecording(
        recording_id=plan.recording_id,
        tenant_id=plan.tenant_id,
        kind=plan.kind,
        state=RULES_PASSED if is_half else QUEUED,
        manifest_ids=tuple(sorted({each.manifest_id for each in plan.inputs})),
        call_id=plan.call_id,
        leg_id=plan.leg_id,
        rule_id=rule.get("rule_id"),
        rule_version=rule.get("rule_version"),
        due_at=waits_until if is_half else None,
        plan=plan,
        description=_description([of_leg[leg.leg_id] for leg in plan.legs if leg.leg_id in of_leg]),
    )


def _of_missing(
    each: MissingRecording,
    rules: Mapping[str, Mapping[str, Any]],
    of_leg: Mapping[str, Mapping[str, Any]],
    files: Mapping[str, list[str]],
    patience: Patience,
    now: datetime,
) -> WantedRecording:
    owner = each.leg_id or each.manifest_id or ""
    rule, leg = rules.get(owner, {}), of_leg.get(owner)
    waits_until = now if leg is None else leg["end_time"] + patience.lost_after
    is_waited_for = now < waits_until
    return WantedRecording(
        recording_id=_id("missing", owner),
        tenant_id=each.tenant_id,
        kind=OF_FILE if each.leg_id is None else OF_LEG,
        state=RECEIVED if is_waited_for else FAILED,
        manifest_ids=tuple(files.get(owner, [each.manifest_id] if each.manifest_id else [])),
        call_id=each.call_id,
        leg_id=each.leg_id,
        failure=each.cause,
        failure_detail=each.detail,
        rule_id=rule.get("rule_id"),
        rule_version=rule.get("rule_version"),
        due_at=waits_until if is_waited_for else None,
    )


def _skipped(decisions: pl.DataFrame, pairs: pl.DataFrame) -> list[WantedRecording]:
    """What is not to be kept although it was recorded: a row for each such leg, so that its files go in time."""
    files = (
        pairs.filter(pl.col("leg_id").is_not_null())
        .group_by("leg_id")
        .agg(pl.col("manifest_id").unique().sort().alias("files"))
    )
    skipped = decisions.filter(pl.col("action") == SKIP)
    of_legs = skipped.join(files, on="leg_id", how="inner")
    of_files = skipped.filter(pl.col("leg_id").is_null() & pl.col("manifest_id").is_not_null()).with_columns(
        files=pl.concat_list("manifest_id")
    )
    rows = pl.concat([of_legs, of_files.select(of_legs.columns)]).iter_rows(named=True)
    return [
        WantedRecording(
            recording_id=_id("skipped", row["leg_id"] or "", *row["files"]),
            tenant_id=row["tenant_id"],
            kind=OF_LEG if row["leg_id"] else OF_FILE,
            state=SKIPPED,
            manifest_ids=tuple(row["files"]),
            call_id=row["call_id"],
            leg_id=row["leg_id"],
            failure_detail=row["reason"],
            rule_id=row["rule_id"],
            rule_version=row["rule_version"],
        )
        for row in rows
    ]


def _id(*parts: str) -> str:
    name = SEPARATOR.join(("recording", *parts))
    return str(uuid_of(pl.Series([name], dtype=pl.String))[0])


def _description(legs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Guide 19.5.6's facts of the call; of a conference those of its first leg, and its agents as a list."""
    if not legs:
        return {}
    first = legs[0]
    agents = [
        {"agentExtension": leg["agent_extension"], "agentId": leg["agent_id"], "agentName": leg["agent_name"]}
        for leg in legs
    ]
    return {
        "callId": first["cx_call_id"],
        "globalCallId": first["root_call_key"],
        "jtapiCallId": first["jtapi_id"],
        "legKeys": [leg["leg_key"] for leg in legs],
        **agents[0],
        "agents": agents,
        "customerNumber": first["customer_identifier"],
        "calledNumber": first["service_identifier"],
        "direction": first["direction"],
        "callType": first["call_type"],
        "wrapUp": first["wrap_up"],
    }
