from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from cx_pipeline.core.enrichment.schema import ENRICHED_LEG_SCHEMA
from cx_pipeline.core.recording.mix_plan import LegOffset, MixInput, MixPlan, PlanWarning
from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline.core.recording.planning import MissingRecording
from cx_pipeline.core.recording.schema import (
    RECORDING_DECISION_SCHEMA,
    RECORDING_MANIFEST_SCHEMA,
    SEGMENT_MATCH_SCHEMA,
)
from cx_pipeline.core.recording.wanted import (
    LONGEST_WAIT,
    Patience,
    WantedRecording,
    files_without_leg,
    retry_at,
    wanted_recordings,
)

TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PATIENCE = Patience(other_side=MINUTE, lost_after=30 * MINUTE)
ENDED = TEN + MINUTE

ONE_SIDED = (PlanWarning("one_sided", "no far end"),)


def legs(*leg_ids: str) -> pl.DataFrame:
    blank = dict.fromkeys(ENRICHED_LEG_SCHEMA)
    rows = [
        blank
        | {
            "leg_id": leg_id,
            "call_id": "call",
            "tenant_id": "acme",
            "agent_extension": f"100{number}",
            "agent_name": "Ada Abt",
            "root_call_key": "1_100",
            "leg_key": f"call:100{number}",
            "end_time": ENDED,
        }
        for number, leg_id in enumerate(leg_ids, 1)
    ]
    return pl.DataFrame(rows, schema=ENRICHED_LEG_SCHEMA)


def decisions(*rows: tuple[str | None, str | None, str]) -> pl.DataFrame:
    blank = dict.fromkeys(RECORDING_DECISION_SCHEMA)
    full = [
        blank
        | {
            "leg_id": leg_id,
            "manifest_id": manifest_id,
            "action": action,
            "tenant_id": "acme",
            "call_id": "call",
            "rule_id": "rule",
            "rule_version": "1@x",
            "reason": "because",
        }
        for leg_id, manifest_id, action in rows
    ]
    return pl.DataFrame(full, schema=RECORDING_DECISION_SCHEMA)


def pairs(*rows: tuple[str, str | None, str | None]) -> pl.DataFrame:
    blank = dict.fromkeys(SEGMENT_MATCH_SCHEMA)
    full = [
        blank | {"manifest_id": file, "leg_id": leg, "unmatched_reason": reason} for file, leg, reason in rows
    ]
    return pl.DataFrame(full, schema=SEGMENT_MATCH_SCHEMA)


def plan(leg_ids: tuple[str, ...] = ("leg",), warnings: tuple[PlanWarning, ...] = ()) -> MixPlan:
    return MixPlan(
        recording_id="recording",
        kind="LEG" if len(leg_ids) == 1 else "CALL",
        tenant_id="acme",
        call_id="call",
        leg_id=leg_ids[0] if len(leg_ids) == 1 else None,
        legs=tuple(LegOffset(leg_id, 0) for leg_id in leg_ids),
        start_time=TEN,
        sample_rate_hz=8000,
        channel_names=("near end", "far end"),
        frames=8000,
        inputs=(MixInput("file-2", "/b", "PCM_16", 8000, 1, 8000, 44, 16_044),
                MixInput("file-1", "/a", "PCM_16", 8000, 1, 8000, 44, 16_044)),
        placements=(),
        parameters=MixParameters(),
        warnings=warnings,
    )  # fmt: skip


def wanted(
    now: datetime, *, plans=(), missing=(), decided=None, matched=None, of=("leg",)
) -> list[WantedRecording]:
    return wanted_recordings(
        list(plans),
        list(missing),
        decided if decided is not None else decisions(("leg", None, "RECORD")),
        matched if matched is not None else pairs(("file-1", "leg", None), ("file-2", "leg", None)),
        legs(*of),
        PATIENCE,
        now,
    )


def test_a_plan_is_queued_with_its_rule_its_files_and_the_facts_of_its_call():
    [row] = wanted(ENDED, plans=[plan()])
    assert (row.state, row.due_at, row.rule_id, row.rule_version) == ("QUEUED", None, "rule", "1@x")
    assert row.manifest_ids == ("file-1", "file-2")
    assert (row.description["agentName"], row.description["agentExtension"]) == ("Ada Abt", "1001")


def test_a_conference_tells_of_all_its_agents():
    [row] = wanted(ENDED, plans=[plan(("leg", "other"))], of=("leg", "other"))
    assert [agent["agentExtension"] for agent in row.description["agents"]] == ["1001", "1002"]
    assert row.rule_id == "rule"


@pytest.mark.parametrize(
    ("after", "state"),
    [(timedelta(0), "RULES_PASSED"), (MINUTE, "QUEUED")],
    ids=["at once", "a minute later"],
)
def test_one_voice_waits_for_the_other_but_not_for_ever(after, state):
    [row] = wanted(ENDED + after, plans=[plan(warnings=ONE_SIDED)])
    assert row.state == state
    assert row.due_at == (ENDED + MINUTE if state == "RULES_PASSED" else None)


def test_a_leg_without_files_is_waited_for_until_it_counts_as_lost():
    lost = MissingRecording("leg", "acme", "call", "NO_MANIFEST", "no recorder told of a file for it")
    [early] = wanted(ENDED + 29 * MINUTE, missing=[lost])
    [late] = wanted(ENDED + 30 * MINUTE, missing=[lost])
    assert (early.state, early.due_at) == ("RECEIVED", ENDED + 30 * MINUTE)
    assert (late.state, late.failure, late.due_at) == ("FAILED", "NO_MANIFEST", None)
    assert early.recording_id == late.recording_id
    assert late.manifest_ids == ("file-1", "file-2")


def test_what_a_rule_skips_has_a_row_only_where_there_are_files_to_delete_in_time():
    decided = decisions(("leg", None, "SKIP"), ("other", None, "SKIP"), (None, "file-9", "SKIP"))
    rows = wanted(ENDED, decided=decided, matched=pairs(("file-1", "leg", None)), of=("leg", "other"))
    assert sorted((row.state, row.leg_id or "", row.manifest_ids) for row in rows) == [
        ("SKIPPED", "", ("file-9",)),
        ("SKIPPED", "leg", ("file-1",)),
    ]


def test_only_files_of_the_switch_are_recordings_without_a_leg():
    blank = dict.fromkeys(RECORDING_MANIFEST_SCHEMA)
    manifests = pl.DataFrame(
        [
            blank | {"manifest_id": name, "recording_type": kind}
            for name, kind in (("a", "BIB"), ("b", "EFSWITCH"), ("c", "EFSWITCH"), ("d", "EFSWITCH"))
        ],
        schema=RECORDING_MANIFEST_SCHEMA,
    )
    matched = pairs(
        ("a", None, "NO_LEG"), ("b", None, "NO_LEG"), ("c", "leg", None), ("d", None, "OUTSIDE_WINDOW")
    )
    assert files_without_leg(manifests, matched) == ["b"]


def test_waits_between_tries_double_up_to_half_an_hour():
    waits = [retry_at(attempts, TEN) - TEN for attempts in (1, 2, 3, 40)]
    assert waits == [timedelta(seconds=30), MINUTE, 2 * MINUTE, LONGEST_WAIT]
