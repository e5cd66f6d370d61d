from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import count
from uuid import UUID

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import Engine, inspect, text

from cx_pipeline.adapters.database import gateway_tables, message_tables, recording_tables  # noqa: F401 - all tables are known then
from cx_pipeline.adapters.database.connection import engine_for
from cx_pipeline.adapters.database.embedded import ensure_databases
from cx_pipeline.adapters.database.migrate import is_migrated, migrate
from cx_pipeline.adapters.database.postmaster import Postmaster
from cx_pipeline.adapters.database.tables import metadata
from cx_pipeline.core.errors import ConfigurationError, DatabaseUnavailableError

# A second implementation, in Python, gave these: sha256 over the quoted parts, separated by commas.
IDENTITIES = {
    "'default', 'jtapi', 'L1', '1_1', 'E', '2024-01-15 10:00:00.000001+00', '1001', 'SEP1', 'c1'": (
        "'default','jtapi','L1','1_1','E',1705312800.000001,'1001','SEP1','c1'"
    ),
    "'default', 'jtapi', '', '1_1', 'E', '2024-01-15 10:00:00+00', null, null, null": (
        "'default','jtapi','','1_1','E',1705312800.000000,NULL,NULL,NULL"
    ),
    "'default', 'jtapi', '', '1_1', 'E', '2024-01-15 10:00:00+00', '', null, null": (
        "'default','jtapi','','1_1','E',1705312800.000000,'',NULL,NULL"
    ),
    "'it''s', 'a\\b', '', 'ü', 'E', '2024-01-15 10:00:00+00', 'NULL', null, null": (
        "'it''s',E'a\\b','','ü','E',1705312800.000000,'NULL',NULL,NULL"
    ),
}


_numbers = count(1)


@pytest.fixture
def empty(database_server: Postmaster) -> Iterator[Engine]:
    """An engine on a database without any tables."""
    name = f"empty_{next(_numbers)}"
    ensure_databases(database_server.url("postgres"), name)
    engine = engine_for(SecretStr(database_server.url(name)))
    yield engine
    engine.dispose()


def test_the_tables_in_code_are_those_that_the_migrations_make(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": False}
        )
        assert compare_metadata(context, metadata) == []


def test_migrating_says_what_it_did_and_then_has_nothing_left_to_do(empty: Engine) -> None:
    assert not is_migrated(empty)
    first = migrate(empty)
    assert first.before is None
    assert first.applied[0].startswith("0001 ")
    assert is_migrated(empty)
    again = migrate(empty)
    assert (again.before, again.after, again.applied) == (first.after, first.after, ())


def test_two_that_migrate_at_once_both_succeed_and_one_does_the_work(empty: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: migrate(empty), range(4)))
    assert sorted(len(each.applied) > 0 for each in done) == [False, False, False, True]
    assert "call_leg" in inspect(empty).get_table_names()


def test_a_migration_that_is_cut_short_leaves_nothing_behind(empty: Engine) -> None:
    with empty.begin() as connection:
        connection.execute(text("CREATE TABLE directory_cluster (in_the_way int)"))  # the last one to be made
    with pytest.raises(Exception, match="directory_cluster"):
        migrate(empty)
    assert inspect(empty).get_table_names() == ["directory_cluster"]
    with empty.begin() as connection:
        connection.execute(text("DROP TABLE directory_cluster"))
    assert migrate(empty).applied


def test_a_database_of_a_newer_release_is_left_alone(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match=r"9999.*newer release"):
        migrate(engine)


def test_an_unreachable_database_is_one_error_without_its_secret() -> None:
    engine = engine_for(SecretStr("postgresql://someone:geheim@127.0.0.1:1/nothing"))
    with pytest.raises(DatabaseUnavailableError) as raised:
        migrate(engine)
    assert "geheim" not in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("arguments", "identity"), IDENTITIES.items())
def test_an_event_id_is_a_hash_of_the_identity_with_null_apart_from_empty(
    engine: Engine, arguments: str, identity: str
) -> None:
    with engine.connect() as connection:
        made = connection.exec_driver_sql(f"SELECT jtapi_event_id({arguments})").scalar_one()
    assert made == UUID(bytes=sha256(identity.encode()).digest()[:16])


def test_an_event_id_does_not_depend_on_the_time_zone(engine: Engine) -> None:
    statement = text("SELECT jtapi_event_id('t', 's', '', 'k', 'n', '2024-07-15 10:00+00', null, null, null)")
    with engine.connect() as connection:
        first = connection.execute(statement).scalar_one()
        connection.execute(text("SET TIME ZONE 'Asia/Kolkata'"))
        assert connection.execute(statement).scalar_one() == first
