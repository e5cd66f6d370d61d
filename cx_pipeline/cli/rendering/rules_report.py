"""Recording rules on the terminal: which there are, and what they would change for a window."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cx_pipeline.cli.rendering.console import count_of
from cx_pipeline.core.recording.rule_comparison import RuleChanges
from cx_pipeline.core.recording.rules import RuleSet
from cx_pipeline.core.windows import Window

_COLUMNS = {
    "recorded": "Records",
    "skipped": "Skips",
    "newly_recorded": "Newly recorded",
    "newly_skipped": "Newly skipped",
    "made_anew": "Made anew",
    "deleted": "Deleted",
}
"""Columns of `RuleChanges.by_rule`, and their titles."""


def print_rules(console: Console, file: str, rules: RuleSet) -> None:
    """How many rules there are, and each tenant's default."""
    disabled = sum(not each["is_enabled"] for each in rules.document)
    aside = f", {disabled:,} disabled" if disabled else ""
    text = f"{file}: {count_of(len(rules.document), 'rule')}{aside}, version {rules.version}"
    console.print(Text(text), soft_wrap=True)
    for tenant_id, tenant in rules.tenants.items():
        asked = f"{count_of(len(tenant.rules), 'rule')}, then {tenant.default.action}"
        console.print(Text(f"Tenant {tenant_id}: {asked}; clock of {tenant.time_zone}"), soft_wrap=True)


def print_changes(
    console: Console, window: Window, version_before: str, version: str, changes: RuleChanges
) -> None:
    """The changes by rule as a table, and in all."""
    same = " (the same)" if version_before == version else ""
    console.print(
        f"\nWindow {window.key}, against the rules in force, version {version_before}{same}", soft_wrap=True
    )
    if changes.by_rule.height:
        console.print(_table(changes))
    recorded, skipped = changes.total("recorded"), changes.total("skipped")
    anew = f", {changes.total('made_anew'):,} with other parameters" if changes.total("made_anew") else ""
    lines = {
        "Recorded": f"{recorded:,}, now {changes.recorded_before:,}: "
        f"{changes.total('newly_recorded'):,} that are skipped now{anew}",
        "Skipped": f"{skipped:,}, now {changes.skipped_before:,}: "
        f"{changes.total('newly_skipped'):,} that are recorded now",
        "Deleted": f"{count_of(changes.total('deleted'), 'recording')} of those that are there",
    }
    for name, text in lines.items():
        console.print(Text(f"{name:12} {text}"), soft_wrap=True)


def _table(changes: RuleChanges) -> Table:
    table = Table.grid(padding=(0, 1))
    tenants = changes.by_rule["tenant_id"].n_unique() > 1
    table.add_column(overflow="fold")
    for title in (*(("Tenant",) if tenants else ()), *_COLUMNS.values()):
        table.add_column(justify="left" if title == "Tenant" else "right", overflow="fold")
    table.add_row("Rule", *(("Tenant",) if tenants else ()), *_COLUMNS.values(), style="bold")
    for row in changes.by_rule.iter_rows(named=True):
        named = (
            row["rule_id"] if row["rule_name"] == row["rule_id"] else f"{row['rule_id']} ({row['rule_name']})"
        )
        whose = (Text(row["tenant_id"]),) if tenants else ()
        table.add_row(Text(named), *whose, *(f"{row[name]:,}" for name in _COLUMNS))
    return table
