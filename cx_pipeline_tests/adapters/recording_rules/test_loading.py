from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, text

from cx_pipeline.adapters.database.recording_tables import recording_rule_set
from cx_pipeline.adapters.recording_rules.loading import load_rules, rules_in_force
from cx_pipeline.adapters.recording_rules.table import newest_rule_set, replace_rules_table
from cx_pipeline.adapters.recording_rules.yaml_file import read_rules_file
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.core.recording.rule_parsing import EMPTY_RULES
from cx_pipeline.settings import Settings
from cx_pipeline_tests.core.recording.given_rules import a_rule, rule_set

GOOD = "rules:\n  - {id: a, rule_type: DN, condition: {dn: 8001}, action: SKIP}\n"
BROKEN = "rules:\n  - {id: a, rule_type: DN, condition: {dn: 8001}, action: SKEP}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(GOOD)
    return path


def of_file(file: Path) -> Settings:
    return Settings(recording_rules_file=file)


def test_the_file_is_used_where_it_is_set_else_the_table(engine: Engine, file: Path) -> None:
    in_table = rule_set(a_rule("DN", condition={"dn": "1"}))
    replace_rules_table(engine, in_table)
    assert load_rules(of_file(file), engine).rules == read_rules_file(file)
    assert load_rules(Settings(), engine).rules == in_table


def test_without_a_file_and_with_an_empty_table_everything_is_recorded(engine: Engine) -> None:
    loaded = load_rules(Settings(), engine)
    assert (loaded.rules, loaded.problem) == (EMPTY_RULES, None)


def test_rules_that_are_wrong_leave_the_last_good_ones_in_force(engine: Engine, file: Path) -> None:
    good = load_rules(of_file(file), engine).rules
    file.write_text(BROKEN)
    for _ in range(2):
        loaded = load_rules(of_file(file), engine)
        assert loaded.rules == good
        assert loaded.problem is not None
        assert "rules, entry 1 (line 2), action: Input should be 'RECORD' or 'SKIP'" in loaded.problem
    file.write_text(GOOD.replace("8001", "8002"))
    mended = load_rules(of_file(file), engine)
    assert mended.problem is None
    assert mended.rules != good


@pytest.mark.parametrize("what", ["broken", "gone"])
def test_where_no_rules_were_ever_right_everything_is_recorded(engine: Engine, file: Path, what: str) -> None:
    file.write_text(BROKEN) if what == "broken" else file.unlink()
    loaded = load_rules(of_file(file), engine)
    assert loaded.rules == EMPTY_RULES
    assert loaded.problem is not None


def test_a_kept_set_that_this_program_does_not_understand_is_told_and_records_everything(
    engine: Engine, file: Path
) -> None:
    with engine.begin() as connection:
        connection.execute(
            insert(recording_rule_set).values(version="v", rules=[{"rule_id": "x", "moon": "full"}])
        )
    file.write_text(BROKEN)
    loaded = load_rules(of_file(file), engine)
    assert loaded.rules == EMPTY_RULES
    assert loaded.problem is not None
    assert "of the set v have faults" in loaded.problem
    file.write_text(GOOD)
    assert load_rules(of_file(file), engine).problem is None


def test_the_rules_in_force_are_those_that_were_used_last_and_asking_writes_nothing(
    engine: Engine, file: Path
) -> None:
    settings = of_file(file)
    assert rules_in_force(settings, engine).rules == read_rules_file(file)
    assert newest_rule_set(engine) is None
    used = load_rules(settings, engine).rules
    file.write_text(GOOD.replace("8001", "8002"))
    assert rules_in_force(settings, engine).rules == used
    assert newest_rule_set(engine) == used


def test_the_rules_in_force_are_told_to_be_refused_where_none_were_used_yet(
    engine: Engine, file: Path
) -> None:
    file.write_text(BROKEN)
    found = rules_in_force(of_file(file), engine)
    assert found.rules == EMPTY_RULES
    assert found.problem is not None


def test_a_database_without_the_tables_is_no_fault_of_the_rules(engine: Engine, file: Path) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0002'"))
        connection.execute(text("DROP TABLE recording_rule_set, recording_rule"))
    for settings in (of_file(file), Settings()):
        with pytest.raises(ConfigurationError, match="run cx-pipeline migrate"):
            load_rules(settings, engine)
