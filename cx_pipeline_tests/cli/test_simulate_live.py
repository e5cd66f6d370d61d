"""`cx-pipeline simulate live`: what a deployment is told of the site beforehand, and wrong use."""

import json
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr

from cx_pipeline.adapters.access.token_file import parse_tokens, token_hash
from cx_pipeline.adapters.directory.yaml_file import read_directory_file
from cx_pipeline.cli.main import cli
from cx_pipeline.core.access_scopes import EVENTS_WRITE, RECORDERS_WRITE
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.settings import load_settings
from cx_pipeline.simulator.live.plan import LivePlan
from cx_pipeline.simulator.live.site import tenants_of


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["simulate", "live", *map(str, arguments)])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CX_HOME", str(tmp_path / "home"))
    return tmp_path


def test_the_prepared_variables_tell_a_deployment_all_of_the_site(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home / "site"
    made = run("--prepare", folder, "--ccm", "http://127.0.0.1:8123")
    assert made.exit_code == 0, made.output
    variables = folder / "live.env"
    assert variables.stat().st_mode & 0o077 == 0
    for line in variables.read_text().splitlines():
        name, _, value = line.partition("=")
        monkeypatch.setenv(name, shlex.split(value)[0])
    settings = load_settings()
    tenants = set(tenants_of(LivePlan(datetime.now(UTC))))
    assert set(settings.cisco_sources[0].tenants.values()) == tenants
    assert settings.directory_file is not None
    assert set(read_directory_file(settings.directory_file).agents["tenant_id"]) == tenants
    assert str(settings.ccm_url) == "http://127.0.0.1:8123/"
    assert settings.stream_roots == (folder / "streams",)
    assert settings.link_mode == "signed"


def test_the_prepared_token_may_tell_events_and_recordings_and_nothing_else(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = home / "site"
    assert run("--prepare", folder).exit_code == 0
    token = (folder / "token").read_text().strip()
    line = next(line for line in (folder / "live.env").read_text().splitlines() if "GATEWAY_TOKENS" in line)
    (kept,) = parse_tokens(shlex.split(line.partition("=")[2])[0], "the variables")
    assert kept.sha256 == token_hash(token)
    assert set(kept.scopes) == {EVENTS_WRITE, RECORDERS_WRITE}
    assert token not in (folder / "live.env").read_text()


def test_preparing_twice_keeps_keys_and_token(home: Path) -> None:
    folder = home / "site"
    kept = []
    for _ in range(2):
        assert run("--prepare", folder).exit_code == 0
        kept.append([(folder / name).read_text() for name in ("token", "link-key", "key-ring.json")])
    assert kept[0] == kept[1]
    assert json.loads(kept[0][2])


def test_a_folder_that_cannot_be_written_is_named(home: Path) -> None:
    (home / "file").write_text("")
    made = run("--prepare", home / "file" / "site")
    assert made.exit_code == 1
    assert isinstance(made.exception, ConfigurationError)
    assert "file/site" in str(made.exception)


def test_without_a_folder_of_recorders_nothing_is_played(
    home: Path, database_url: SecretStr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CX_DATABASE_URL", database_url.get_secret_value())
    played = run("--seconds", "1")
    assert isinstance(played.exception, ConfigurationError)
    assert "CX_STREAM_ROOTS" in str(played.exception)


def test_a_token_file_that_is_not_there_is_named(
    home: Path, database_url: SecretStr, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "streams").mkdir()
    monkeypatch.setenv("CX_DATABASE_URL", database_url.get_secret_value())
    monkeypatch.setenv("CX_STREAM_ROOTS", json.dumps([str(home / "streams")]))
    played = run("--seconds", "1", "--token-file", home / "nowhere")
    assert isinstance(played.exception, ConfigurationError)
    assert "nowhere" in str(played.exception)
    assert [path.name for path in home.iterdir() if path.name.startswith(".cx-live")] == []
