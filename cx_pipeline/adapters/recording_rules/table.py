"""Recording rules in the database: the table that a site keeps them in, and the sets that were in force."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, delete, func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.recording_tables import recording_rule, recording_rule_set
from cx_pipeline.core.recording.rule_parsing import GivenRule, parse_rules
from cx_pipeline.core.recording.rules import RuleSet

_NOT_OF_THE_RULE = frozenset({"changed_at"})
# One writer at a time; readers go on. Without it, two writers at once would each keep the other's rows.
_ONE_WRITER = text("LOCK TABLE recording_rule IN SHARE ROW EXCLUSIVE MODE")


def read_rules_table(engine: Engine) -> RuleSet:
    """The rules of the table `recording_rule`; an empty one holds none.

    Raises:
        ConfigurationError: a row is wrong (the message names tenant, rule and field), or there is no table yet.
        DatabaseUnavailableError: the database does not answer.
    """
    ordered = select(recording_rule).order_by(recording_rule.c.tenant_id, recording_rule.c.rule_id)
    with database_errors("to read the recording rules"), engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(ordered).mappings()]
    return parse_rules([_given(row) for row in rows], "in the database")


def replace_rules_table(engine: Engine, rules: RuleSet) -> int:
    """Put the rules in the place of what the table holds, in one transaction; how many there are.

    Rows that do not change keep the time of their last change.

    Raises:
        ConfigurationError: there is no table yet.
        DatabaseUnavailableError: the database does not answer; the table holds what it held.
    """
    rows = [dict(each) for each in rules.document]
    with database_errors("to replace the recording rules"), engine.begin() as connection:
        connection.execute(_ONE_WRITER)
        before = {
            (row["tenant_id"], row["rule_id"]): dict(row)
            for row in connection.execute(select(recording_rule)).mappings()
        }
        kept = {_key(row): row for row in rows if _is_same(before.get(_key(row)), row)}
        gone = [key for key in before if key not in kept]
        for tenant_id, rule_id in gone:
            at = (recording_rule.c.tenant_id == tenant_id) & (recording_rule.c.rule_id == rule_id)
            connection.execute(delete(recording_rule).where(at))
        new = [row for row in rows if _key(row) not in kept]
        if new:
            connection.execute(insert(recording_rule), new)
    return len(rows)


def newest_rule_set(engine: Engine) -> RuleSet | None:
    """The set that was in force last; null if there was none, or none that can be read.

    Raises:
        ConfigurationError: what is stored is no set of rules for this program, or there is no table yet.
        DatabaseUnavailableError: the database does not answer.
    """
    newest = select(recording_rule_set).order_by(recording_rule_set.c.loaded_at.desc()).limit(1)
    with database_errors("to read the last good recording rules"), engine.connect() as connection:
        row = connection.execute(newest).mappings().one_or_none()
    if row is None:
        return None
    given = [GivenRule(f"rule {each.get('rule_id')}", each) for each in row["rules"]]
    return parse_rules(given, f"of the set {row['version']}")


def remember_rule_set(engine: Engine, rules: RuleSet) -> None:
    """Keep the set as the one that is in force now; nothing is written where it is that already.

    Raises:
        ConfigurationError: there is no table yet.
        DatabaseUnavailableError: the database does not answer.
    """
    newest = select(recording_rule_set.c.version).order_by(recording_rule_set.c.loaded_at.desc()).limit(1)
    with database_errors("to keep the recording rules"), engine.begin() as connection:
        if connection.execute(newest).scalar_one_or_none() == rules.version:
            return
        row = {"version": rules.version, "rules": [dict(each) for each in rules.document]}
        now = func.clock_timestamp()
        statement = upsert(recording_rule_set).values(**row, loaded_at=now)
        again = statement.on_conflict_do_update(index_elements=["version"], set_={"loaded_at": now})
        connection.execute(again)


def _given(row: Mapping[str, Any]) -> GivenRule:
    place = f"table recording_rule, tenant {row['tenant_id']}, rule {row['rule_id']}"
    return GivenRule(place, {name: value for name, value in row.items() if name not in _NOT_OF_THE_RULE})


def _key(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["tenant_id"], row["rule_id"]


def _is_same(before: Mapping[str, Any] | None, row: Mapping[str, Any]) -> bool:
    return before is not None and all(before[name] == value for name, value in row.items())
