"""Rules from what a file or a table gives: all faults are told at once, each with its place."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline.core.recording.rule_conditions import CONDITIONS, Condition, DefaultCondition
from cx_pipeline.core.recording.rule_entries import GivenParameters, RuleEntry, snake_case
from cx_pipeline.core.recording.rules import Rule, RuleSet, TenantRules, implied_default, rule_set
from cx_pipeline.core.recording.schema import RECORD, SKIP

MOST_FAULTS_TOLD = 20
VERSION_DIGITS = 16

FieldPath = tuple[str, ...]
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class GivenRule:
    """A rule as it was given: texts, numbers, flags, lists and mappings, and where ("rules, entry 3")."""

    place: str
    values: Mapping[str, Any]
    lines: Mapping[FieldPath, int] = field(default_factory=dict)
    """The line of each field, by its names from outside in; of the rule itself by the empty path."""

    def told(self, path: FieldPath, message: str) -> str:
        """`rules, entry 3 (line 12), condition.pattern: …`."""
        where = self.where(path)
        return f"{where}, {'.'.join(path)}: {message}" if path else f"{where}: {message}"

    def where(self, path: FieldPath = ()) -> str:
        """`rules, entry 3 (line 12)`."""
        nearest = (path[:length] for length in range(len(path), -1, -1))
        line = next((self.lines[each] for each in nearest if each in self.lines), None)
        return self.place if line is None else f"{self.place} (line {line})"


class _FaultyRuleError(Exception):
    """Faults of one rule: where in it, and what."""

    def __init__(self, *faults: tuple[FieldPath, str]) -> None:
        super().__init__()
        self.faults = faults


def parse_rules(given: Sequence[GivenRule], origin: str) -> RuleSet:
    """The set that the rules make; of none, an empty one.

    Args:
        given: the rules in any order.
        origin: where they come from, for messages.

    Raises:
        ConfigurationError: a rule is wrong, or two have one id; all faults are named.
    """
    faults: list[str] = []
    entries: list[tuple[GivenRule, RuleEntry]] = []
    for each in given:
        try:
            entries.append((each, _entry(each.values)))
        except _FaultyRuleError as error:
            faults += [each.told(path, message) for path, message in error.faults]
    faults += _twice(entries)
    tenants = dict(_tenants(entries, faults))
    if faults:
        raise ConfigurationError(
            f"the recording rules {origin} have faults:\n  " + "\n  ".join(_most(faults))
        )
    document = [_as_document(entry) for _, entry in entries]
    document.sort(key=lambda each: (each["tenant_id"], each["rule_id"]))
    text = json.dumps(document, sort_keys=True, ensure_ascii=False)
    return rule_set(tenants, hashlib.sha256(text.encode()).hexdigest()[:VERSION_DIGITS], document)


def _entry(values: Mapping[str, Any]) -> RuleEntry:
    fields, given_names = _renamed(values, RuleEntry.other_names)
    kind = str(fields.get("rule_type", "")).strip().upper()
    faults: list[tuple[FieldPath, str]] = []
    if kind not in CONDITIONS:
        named = given_names.get("rule_type", "rule_type")
        message = f"is none of {', '.join(CONDITIONS)}" if "rule_type" in fields else "is missing"
        raise _FaultyRuleError(((named,), message))
    fields |= {"rule_type": kind, "action": str(fields.get("action", "")).strip().upper()}
    for name, parse in _PARTS.items():
        try:
            part = _mapping(fields.get(name))
            fields[name] = parse(part, kind, fields["action"])
        except _FaultyRuleError as error:
            inside = given_names.get(name, name)
            faults += [((inside, *path), message) for path, message in error.faults]
            fields[name] = _STAND_INS[name]
    entry: RuleEntry | None = None
    try:
        entry = RuleEntry.model_validate(fields)
    except ValidationError as error:
        faults += _faults_of(error, given_names)
    if faults or entry is None:
        raise _FaultyRuleError(*faults)
    return entry


def _condition(values: Mapping[str, Any], kind: str, action: str) -> Condition:
    flags = dict(values)
    given = flags.pop("record", None)
    if given is not None and (flag := _FLAGS.get(str(given).strip().lower())) != action:
        raise _FaultyRuleError((("record",), _contradiction(given, flag, action)))
    return _validated(CONDITIONS[kind], flags, CONDITIONS[kind].other_names)


def _parameters(values: Mapping[str, Any], kind: str, action: str) -> GivenParameters:
    return _validated(GivenParameters, values, GivenParameters.other_names)


_PARTS: Mapping[str, Callable[[Mapping[str, Any], str, str], BaseModel]] = {
    "condition": _condition,
    "parameters": _parameters,
}
_STAND_INS: Mapping[str, BaseModel] = {"condition": DefaultCondition(), "parameters": GivenParameters()}
_FLAGS = {"true": RECORD, "yes": RECORD, "false": SKIP, "no": SKIP}


def _contradiction(given: Any, flag: str | None, action: str) -> str:
    return f"{given!r} is neither true nor false" if flag is None else f"contradicts the action {action}"


def _mapping(value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _FaultyRuleError(((), "names with values are expected"))
    return value


def _validated(model: type[Model], values: Mapping[str, Any], other_names: Mapping[str, str]) -> Model:
    fields, given_names = _renamed(values, other_names)
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise _FaultyRuleError(*_faults_of(error, given_names)) from None


def _renamed(
    values: Mapping[str, Any], other_names: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The values by the names of the fields, and the name under which each was given."""
    fields: dict[str, Any] = {}
    given_names: dict[str, str] = {}
    for given, value in values.items():
        name = snake_case(str(given))
        name = other_names.get(name, name)
        if name in fields:
            raise _FaultyRuleError(((str(given),), f"says the same as {given_names[name]}"))
        fields[name], given_names[name] = value, str(given)
    return fields, given_names


def _faults_of(error: ValidationError, given_names: Mapping[str, str]) -> Iterator[tuple[FieldPath, str]]:
    for fault in error.errors(include_url=False, include_input=False):
        names = [str(part) for part in fault["loc"] if isinstance(part, str)]
        path = tuple(given_names.get(name, name) for name in names[:1])
        message = fault["msg"].removeprefix("Value error, ")
        yield path, "is unknown" if fault["type"] == "extra_forbidden" else message


def _twice(entries: Sequence[tuple[GivenRule, RuleEntry]]) -> Iterator[str]:
    first: dict[tuple[str, str], GivenRule] = {}
    defaults: dict[str, GivenRule] = {}
    for given, entry in entries:
        before = first.setdefault((entry.tenant_id, entry.rule_id), given)
        if before is not given:
            yield given.told((), f"the id {entry.rule_id} is that of {before.where()}")
        if entry.is_default and entry.is_enabled and defaults.setdefault(entry.tenant_id, given) is not given:
            yield given.told((), f"the tenant {entry.tenant_id} has a DEFAULT already")


def _tenants(
    entries: Sequence[tuple[GivenRule, RuleEntry]], faults: list[str]
) -> Iterator[tuple[str, TenantRules]]:
    ordered = sorted(
        entries, key=lambda placed: (placed[1].tenant_id, -placed[1].priority, placed[1].rule_id)
    )
    for tenant_id, same in groupby(ordered, key=lambda placed: placed[1].tenant_id):
        enabled = [(given, entry) for given, entry in same if entry.is_enabled]
        default, time_zone = implied_default(tenant_id), "UTC"
        for given, entry in enabled:
            if entry.is_default:
                default = _rule(given, entry, MixParameters(), faults)
                time_zone = getattr(entry.condition, "time_zone", time_zone)
        rules = tuple(
            _rule(given, entry, default.parameters, faults)
            for given, entry in enabled
            if not entry.is_default
        )
        yield tenant_id, TenantRules(default, time_zone, rules)


def _rule(given: GivenRule, entry: RuleEntry, base: MixParameters, faults: list[str]) -> Rule:
    parameters = base
    try:
        parameters = entry.parameters.over(base)
    except ValueError as error:
        faults.append(given.told(("parameters",), str(error)))
    return Rule(
        tenant_id=entry.tenant_id,
        rule_id=entry.rule_id,
        name=entry.shown_name,
        rule_type=entry.rule_type,
        condition=entry.condition,
        action=entry.action,
        parameters=parameters,
        priority=entry.priority,
        version=entry.version,
    )


def _as_document(entry: RuleEntry) -> dict[str, Any]:
    whole = entry.model_dump(mode="json")
    condition = entry.condition.model_dump(mode="json", exclude_unset=True)
    told = {name: value for name, value in whole["parameters"].items() if value is not None}
    return {**whole, "name": entry.shown_name, "condition": condition, "parameters": told}


def _most(faults: list[str]) -> list[str]:
    if len(faults) <= MOST_FAULTS_TOLD:
        return faults
    return [*faults[:MOST_FAULTS_TOLD], f"… and {len(faults) - MOST_FAULTS_TOLD} more"]


EMPTY_RULES = parse_rules((), "of nobody")
"""No rules: everything is recorded."""
