import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cx_pipeline.adapters.access.token_file import read_token_file, token_hash
from cx_pipeline.cli.gateway import gateway
from cx_pipeline.core.errors import ConfigurationError


@pytest.fixture
def tokens_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tokens.json"
    monkeypatch.setenv("CX_GATEWAY_TOKENS_FILE", str(path))
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(gateway, ["token", *arguments])


def test_a_token_is_printed_once_and_only_its_hash_is_kept(tokens_file: Path) -> None:
    result = run("create", "recorder-1", "--tenant", "acme", "--scope", "recorders:write")
    assert result.exit_code == 0, result.output
    text = result.stdout.strip()
    assert "\n" not in text, "so that $(…) takes it"
    (kept,) = read_token_file(tokens_file)
    assert (kept.name, kept.tenant, kept.scopes) == ("recorder-1", "acme", ("recorders:write",))
    assert kept.sha256 == token_hash(text)
    assert text not in tokens_file.read_text(encoding="utf-8")
    assert text not in run("list").output


def test_tokens_are_listed_with_their_rights_and_revoked_by_name(tokens_file: Path) -> None:
    run("create", "b", "--tenant", "*", "--scope", "metrics:read", "--expires", "2099-01-01T00:00:00+02:00")
    run("create", "a", "--tenant", "acme", "--scope", "recordings:play", "--scope", "recordings:read")
    rows = [line.split() for line in run("list").output.splitlines()]
    assert rows[1] == ["a", "acme", "recordings:play,", "recordings:read", "never"]
    assert rows[2] == ["b", "*", "metrics:read", "2098-12-31", "22:00:00"]
    assert run("revoke", "a").output == "Token a is revoked.\n"
    assert [token.name for token in read_token_file(tokens_file)] == ["b"]
    assert isinstance(run("revoke", "a").exception, ConfigurationError)


def test_an_expired_token_is_told_as_such(tokens_file: Path) -> None:
    row = {"name": "old", "sha256": "0" * 64, "tenant": "x", "expires_at": "2020-01-01T00:00:00Z"}
    tokens_file.write_text(json.dumps([row]), encoding="utf-8")
    assert "(expired)" in run("list").output


@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "a", "--tenant", "acme"),
        ("create", "a", "--scope", "events:write"),
        ("create", "a", "--tenant", "acme", "--scope", "events:all"),
        ("create", " ", "--tenant", "acme", "--scope", "events:write"),
        ("create", "a", "--tenant", "acme", "--scope", "events:write", "--expires", "2020-01-01T00:00:00Z"),
        ("create", "a", "--tenant", "acme", "--scope", "events:write", "--expires", "tomorrow"),
    ],
)
def test_wrong_use_is_told_and_makes_nothing(tokens_file: Path, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2
    assert not tokens_file.exists()


def test_tokens_that_no_command_can_change_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for tokens, named in ((None, "CX_GATEWAY_TOKENS_FILE"), ("[]", "no command can change")):
        if tokens is not None:
            monkeypatch.setenv("CX_GATEWAY_TOKENS", tokens)
        result = run("list")
        assert isinstance(result.exception, ConfigurationError)
        assert named in str(result.exception)


def test_a_wrong_setting_is_told_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CX_GATEWAY_BODY_MB", "-1")
    result = CliRunner().invoke(gateway, ["--port", "0"])
    assert isinstance(result.exception, ConfigurationError)
    assert "CX_GATEWAY_BODY_MB" in str(result.exception)
