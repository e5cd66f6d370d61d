"""Where a deployment's recording rules come from, and what holds while they are wrong."""

from dataclasses import dataclass

from sqlalchemy import Engine

from cx_pipeline.adapters.database.migrate import is_migrated
from cx_pipeline.adapters.recording_rules.table import newest_rule_set, read_rules_table, remember_rule_set
from cx_pipeline.adapters.recording_rules.yaml_file import read_rules_file
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.core.recording.rule_parsing import EMPTY_RULES
from cx_pipeline.core.recording.rules import RuleSet
from cx_pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """The rules that are in force. `problem` says why they are not the newest ones; null where they are."""

    rules: RuleSet
    problem: str | None = None


def load_rules(settings: Settings, engine: Engine) -> LoadedRules:
    """The rules of `CX_RECORDING_RULES_FILE` if it is set, else of the database's table; else the last good ones.

    Rules that are wrong stop nothing: the set that was in force last stays, and where there was none, everything is
    recorded. A set that is right is remembered.

    Raises:
        DatabaseUnavailableError: the database does not answer.
        ConfigurationError: the database has not been migrated.
    """
    try:
        rules = read_rules(settings, engine)
    except ConfigurationError as error:
        last, also = _last_good(engine)
        return LoadedRules(last or EMPTY_RULES, "\n".join([str(error), *also]))
    remember_rule_set(engine, rules)
    return LoadedRules(rules)


def rules_in_force(settings: Settings, engine: Engine) -> LoadedRules:
    """The rules that the pipeline used last; those that it would use, where it has not run yet. Nothing is written.

    Raises:
        DatabaseUnavailableError: the database does not answer.
        ConfigurationError: the database has not been migrated.
    """
    last = newest_rule_set(engine)
    if last is not None:
        return LoadedRules(last)
    try:
        return LoadedRules(read_rules(settings, engine))
    except ConfigurationError as error:
        return LoadedRules(EMPTY_RULES, str(error))


def read_rules(settings: Settings, engine: Engine) -> RuleSet:
    """The rules as they stand in the file or the table now.

    Raises:
        ConfigurationError: they are wrong; the message names the line.
        DatabaseUnavailableError: the database does not answer.
    """
    if settings.recording_rules_file is not None:
        return read_rules_file(settings.recording_rules_file)
    return read_rules_table(engine)


def _last_good(engine: Engine) -> tuple[RuleSet | None, list[str]]:
    """The set that was in force last, and what is wrong with it: an older program may have known other rules."""
    if not is_migrated(engine):
        raise ConfigurationError("the database lacks the newest tables: run cx-pipeline migrate")
    try:
        return newest_rule_set(engine), []
    except ConfigurationError as error:
        return None, [str(error)]
