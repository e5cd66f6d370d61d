"""What became of each leg's recording, in one word and a sentence: to be played, waited for, left out, failed, missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from cx_pipeline.adapters.database.call_search import LEG_COLUMNS, FoundLeg
from cx_pipeline.core.calls.schema import COMPLETED as LEG_ENDED
from cx_pipeline.core.directory import Directory
from cx_pipeline.core.enrichment.schema import ENRICHED_LEG_SCHEMA
from cx_pipeline.core.linking.schema import LINKED, SHOWN
from cx_pipeline.core.linking.signing import recording_path
from cx_pipeline.core.recording.evaluation import decide_window
from cx_pipeline.core.recording.rules import UNANSWERED, UNREPORTABLE, RuleSet
from cx_pipeline.core.recording.schema import (
    COMPLETED,
    FAILED,
    RECORDING_MANIFEST_SCHEMA,
    SKIP,
    SKIPPED,
)
from cx_pipeline.gateway.pages.wording import failure_words

PLAYABLE, WAITING, EXCLUDED, FAILED_STATE, MISSING, RUNNING, NOT_DUE = (
    "playable", "waiting", "excluded", "failed", "missing", "in_progress", "not_due",
)  # fmt: skip
"""Values of `LegRecording.state`. EXCLUDED: a rule of the tenant says so. NOT_DUE: nobody talked, or the leg is not to be
told of. MISSING: it should be there, and nothing says why it is not."""
_NO_MANIFEST = "NO_MANIFEST"


@dataclass(frozen=True, slots=True)
class LegRecording:
    """What is shown of a leg's recording."""

    state: str
    text: str
    """For people."""
    path: str | None = None
    """Where it is played, if it can be; decoded."""
    recording_id: str | None = None
    rule_id: str | None = None
    reason: str | None = None
    """A word of the closed list of failures."""


def leg_recordings(
    found: Sequence[FoundLeg], rules: RuleSet, directory: Directory, lost_after: timedelta, now: datetime
) -> list[LegRecording]:
    """One for each leg, in their order.

    Args:
        found: the legs with what the tables have of them.
        rules: in force; they tell of legs of which there is no row whether they were to be recorded.
        directory: for the teams that rules name.
        lost_after: how long a recording is waited for after a leg's end.
        now: the time.
    """
    unknown = [each.leg for each in found if each.recording is None and each.link is None]
    decided = _decisions(unknown, rules, directory)
    told = []
    for each in found:
        if each.recording is not None:
            told.append(_of_row(each.recording))
        elif each.link is not None and each.link["state"] in (LINKED, SHOWN):
            told.append(LegRecording(PLAYABLE, "Recorded", recording_path(each.link["leg_key"])))
        else:
            told.append(_of_decision(each.leg, decided.get(each.leg["leg_id"]), lost_after, now))
    return told


def _of_row(row: Mapping[str, Any]) -> LegRecording:
    recording_id, failure, rule = row["recording_id"], row["failure"], row["rule_id"]
    if row["state"] == COMPLETED and row["path"] is None:
        return LegRecording(EXCLUDED, "Deleted: its time of keeping is over", None, recording_id, rule)
    if row["state"] == COMPLETED:
        return LegRecording(PLAYABLE, "Recorded", f"/recordings/{recording_id}", recording_id, rule)
    if row["state"] == SKIPPED:
        by = f"Left out by rule {rule}" if rule else "Left out"
        return LegRecording(EXCLUDED, by, None, recording_id, rule, failure)
    if row["state"] == FAILED:
        state = MISSING if failure == _NO_MANIFEST else FAILED_STATE
        word = "Missing" if state == MISSING else "Failed"
        return LegRecording(state, f"{word}: {failure_words(failure)}", None, None, rule, failure)
    text = f"Tried again soon: {failure_words(failure)}" if failure else "Being made"
    if failure == _NO_MANIFEST:
        text = "Waiting for the recorder's file"
    return LegRecording(WAITING, text, None, None, rule, failure)


def _of_decision(
    leg: Mapping[str, Any], decision: Mapping[str, Any] | None, lost_after: timedelta, now: datetime
) -> LegRecording:
    if leg["end_time"] is None:
        return LegRecording(RUNNING, "The call is still going on")
    if decision is not None and decision["action"] == SKIP:
        rule = decision["rule_id"]
        if rule == UNANSWERED:
            return LegRecording(NOT_DUE, "Not answered: nothing to record", rule_id=rule)
        if rule == UNREPORTABLE:
            return LegRecording(NOT_DUE, "Not to be recorded: too short, or made by the switch", rule_id=rule)
        name = decision["rule_name"]
        told = rule if name in (None, "", rule) else f"{rule} ({name})"
        return LegRecording(EXCLUDED, f"Left out by rule {told}", rule_id=rule)
    if now < leg["end_time"] + lost_after:
        return LegRecording(WAITING, "Not made yet")
    rule = decision["rule_id"] if decision is not None else None
    return LegRecording(MISSING, "Missing: nothing says why", rule_id=rule, reason="UNKNOWN")


def _decisions(
    legs: Sequence[Mapping[str, Any]], rules: RuleSet, directory: Directory
) -> dict[str, dict[str, Any]]:
    """What the rules say of ended legs, by leg."""
    ended = [leg for leg in legs if leg["status"] == LEG_ENDED]
    if not ended:
        return {}
    schema = {name: ENRICHED_LEG_SCHEMA[name] for name in LEG_COLUMNS}
    frame = pl.DataFrame([{name: leg[name] for name in LEG_COLUMNS} for leg in ended], schema=schema)
    decided = decide_window(frame, RECORDING_MANIFEST_SCHEMA.to_frame(), rules, directory)
    return {row["leg_id"]: row for row in decided.iter_rows(named=True)}
