"""Checks of the assets. What is checked is decided in the core; here it is named and told to Dagster."""

from collections.abc import Mapping, Sequence

import dagster as dg

from cx_pipeline.core.window_checks import Verdict, worst

RAW_CHECKS = {"schema": "The columns and types are as declared, and required values are there."}

LEG_BLOCKING_CHECKS = {
    "schema": "The columns and types of legs, calls and quarantined events are as declared.",
    "no_overlapping_legs": "Legs of one extension in one call do not overlap, and none ends before it starts.",
    "events_accounted_for": "Input = used + duplicates + quarantined.",
}
LEG_WARNING_CHECKS = {
    "quarantine_rate": "At most one event in a hundred is quarantined.",
    "clock_skew": "No source's clock runs ahead of ours by more than a second (an error above five).",
}
ENRICHED_BLOCKING_CHECKS = {
    "schema": "The columns and types of the enriched legs are as declared.",
    "every_leg_once": "Every leg of the window is there once, and none else but those of an outage.",
    "one_record_one_leg": "No record serves two legs.",
}
ENRICHED_WARNING_CHECKS = {
    "pending_rate": "Few reportable legs that ended still wait for their record.",
    "partial_rate": "Few reportable legs never got their record.",
    "ambiguous_rate": "Few reportable legs have several records that may be their own.",
    "cisco_clock": "Cisco's clock agrees with ours within a second (an error above five).",
}
OUTBOX_CHECKS = {
    "outbox_age": "No message waits for longer than five minutes, and the conversation manager takes them.",
    "no_dead_messages": "No message was refused for good.",
}
MANIFEST_CHECKS = {
    "usable_files": "Nearly all files that the recorders tell of are there and can be read; no manifest was refused.",
}
DECISION_CHECKS = {
    "rules": "The newest set of recording rules is in force; else the last good one is, and why stands here.",
}
RECORDING_CHECKS = {
    "nothing_failed": "Every recording that is due was made.",
    "both_voices": "Nearly all recordings hold both voices.",
}
LINK_CHECKS = {
    "link_rate": "Nearly all legs with a recording, of which the conversation manager knows, are linked to it.",
    "ambiguous_links": "No voice activity fits several recordings alike.",
}
LISTENER_CHECKS = {
    "listener_heartbeat": "Every listener that was up within a day gave a sign of life lately, and hears its source.",
}


def check_specs(asset: str, checks: Mapping[str, str], *, blocking: bool) -> list[dg.AssetCheckSpec]:
    """The specifications of an asset's checks, given as name and description."""
    return [
        dg.AssetCheckSpec(name, asset=asset, description=description, blocking=blocking)
        for name, description in checks.items()
    ]


def check_results(
    asset: str, verdicts: Sequence[tuple[str, Mapping[str, Verdict]]]
) -> list[dg.AssetCheckResult]:
    """One result for each check over the windows of a run, given as key and verdicts by name."""
    names = list(verdicts[0][1]) if verdicts else []
    return [_result(asset, name, worst([(key, found[name]) for key, found in verdicts])) for name in names]


def results_of_all(asset: str, verdicts: Mapping[str, Verdict]) -> list[dg.AssetCheckResult]:
    """The results of checks that are of no window, but of all there is."""
    return [_result(asset, name, verdict) for name, verdict in verdicts.items()]


def _result(asset: str, name: str, verdict: Verdict) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=name,
        passed=verdict.passed,
        severity=dg.AssetCheckSeverity.ERROR if verdict.is_grave else dg.AssetCheckSeverity.WARN,
        description=verdict.description,
        metadata=dict(verdict.figures),
    )
