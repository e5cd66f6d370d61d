from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from cx_pipeline.adapters.database.recording_tables import recording_rule, recording_rule_set
from cx_pipeline.adapters.recording_rules.table import (
    newest_rule_set,
    read_rules_table,
    remember_rule_set,
    replace_rules_table,
)
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.core.recording.rule_parsing import EMPTY_RULES, GivenRule, parse_rules
from cx_pipeline_tests.core.recording.given_rules import TENANT, a_rule, rule_set

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
SEVERAL = rule_set(
    a_rule(
        "DEFAULT",
        id="base",
        action="RECORD",
        condition={"zone": "Europe/Zurich"},
        parameters={"encrypt": True},
    ),
    a_rule("PERCENTAGE", id="half", condition={"dn": "8002", "percentage": "12.50"}, version=4),
    a_rule("ANI", id="internal", condition={"pattern": r"^8\d{3}$"}, priority=200, enabled=False),
    a_rule("TIME", id="night", condition={"from": "22:00", "to": "06:00"}),
)


def put(engine: Engine, **row: Any) -> None:
    with engine.begin() as connection:
        connection.execute(
            insert(recording_rule).values({"tenant_id": TENANT, "name": "", "action": "SKIP", **row})
        )


def changes(engine: Engine) -> dict[str, datetime]:
    columns = select(recording_rule.c.rule_id, recording_rule.c.changed_at)
    with engine.connect() as connection:
        return {row.rule_id: row.changed_at for row in connection.execute(columns)}


def test_what_was_put_into_the_table_is_what_is_read(engine: Engine) -> None:
    assert read_rules_table(engine) == EMPTY_RULES
    assert replace_rules_table(engine, SEVERAL) == 4
    assert read_rules_table(engine) == SEVERAL


def test_rows_in_the_guides_form_are_read(engine: Engine) -> None:
    put(engine, rule_id="r", name="Skip internal", rule_type="ANI",
        condition={"pattern": "^8", "record": False}, parameters={"format": "mono", "sampleRate": 8000})  # fmt: skip
    put(engine, rule_id="s", name="Sample", rule_type="PERCENTAGE", condition={"dn": 8002, "percentage": 50})
    rules = read_rules_table(engine).of(TENANT).rules
    assert [(rule.rule_id, rule.name, rule.action) for rule in rules] == [
        ("r", "Skip internal", "SKIP"),
        ("s", "Sample", "SKIP"),
    ]
    assert rules[0].parameters.layout == "mono"


def test_a_row_that_is_wrong_is_told_with_tenant_rule_and_field(engine: Engine) -> None:
    put(engine, rule_id="r", name="x", rule_type="ANI", condition={"pattern": "(?<!8)"})
    place = r"table recording_rule, tenant acme, rule r, condition\.pattern: is no pattern"
    with pytest.raises(ConfigurationError, match=place):
        read_rules_table(engine)


def test_only_rules_that_change_are_marked_as_changed(engine: Engine) -> None:
    replace_rules_table(engine, SEVERAL)
    with engine.begin() as connection:
        connection.execute(update(recording_rule).values(changed_at=LONG_AGO))
    kept = [each for each in SEVERAL.document if each["rule_id"] in {"base", "half"}]
    other = rule_set(a_rule("DN", id="new", condition={"dn": "1"}))
    merged = parse_rules([GivenRule("", each) for each in [*kept, *other.document]], "")
    replace_rules_table(engine, merged)
    assert read_rules_table(engine) == merged
    times = changes(engine)
    assert (times["base"], times["half"]) == (LONG_AGO, LONG_AGO)
    assert times["new"] > LONG_AGO


def test_the_set_that_was_in_force_last_is_found_again(engine: Engine) -> None:
    assert newest_rule_set(engine) is None
    first, second = SEVERAL, rule_set(a_rule("DN", condition={"dn": "1"}))
    for rules in (first, second, first, first):
        remember_rule_set(engine, rules)
        assert newest_rule_set(engine) == rules
    with engine.connect() as connection:
        assert len(connection.execute(select(recording_rule_set)).all()) == 2


def test_a_set_that_is_in_force_already_is_not_written_again(engine: Engine) -> None:
    remember_rule_set(engine, SEVERAL)
    with engine.begin() as connection:
        connection.execute(update(recording_rule_set).values(loaded_at=LONG_AGO))
    remember_rule_set(engine, SEVERAL)
    with engine.connect() as connection:
        assert connection.execute(select(recording_rule_set.c.loaded_at)).scalar_one() == LONG_AGO
