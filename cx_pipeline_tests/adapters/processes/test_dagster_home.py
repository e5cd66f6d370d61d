import os
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from cx_pipeline.adapters.processes.dagster_home import (
    DEFINITIONS,
    LOCATION,
    instance_configuration,
    prepare_dagster_home,
)
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[3]


def settings(home: Path) -> Settings:
    return Settings(
        _env_file=None,
        home=home,
        dagster_database_url=SecretStr("postgresql://cx:s3cret@db.example/dagster"),
        max_concurrent_runs=3,
    )


def test_the_repository_s_own_configuration_is_what_is_used(tmp_path):
    home = prepare_dagster_home(settings(tmp_path))
    assert instance_configuration() == REPOSITORY / "dagster.yaml"
    assert (home.folder / "dagster.yaml").read_bytes() == (REPOSITORY / "dagster.yaml").read_bytes()


def test_every_variable_that_the_configuration_reads_is_given(tmp_path):
    def variables(node):
        if isinstance(node, dict):
            yield from (
                [node["env"]]
                if set(node) == {"env"}
                else (v for each in node.values() for v in variables(each))
            )
        elif isinstance(node, list):
            yield from (v for each in node for v in variables(each))

    home = prepare_dagster_home(settings(tmp_path))
    read = set(variables(yaml.safe_load(instance_configuration().read_text())))
    assert read <= set(home.environment)
    assert home.environment["CX_MAX_CONCURRENT_RUNS"] == "3"
    # The driver that dagster-postgres installs: a bare postgresql:// is another one's.
    assert home.environment["CX_DAGSTER_DATABASE_URL"] == "postgresql+psycopg2://cx:s3cret@db.example/dagster"


def test_the_database_s_password_is_in_no_file(tmp_path):
    prepare_dagster_home(settings(tmp_path))
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()]


def test_both_workspaces_name_the_same_location(tmp_path):
    """Cursors and states hang on its name: under another one, sensors would begin anew."""
    home = prepare_dagster_home(settings(tmp_path))
    (served,) = yaml.safe_load(home.workspace.read_text())["load_from"]
    (loaded,) = yaml.safe_load((REPOSITORY / "workspace.yaml").read_text())["load_from"]
    assert served["grpc_server"]["location_name"] == loaded["python_module"]["location_name"] == LOCATION
    assert loaded["python_module"]["module_name"] == DEFINITIONS


def test_a_home_with_a_long_name_gets_a_socket_that_can_be_bound(tmp_path):
    long = tmp_path / ("x" * 120)
    first, again = prepare_dagster_home(settings(long)).socket, prepare_dagster_home(settings(long)).socket
    assert len(os.fsencode(first)) <= 107
    assert first == again
    assert first != prepare_dagster_home(settings(long / "other")).socket


def test_a_home_that_cannot_be_written_is_told_by_its_setting(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="CX_HOME"):
        prepare_dagster_home(settings(tmp_path / "file"))
