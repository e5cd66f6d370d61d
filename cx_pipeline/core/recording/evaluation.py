"""What is recorded, and how: one code for a window's legs, for files without a leg, and for one call that runs."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any

import polars as pl

from cx_pipeline.core.calls.schema import COMPLETED
from cx_pipeline.core.directory import Directory
from cx_pipeline.core.recording.call_facts import CallFacts, facts_of_call, facts_of_files, facts_of_legs
from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline.core.recording.rule_expressions import matches
from cx_pipeline.core.recording.rules import (
    UNANSWERED,
    UNDECIDED,
    UNREPORTABLE,
    Rule,
    RuleSet,
    TenantRules,
)
from cx_pipeline.core.recording.schema import RECORD, RECORDING_DECISION_SCHEMA, SKIP

RULES_AT_ONCE = 64
"""So many rules' answers are held at a time: a thousand rules over an hour of a large site would be a gigabyte."""

_PARAMETERS = tuple(each.name for each in fields(MixParameters))
_MATCHED, _OPEN, _ROW = "__matched", "__open", "__row"
_NUMBER = pl.UInt32()
_ANSWER_SCHEMA = pl.Schema(
    {
        "action": pl.String(),
        "is_final": pl.Boolean(),
        **{
            name: RECORDING_DECISION_SCHEMA[name]
            for name in ("is_built_in", "rule_id", "rule_name", "rule_version", "reason", *_PARAMETERS)
        },
    }
)
_OF_THE_LEG = ("tenant_id", "call_id", "root_call_key", "agent_extension", "start_time")
_BUILT_IN = {
    UNANSWERED: ("Unanswered", "nobody answered: there is no talk"),
    UNREPORTABLE: ("Not reportable", "the leg is not reportable: too short, or made up by the switch"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What to do with one call. While it is not final the action is RECORD, and may be to discard later."""

    action: str
    is_final: bool
    rule_id: str
    rule_name: str
    rule_version: str
    reason: str
    parameters: MixParameters


def decide_window(
    legs: pl.DataFrame,
    manifests: pl.DataFrame,
    rules: RuleSet,
    directory: Directory,
    *,
    unmatched: Sequence[str] = (),
) -> pl.DataFrame:
    """`RECORDING_DECISION_SCHEMA`: a row for each leg that ended, and for each file without one.

    A leg whose Cisco record may still come, and of which a rule wants to know what only that tells, is kept for now:
    the built-in rule `undecided`.

    Args:
        legs: `ENRICHED_LEG_SCHEMA`.
        manifests: `RECORDING_MANIFEST_SCHEMA`, those of `unmatched` at least.
        rules: of all tenants.
        directory: for the agents' teams.
        unmatched: ids of the manifests that belong to no leg.
    """
    ended = legs.filter(pl.col("status") == COMPLETED)
    files = manifests.filter(pl.col("manifest_id").is_in(list(unmatched)))
    decided = pl.concat([_decided_legs(ended, rules, directory), _decided_files(files, rules, directory)])
    is_skipped = pl.col("action") == SKIP
    return decided.with_columns(pl.when(~is_skipped).then(pl.col(_PARAMETERS))).select(
        pl.col(name).cast(dtype) for name, dtype in RECORDING_DECISION_SCHEMA.items()
    )


def evaluate_call(facts: CallFacts, rules: RuleSet, directory: Directory) -> Answer:
    """What to do with one call, by what is known of it: final only where nothing that is unknown can change it."""
    row = answers(facts_of_call(facts, directory), rules).row(0, named=True)
    parameters = MixParameters(**{name: row[name] for name in _PARAMETERS})
    return Answer(
        action=row["action"],
        is_final=row["is_final"],
        rule_id=row["rule_id"],
        rule_name=row["rule_name"],
        rule_version=row["rule_version"],
        reason=row["reason"],
        parameters=parameters,
    )


def answers(facts: pl.DataFrame, rules: RuleSet) -> pl.DataFrame:
    """The answer to each row of facts: `action`, `is_final`, the rule, the reason, the parameters.

    The parameters are there for SKIP, too: those of the tenant's default.

    Args:
        facts: `FACTS_SCHEMA`.
        rules: of all tenants.
    """
    numbered = facts.with_row_index(_ROW)
    parts = list(_answers_by_tenant(numbered, rules))
    if not parts:
        return _ANSWER_SCHEMA.to_frame()
    return pl.concat(parts).sort(_ROW).select(_ANSWER_SCHEMA.names())


def _answers_by_tenant(facts: pl.DataFrame, rules: RuleSet) -> Iterator[pl.DataFrame]:
    with_rules = sorted(set(facts["tenant_id"].unique()) & set(rules.tenants))
    for tenant_id in with_rules:
        yield _answers(facts.filter(pl.col("tenant_id") == tenant_id), rules.of(tenant_id), rules)
    others = facts.filter(~pl.col("tenant_id").is_in(with_rules))
    if others.height:
        yield _answers(others, rules.of(others["tenant_id"][0]), rules)


def _answers(facts: pl.DataFrame, tenant: TenantRules, rules: RuleSet) -> pl.DataFrame:
    """The answers to one tenant's rows, with their `__row`."""
    told = _verdicts(tenant, rules)
    rows = _with_first_matches(facts, tenant).select(_ROW, _MATCHED, _OPEN)
    joined = rows.join(told, on=_MATCHED, how="left")
    waiting = told.select(
        pl.col(_MATCHED).alias(_OPEN),
        waits=pl.format("not decided yet: rule {} waits for what is not known of the call", "rule_id"),
    )
    is_open = pl.col("waits").is_not_null()
    kept = {
        "action": pl.lit(RECORD),
        "is_built_in": pl.lit(value=True),
        "rule_id": pl.lit(UNDECIDED),
        "rule_name": pl.lit("Not decided yet"),
        "rule_version": pl.lit(_built_in_version(rules)),
        "reason": pl.col("waits"),
    }
    return (
        joined.join(waiting, on=_OPEN, how="left")
        .with_columns(
            is_final=~is_open,
            **{name: pl.when(is_open).then(value).otherwise(name) for name, value in kept.items()},
        )
        .select(_ROW, *_ANSWER_SCHEMA.names())
    )


def _with_first_matches(facts: pl.DataFrame, tenant: TenantRules) -> pl.DataFrame:
    """Add `__matched`, the number of the first rule that is true, and `__open`, that of an earlier one that is null."""
    facts = facts.with_columns(pl.lit(None, _NUMBER).alias(_MATCHED), pl.lit(None, _NUMBER).alias(_OPEN))
    for holds, found in _questions(tenant):
        facts = facts.with_columns(facts.select(_MATCHED, _OPEN, *holds).select(found))
        if not facts[_MATCHED].null_count():
            break
    matched = pl.col(_MATCHED).fill_null(len(tenant.rules))
    return facts.with_columns(
        matched.alias(_MATCHED), pl.when(pl.col(_OPEN) < matched).then(_OPEN).alias(_OPEN)
    )


@lru_cache(maxsize=64)
def _questions(tenant: TenantRules) -> tuple[tuple[list[pl.Expr], list[pl.Expr]], ...]:
    """Some rules at a time: what each says of a row, and the first that is true or null, the earlier ones before.

    Kept, as making hundreds of expressions takes longer than asking them of one call.
    """
    questions = []
    for begin in range(0, len(tenant.rules), RULES_AT_ONCE):
        some = dict(enumerate(tenant.rules[begin : begin + RULES_AT_ONCE], start=begin))
        holds = [matches(rule.condition, tenant.time_zone).alias(str(n)) for n, rule in some.items()]
        true = [pl.when(pl.col(str(n))).then(pl.lit(n, _NUMBER)) for n in some]
        unknown = [pl.when(pl.col(str(n)).is_null()).then(pl.lit(n, _NUMBER)) for n in some]
        questions.append((holds, [pl.coalesce(_MATCHED, *true), pl.coalesce(_OPEN, *unknown)]))
    return tuple(questions)


def _verdicts(tenant: TenantRules, rules: RuleSet) -> pl.DataFrame:
    """What each of the tenant's rules says, by its number; the default comes after all others."""
    asked = [
        _verdict(rule, rules, f"rule {rule.rule_id} ({rule.rule_type}, priority {rule.priority}) matches")
        for rule in tenant.rules
    ]
    rows = [*asked, _verdict(tenant.default, rules, "no rule matches: the tenant's default")]
    default = asdict(tenant.default.parameters)
    rows = [{**row, **(default if row["action"] == SKIP else {})} for row in rows]
    schema = {name: dtype for name, dtype in _ANSWER_SCHEMA.items() if name != "is_final"}
    return pl.DataFrame(rows, schema=schema).with_row_index(_MATCHED)


def _verdict(rule: Rule, rules: RuleSet, reason: str) -> dict[str, Any]:
    return {
        "action": rule.action,
        "is_built_in": rule.is_built_in,
        "rule_id": rule.rule_id,
        "rule_name": rule.name,
        "rule_version": rules.version_of(rule),
        "reason": reason,
        **asdict(rule.parameters),
    }


def _decided_legs(legs: pl.DataFrame, rules: RuleSet, directory: Directory) -> pl.DataFrame:
    told = answers(facts_of_legs(legs, directory), rules)
    decided = pl.concat(
        [legs.select("leg_id", *_OF_THE_LEG, "is_answered", "is_reportable"), told], how="horizontal"
    )
    is_unanswered = ~pl.col("is_answered").fill_null(value=False)
    is_unreportable = ~pl.col("is_reportable").fill_null(value=False)
    built_in = (
        pl.when(is_unanswered).then(pl.lit(UNANSWERED)).when(is_unreportable).then(pl.lit(UNREPORTABLE))
    )
    names = {rule: name for rule, (name, _) in _BUILT_IN.items()}
    reasons = {rule: reason for rule, (_, reason) in _BUILT_IN.items()}
    found = decided.with_columns(built_in=built_in)
    is_built_in = pl.col("built_in").is_not_null()
    instead = {
        "action": pl.lit(SKIP),
        "is_built_in": pl.lit(value=True),
        "rule_id": pl.col("built_in"),
        "rule_name": pl.col("built_in").replace(names),
        "rule_version": pl.lit(_built_in_version(rules)),
        "reason": pl.col("built_in").replace(reasons),
    }
    return found.with_columns(
        pl.lit(None, pl.String()).alias("manifest_id"),
        **{name: pl.when(is_built_in).then(value).otherwise(name) for name, value in instead.items()},
    ).select(RECORDING_DECISION_SCHEMA.names())


def _decided_files(manifests: pl.DataFrame, rules: RuleSet, directory: Directory) -> pl.DataFrame:
    facts = facts_of_files(manifests, directory)
    of_the_file = manifests.select(
        "manifest_id",
        "tenant_id",
        "agent_extension",
        "start_time",
        leg_id=pl.lit(None, pl.String()),
        call_id=pl.lit(None, pl.String()),
        root_call_key="call_key",
    )
    decided = pl.concat([of_the_file, answers(facts, rules)], how="horizontal")
    return decided.select(RECORDING_DECISION_SCHEMA.names())


def _built_in_version(rules: RuleSet) -> str:
    return f"1@{rules.version}"
