"""Recording rules as values: what is recorded, how, and in which order it is asked (guide 19.7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline.core.recording.rule_conditions import Condition, DefaultCondition
from cx_pipeline.core.recording.schema import RECORD

UNANSWERED, UNREPORTABLE, UNDECIDED = "unanswered", "unreportable", "undecided"
"""Ids of the built-in rules. The first two come before all others: there is no talk, or nobody is told of the leg. The
last one keeps what a rule cannot decide yet."""
BUILT_IN_RULES = (UNANSWERED, UNREPORTABLE, UNDECIDED)
IMPLIED_DEFAULT = "default"
"""Id of the default of a tenant that says nothing."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a tenant, with all its parameters (its own over those of the tenant's default)."""

    tenant_id: str
    rule_id: str
    name: str
    rule_type: str
    condition: Condition
    action: str
    parameters: MixParameters
    priority: int = 0
    version: int = 1
    is_built_in: bool = False


@dataclass(frozen=True, slots=True)
class TenantRules:
    """What one tenant asks for. `rules` are those that are enabled, in the order in which they are asked.

    That is: the highest priority first, equal ones by the text of their ids. Then the `default`.
    """

    default: Rule
    time_zone: str = "UTC"
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules that are in force at once.

    `version` names the set by what it says. `document` is that in JSON's types: parsed again it gives the same set.
    """

    tenants: Mapping[str, TenantRules]
    version: str
    document: Sequence[Mapping[str, Any]]

    def of(self, tenant_id: str) -> TenantRules:
        """The tenant's rules; of one that has none, the default that records everything."""
        return self.tenants.get(tenant_id) or TenantRules(implied_default(tenant_id))

    def version_of(self, rule: Rule) -> str:
        """`3@0f1e2d3c4b5a6978`: the rule's version and the set's."""
        return f"{rule.version}@{self.version}"


def implied_default(tenant_id: str) -> Rule:
    """The default of a tenant that says nothing: record, as the deployment says."""
    return Rule(
        tenant_id=tenant_id,
        rule_id=IMPLIED_DEFAULT,
        name="Record by default",
        rule_type="DEFAULT",
        condition=DefaultCondition(),
        action=RECORD,
        parameters=MixParameters(),
        is_built_in=True,
    )


def rule_set(
    tenants: Mapping[str, TenantRules], version: str, document: Sequence[Mapping[str, Any]]
) -> RuleSet:
    """A set that nobody changes any more."""
    return RuleSet(MappingProxyType(dict(tenants)), version, tuple(document))
