from typing import Any

import pytest

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline.core.recording.rule_parsing import EMPTY_RULES, MOST_FAULTS_TOLD, GivenRule, parse_rules
from cx_pipeline_tests.core.recording.given_rules import TENANT, a_rule, rule_set

GUIDES = (
    {
        "id": "rule-1",
        "name": "Record Sales Calls",
        "rule_type": "AGENT",
        "condition": {"team": "Sales", "record": True},
        "action": "RECORD",
        "parameters": {"format": "stereo", "sampleRate": 8000},
        "priority": 100,
    },
    {
        "id": "rule-2",
        "name": "Skip Internal",
        "rule_type": "ANI",
        "condition": {"pattern": r"^8\d{3}$", "record": False},
        "action": "SKIP",
        "priority": 200,
    },
    {
        "id": "rule-3",
        "name": "Sample 8002",
        "rule_type": "PERCENTAGE",
        "condition": {"dn": "8002", "percentage": 50},
        "action": "RECORD",
        "parameters": {"format": "mono"},
        "priority": 150,
    },
)
"""The example rules of guide 19.7.1."""


def complaint(*rules: dict[str, Any]) -> str:
    with pytest.raises(ConfigurationError) as raised:
        rule_set(*rules)
    return str(raised.value)


def parameters_of(**parameters: Any) -> MixParameters:
    return rule_set(a_rule("DN", condition={"dn": "1"}, parameters=parameters)).of(TENANT).rules[0].parameters


def test_the_guides_examples_are_read_and_ordered_by_priority() -> None:
    rules = rule_set(*GUIDES).of("default").rules
    assert [(rule.rule_id, rule.action, rule.parameters.layout) for rule in rules] == [
        ("rule-2", "SKIP", "stereo"),
        ("rule-3", "RECORD", "mono"),
        ("rule-1", "RECORD", "stereo"),
    ]
    assert rules[2].parameters.sample_rate_hz == 8000


def test_equal_priorities_stand_in_the_order_of_their_ids_however_they_were_given() -> None:
    rules = [a_rule("DN", id=each, condition={"dn": "1"}, priority=5) for each in ("b", "c", "a")]
    assert [rule.rule_id for rule in rule_set(*rules).of(TENANT).rules] == ["a", "b", "c"]
    assert rule_set(*rules).version == rule_set(*reversed(rules)).version


def test_what_a_set_says_makes_its_version() -> None:
    once, other = (rule_set(a_rule("DN", condition={"dn": dn})) for dn in ("1", "2"))
    assert once.version != other.version != EMPTY_RULES.version
    assert once.version == rule_set(a_rule("DN", condition={"dns": ["1"]})).version
    assert once.version_of(once.of(TENANT).rules[0]) == f"1@{once.version}"


def test_a_set_that_was_kept_as_a_document_is_the_same_when_it_is_read_again() -> None:
    rules = rule_set(
        *GUIDES,
        a_rule("TIME", condition={"from": "22:00", "to": "6:00", "days": "MON-FRI"}, enabled=False),
        a_rule("DURATION", condition={"min_s": 10}, parameters={"hold": "cut", "fade": 50}),
        a_rule("DEFAULT", action="RECORD", condition={"time_zone": "Europe/Zurich"}, version=7),
        a_rule("PERCENTAGE", condition={"percentage": "12.50"}),
    )
    again = parse_rules([GivenRule("", each) for each in rules.document], "")
    assert again == rules


def test_a_rule_that_is_not_enabled_is_read_and_not_asked() -> None:
    rules = rule_set(a_rule("DN", condition={"dn": "1"}, enabled="false"))
    assert rules.of(TENANT).rules == ()
    assert len(rules.document) == 1


def test_what_a_rule_does_not_say_of_its_recordings_is_as_the_tenants_default_says() -> None:
    tenant = rule_set(
        a_rule(
            "DEFAULT", action="RECORD", parameters={"encrypt": True, "retentionDays": 365, "hold": "music"}
        ),
        a_rule(
            "DN", action="RECORD", condition={"dn": "1"}, parameters={"layout": "mono", "hold": "silence"}
        ),
    ).of(TENANT)
    assert tenant.rules[0].parameters == MixParameters(
        layout="mono", hold="silence", is_encrypted=True, retention_days=365
    )


def test_all_parameters_are_read_under_their_names() -> None:
    assert parameters_of(
        layout="multichannel",
        sample_rate="16000",
        hold="CUT",
        hold_fade_ms="50",
        normalise="true",
        format="flac",
        encrypt="false",
        retention_days="30",
        bitDepth=16,
    ) == MixParameters("multichannel", 16000, "cut", 50, True, "flac", False, 30)


@pytest.mark.parametrize(
    ("parameters", "fault"),
    [
        ({"colour": "red"}, "parameters.colour: is unknown"),
        ({"layout": "quadro"}, "parameters.layout: is none of stereo, mono, multichannel"),
        ({"sampleRate": 11025}, "parameters.sampleRate: is none of 8000, 12000, 16000"),
        ({"hold": "louder"}, "parameters.hold: is none of silence, cut, music"),
        ({"hold": "music", "fade": 50}, "parameters: a fade belongs to hold cut, not to hold music"),
        ({"format": "ogg"}, "parameters.format: is none of wav, flac, opus, mp3"),
        ({"format": "mono", "layout": "stereo"}, "parameters: format mono is a layout"),
        ({"format": "opus", "sampleRate": 44100}, "parameters: opus has no rate of 44100 Hz"),
        ({"format": "mp3", "layout": "multichannel"}, "parameters: mp3 has no more than two channels"),
        ({"bitDepth": 24}, "parameters.bitDepth: is none of 16"),
        ({"retention_days": 0}, "parameters.retention_days: Input should be greater than or equal to 1"),
        ({"encrypt": "perhaps"}, "parameters.encrypt: Input should be a valid boolean"),
        ({"normalise": True, "normalize": True}, "parameters.normalize: says the same as normalise"),
        ("stereo", "parameters: names with values are expected"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused_by_name(parameters: Any, fault: str) -> None:
    assert f"rule r1, {fault}" in complaint(a_rule("DN", condition={"dn": "1"}, parameters=parameters))


@pytest.mark.parametrize(
    ("rule_type", "condition", "fault"),
    [
        (
            "AGENT",
            {},
            "condition: asks for nothing: give extensions or extension_ranges or ids or names or teams",
        ),
        ("AGENT", {"teams": []}, "condition.teams: Value should have at least 1 item"),
        ("AGENT", {"team": None}, "condition.team: Input should be a valid string"),
        ("AGENT", {"range": "1999-1000"}, "condition.range: is no range"),
        ("AGENT", {"range": "100-1999"}, "condition.range: is no range"),
        ("AGENT", {"team": "a", "teams": "b"}, "condition.teams: says the same as team"),
        ("DN", {"dn": ""}, "condition.dn: String should have at least 1 character"),
        ("DN", {"dn": "a\0"}, "condition.dn: String should match pattern"),
        ("ANI", {"pattern": "^(?!8)"}, "condition.pattern: is no pattern that can be used: look-around"),
        ("ANI", {"pattern": r"(8)\1"}, "condition.pattern: is no pattern that can be used: backreferences"),
        ("ANI", {"pattern": "["}, "condition.pattern: is no pattern that can be used: unclosed"),
        ("ANI", {"pattern": r"(\d{1,1000}){9}"}, "condition.pattern: repeats something more than 64 times"),
        (
            "ANI",
            {"pattern": r"((\d{64}){64}){64}"},
            "condition.pattern: is no pattern that can be used: Compiled",
        ),
        ("ANI", {"pattern": "8" * 201}, "condition.pattern: String should have at most 200 characters"),
        ("TIME", {"from": "25:00"}, "condition.from: is no time of day"),
        ("TIME", {"from": "9"}, "condition.from: is no time of day"),
        ("TIME", {"from": "09:00", "to": "09:00"}, "condition: from and to enclose nothing"),
        ("TIME", {"days": "FUNDAY"}, "condition.days: 'FUNDAY' is no day"),
        ("TIME", {"days": "MON", "zone": "Europe/Zürich"}, "condition.zone: is no IANA time zone"),
        ("TIME", {"days": "MON", "zone": "localtime"}, "condition.zone: is no IANA time zone"),
        ("PERCENTAGE", {"dn": "8002"}, "condition.percentage: Field required"),
        (
            "PERCENTAGE",
            {"percentage": 101},
            "condition.percentage: Input should be less than or equal to 100",
        ),
        (
            "PERCENTAGE",
            {"percentage": "0.125"},
            "condition.percentage: Decimal input should have no more than 2",
        ),
        ("PERCENTAGE", {"percentage": "nan"}, "condition.percentage: Input should be a finite number"),
        ("DURATION", {"min": 10, "max": 10}, "condition: no duration is at least min_s and below max_s"),
        ("DURATION", {"min": "long"}, "condition.min: Input should be a valid number"),
        ("DURATION", {"min": "inf"}, "condition.min: Input should be"),
        ("DEFAULT", {"dn": "1"}, "condition.dn: is unknown"),
        ("DN", {"dn": "1", "record": True}, "condition.record: contradicts the action SKIP"),
        ("DN", {"dn": "1", "record": "maybe"}, "condition.record: 'maybe' is neither true nor false"),
        ("DN", ["8001"], "condition: names with values are expected"),
    ],
)
def test_a_condition_that_cannot_be_is_refused_by_name(rule_type: str, condition: Any, fault: str) -> None:
    assert f"rule r1, {fault}" in complaint(a_rule(rule_type, condition=condition))


@pytest.mark.parametrize(
    ("otherwise", "fault"),
    [
        ({"rule_type": "DNS"}, "rule_type: is none of AGENT, DN, TIME, PERCENTAGE, ANI, DURATION, DEFAULT"),
        ({"action": "KEEP"}, "action: Input should be 'RECORD' or 'SKIP'"),
        ({"action": None}, "action: Input should be 'RECORD' or 'SKIP'"),
        ({"priority": "high"}, "priority: Input should be a valid integer"),
        ({"priority": 2**31}, "priority: Input should be less than"),
        ({"version": 0}, "version: Input should be greater than or equal to 1"),
        ({"owner": "me"}, "owner: is unknown"),
        ({"id": "unanswered"}, "unanswered is the id of a built-in rule"),
        ({"id": ""}, "id: String should have at least 1 character"),
        ({"enabled": "perhaps"}, "enabled: Input should be a valid boolean"),
    ],
)
def test_a_field_that_cannot_be_is_refused_by_name(otherwise: dict[str, Any], fault: str) -> None:
    assert fault in complaint({**a_rule("DN", condition={"dn": "1"}), **otherwise})


def test_a_fault_tells_its_line_or_that_of_what_it_stands_in() -> None:
    rule = a_rule("ANI", id="x", condition={"pattern": "["})
    given = GivenRule("rules, entry 3", rule, {(): 7, ("condition",): 9, ("condition", "pattern"): 10})
    with pytest.raises(
        ConfigurationError, match=r"rules, entry 3 \(line 10\), condition\.pattern: is no pattern"
    ):
        parse_rules([given], "in a file")
    given = GivenRule("rules, entry 3", {**rule, "condition": {}}, {(): 7, ("condition",): 9})
    with pytest.raises(ConfigurationError, match=r"rules, entry 3 \(line 9\), condition: asks for nothing"):
        parse_rules([given], "in a file")


def test_all_faults_are_told_at_once_up_to_a_limit() -> None:
    message = complaint(*(a_rule("DN", condition={}) for _ in range(MOST_FAULTS_TOLD + 5)))
    assert message.count("asks for nothing") == MOST_FAULTS_TOLD
    assert message.endswith("… and 5 more")


def test_one_id_belongs_to_one_rule_of_a_tenant() -> None:
    rule = a_rule("DN", id="a", condition={"dn": "1"})
    assert "rule a: the id a is that of rule a" in complaint(rule, rule)
    assert len(rule_set(rule, {**rule, "tenant_id": "other"}).tenants) == 2


def test_a_tenant_has_one_default() -> None:
    message = complaint(a_rule("DEFAULT"), a_rule("DEFAULT", action="RECORD"))
    assert "rule r2: the tenant acme has a DEFAULT already" in message
    assert rule_set(a_rule("DEFAULT"), a_rule("DEFAULT", enabled=False)).of(TENANT).default.action == "SKIP"


def test_without_rules_everything_is_recorded() -> None:
    default = EMPTY_RULES.of("anybody").default
    assert (default.action, default.parameters) == ("RECORD", MixParameters())
