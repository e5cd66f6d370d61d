from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import SecretStr
from sqlalchemy import Engine

from cx_pipeline.adapters.directory.tables import read_directory_tables
from cx_pipeline.cli.directory import directory
from cx_pipeline.core.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: SecretStr) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CX_DATABASE_URL", database_url.get_secret_value())


def test_a_file_is_loaded_into_the_tables(engine: Engine) -> None:
    Path("d.yaml").write_text("agents: [{extension: 1}, {extension: 2}]\nclusters: [{cluster: 1}]")
    result = CliRunner().invoke(directory, ["load", "d.yaml"])
    assert result.exit_code == 0
    assert result.stdout == "3 entries: 2 agents, 0 service_numbers, 0 ranges, 0 domains, 1 clusters\n"
    assert read_directory_tables(engine).agents["extension"].to_list() == ["1", "2"]


def test_a_file_with_a_fault_changes_nothing(engine: Engine) -> None:
    Path("d.yaml").write_text("agents: [{extension: 1}]")
    CliRunner().invoke(directory, ["load", "d.yaml"])
    Path("d.yaml").write_text("agents: [{extension: 2}, {team: x}]")
    result = CliRunner().invoke(directory, ["load", "d.yaml"])
    assert isinstance(result.exception, ConfigurationError)
    assert read_directory_tables(engine).agents["extension"].to_list() == ["1"]


@pytest.mark.parametrize("arguments", [["load"], ["load", "missing.yaml"], ["unload"]])
def test_wrong_use_is_told(arguments: list[str]) -> None:
    assert CliRunner().invoke(directory, arguments).exit_code == 2
