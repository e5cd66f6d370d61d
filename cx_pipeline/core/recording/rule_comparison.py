"""What other rules would change for a window: recorded, skipped, made anew, deleted."""

from dataclasses import dataclass, fields

import polars as pl

from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline.core.recording.schema import RECORD, SKIP

MADE_SCHEMA = pl.Schema({"recording_id": pl.String(), "leg_id": pl.String(), "manifest_id": pl.String()})
"""The recordings that are there: a row for each leg, or file without a leg, that one holds."""

_PARAMETERS = [each.name for each in fields(MixParameters)]
_KEY = ["leg_id", "manifest_id"]
_COUNTS = ("recorded", "skipped", "newly_recorded", "newly_skipped", "made_anew")


@dataclass(frozen=True, slots=True)
class RuleChanges:
    """Counts of legs and files without a leg, by the rule that would decide.

    `by_rule` has `tenant_id`, `rule_id`, `rule_name`, `action`, then `recorded`, `skipped` (by the new rules),
    `newly_recorded`, `newly_skipped`, `made_anew` (recorded then and now, with other parameters) and `deleted`:
    recordings that are there, of which nothing would be recorded any more.
    """

    by_rule: pl.DataFrame
    recorded_before: int
    skipped_before: int

    def total(self, name: str) -> int:
        """The sum of a column of counts."""
        return int(self.by_rule[name].sum())


def compare_decisions(before: pl.DataFrame, after: pl.DataFrame, made: pl.DataFrame) -> RuleChanges:
    """What `after` says otherwise than `before` (both `RECORDING_DECISION_SCHEMA`, of the same legs and files).

    Args:
        before: by the rules in force.
        after: by the other rules.
        made: `MADE_SCHEMA`. A recording is deleted once everything that it holds is skipped.
    """
    pairs = after.join(before, on=_KEY, how="left", nulls_equal=True, suffix="_before")
    was_recorded = (pl.col("action_before") == RECORD).fill_null(value=False)
    is_recorded = pl.col("action") == RECORD
    other = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_before")) for name in _PARAMETERS)
    flagged = pairs.with_columns(
        recorded=is_recorded,
        skipped=~is_recorded,
        newly_recorded=is_recorded & ~was_recorded,
        newly_skipped=~is_recorded & was_recorded,
        made_anew=is_recorded & was_recorded & other,
    ).join(_deleted(after, made), on=_KEY, how="left", nulls_equal=True)
    by_rule = (
        flagged.group_by("tenant_id", "rule_id", "rule_name", "action")
        .agg(pl.col(*_COUNTS, "deleted").cast(pl.Int64).sum())
        .sort(
            "tenant_id",
            "action",
            "recorded",
            "skipped",
            "rule_id",
            descending=[False, False, True, True, False],
        )
    )
    counts = before["action"]
    return RuleChanges(by_rule, int((counts == RECORD).sum()), int((counts == SKIP).sum()))


def _deleted(after: pl.DataFrame, made: pl.DataFrame) -> pl.DataFrame:
    """`leg_id`, `manifest_id`, `deleted`: how many recordings would go, counted at the first thing that each holds."""
    held = made.join(after.select(*_KEY, "action"), on=_KEY, how="left", nulls_equal=True)
    # What this window does not decide (a leg of another one) keeps the recording.
    is_gone = (pl.col("action") == SKIP).fill_null(value=False).all()
    gone = (
        held.sort("recording_id", *_KEY, nulls_last=True)
        .group_by("recording_id", maintain_order=True)
        .agg(is_gone.alias("is_gone"), pl.col(_KEY).first())
        .filter("is_gone")
    )
    return gone.group_by(_KEY).agg(pl.len().cast(pl.Int64).alias("deleted"))
