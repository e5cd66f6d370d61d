from pathlib import Path

import pytest

from cx_pipeline.adapters.recording_rules.yaml_file import LARGEST_BYTES, read_rules_file
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.core.recording.rule_parsing import EMPTY_RULES
from cx_pipeline.core.recording.rules import RuleSet

EVERYTHING = r"""
# What this site records.
rules:
  - id: base
    rule_type: DEFAULT
    action: RECORD
    condition: {time_zone: Europe/Zurich}
    parameters: {encrypt: true, retention: 365}
  - id: rule-2
    name: "Skip internal"
    rule_type: ANI
    condition: { "pattern": "^8\\d{3}$", "record": false }
    action: SKIP
    priority: 200
  - {id: rule-3, rule_type: PERCENTAGE, condition: {dn: 08002, percentage: 12.5}, action: RECORD, parameters: {format: mono}}
  - id: night
    rule_type: TIME
    condition:
      from: 22:00
      to: 6:00
      days: [MON-FRI, SUN]
    action: SKIP
    parameters:
  - id: sales
    tenant_id: acme
    rule_type: AGENT
    condition:
      teams:
        - Sales
        - no
    action: SKIP
    enabled: no
"""


def read(folder: Path, text: str | bytes) -> RuleSet:
    path = folder / "rules.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_rules_file(path)


def complaint(folder: Path, text: str | bytes) -> str:
    with pytest.raises(ConfigurationError) as raised:
        read(folder, text)
    message = str(raised.value)
    assert str(folder / "rules.yaml") in message
    return message


def test_rules_are_read_as_they_stand_there(tmp_path: Path) -> None:
    rules = read(tmp_path, EVERYTHING)
    told = {each["rule_id"]: each for each in rules.document}
    assert told["rule-2"]["condition"] == {"pattern": r"^8\d{3}$"}
    assert told["rule-3"]["condition"] == {"dns": ["08002"], "percentage": "12.5"}
    assert told["night"]["condition"] == {
        "start": 79_200,
        "end": 21_600,
        "days": ["MON", "TUE", "WED", "THU", "FRI", "SUN"],
    }
    assert told["sales"]["condition"] == {"teams": ["Sales", "no"]}
    assert not told["sales"]["is_enabled"]
    tenant = rules.of("default")
    assert [rule.rule_id for rule in tenant.rules] == ["rule-2", "night", "rule-3"]
    assert tenant.time_zone == "Europe/Zurich"
    assert tenant.rules[2].parameters.retention_days == 365


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "rules:\n", "rules: []", "\ufeffrules: ~"])
def test_an_empty_file_holds_no_rules(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == EMPTY_RULES


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("rules:\n  - id: a\n    rule_type: ANI\n    action: SKIP\n    condition:\n      pattern: (?=8)\n",
         "rules, entry 1 (line 6), condition.pattern: is no pattern that can be used: look-around"),
        ("rules:\n  - {id: a, rule_type: DN, action: SKIP, condition: {dn: 1}}\n  - id: b\n    rule_type: DN\n"
         "    action: SKIP\n    condition: {dn: 1}\n    parameters:\n      hold: louder\n",
         "rules, entry 2 (line 8), parameters.hold: is none of"),
        ("rules:\n  - id: a\n    rule_type: DN\n    action: SKIP\n    condition: {}\n",
         "rules, entry 1 (line 5), condition: asks for nothing"),
        ("rules:\n  - id: a\n    rule_type: DN\n    action: SKIP\n", "rules, entry 1 (line 2), condition: asks for nothing"),
        ("rules:\n  - {id: a, rule_type: PERCENTAGE, action: SKIP, condition: {percentage: 50, dn: }}",
         "rules, entry 1 (line 2), condition.dn: Input should be a valid string"),
        ("rules:\n  - id: a\n    id: b\n", "line 3: id stands there twice"),
        ("rules:\n  - [a]\n", "rules, entry 1 (line 2): names with values are expected"),
        ("rules: {a: 1}\n", "line 1: rules is no list of rules"),
        ("- id: a\n", "line 1: the file: names with values are expected"),
        ("agents: []\n", "line 1: no section is called agents; there is rules"),
        ("rules:\n  - {[a]: b}\n", "line 2: a name is expected"),
        ("rules:\n  - {id: a, condition: {dn: {x: {y: {z: 1}}}}}\n", "line 2: nested more than 3 deep"),
        ("rules:\n  - {id: a, condition: {dn: [[1]]}}\n", "line 2: a list of at most 10,000 single values is expected"),
        ("rules:\n  - id: [a\n", "no YAML: line"),
        ('rules:\n  - {id: "\\d"}\n', "no YAML: line 2"),
        (b"rules: \xff", "are no UTF-8 text"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_line(tmp_path: Path, text: str | bytes, fault: str) -> None:
    assert fault in complaint(tmp_path, text)


def test_aliases_that_would_grow_without_end_are_refused(tmp_path: Path) -> None:
    layers = [f"&l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 12)]
    text = f"rules:\n  - {{a: &l0 [x], b: [{', '.join(layers)}]}}\n"
    assert "single values is expected" in complaint(tmp_path, text)
    assert "single values" in complaint(tmp_path, "rules:\n  - {a: &a [*a]}\n")


def test_a_file_that_cannot_be_read_or_is_far_too_long_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"gone\.yaml cannot be read: No such file"):
        read_rules_file(tmp_path / "gone.yaml")
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        read_rules_file(tmp_path)
    assert "are longer than" in complaint(tmp_path, b"#" * (LARGEST_BYTES + 1))
