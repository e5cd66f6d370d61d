import json
import logging
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from cx_pipeline.adapters.access import token_store
from cx_pipeline.adapters.access.token_file import (
    StaticToken,
    added,
    change_token_file,
    new_token,
    parse_tokens,
    read_token_file,
    token_hash,
    without,
)
from cx_pipeline.adapters.access.token_store import TokenStore
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.settings import Settings

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ROW = {"name": "a", "sha256": "0" * 64, "tenant": "acme", "scopes": ["events:write"]}


def made(name: str, text: str, **given: object) -> StaticToken:
    return StaticToken.model_validate({**ROW, "name": name, "sha256": token_hash(text), **given})


@pytest.fixture(autouse=True)
def _look_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_store, "LOOK_AGAIN_S", 0.0)


def store_of(path: Path | None = None, tokens: str | None = None) -> TokenStore:
    given = None if tokens is None else SecretStr(tokens)
    return TokenStore(Settings(_env_file=None, gateway_tokens_file=path, gateway_tokens=given))


def test_what_is_written_is_read_and_holds_no_token(tmp_path: Path) -> None:
    path, text = tmp_path / "secrets" / "tokens.json", new_token()
    expiry = NOW + timedelta(days=1)
    change_token_file(path, lambda tokens: added(tokens, made("a", text, expires_at=expiry)))
    change_token_file(path, lambda tokens: added(tokens, made("b", new_token())))
    first, second = read_token_file(path)
    assert (first.name, first.tenant, first.scopes, first.expires_at) == (
        "a",
        "acme",
        ("events:write",),
        expiry,
    )
    assert second.expires_at is None
    assert text not in path.read_text(encoding="utf-8")
    assert not path.stat().st_mode & (stat.S_IRWXO | stat.S_IWGRP)


def test_tokens_are_long_and_never_the_same() -> None:
    texts = {new_token() for _ in range(100)}
    assert len(texts) == 100
    assert min(map(len, texts)) > 40


def test_a_name_is_taken_once_and_taken_away_once(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    change_token_file(path, lambda tokens: added(tokens, made("a", new_token())))
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="a token a already"):
        change_token_file(path, lambda tokens: added(tokens, made("a", new_token())))
    with pytest.raises(ConfigurationError, match="no token b"):
        change_token_file(path, lambda tokens: without(tokens, "b"))
    assert path.read_bytes() == before
    assert change_token_file(path, lambda tokens: without(tokens, "a")) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        json.dumps([{**ROW, "sha256": "s3cret-token"}]),
        json.dumps([{**ROW, "sha256": "A" * 64}]),
        json.dumps([{**ROW, "tenant": ""}]),
        json.dumps([{**ROW, "expires_at": "2026-01-01T00:00:00"}]),
        json.dumps([{**ROW, "expires": "2026-01-01T00:00:00Z"}]),
        json.dumps([ROW, {**ROW, "sha256": "1" * 64}]),
        json.dumps([ROW, {**ROW, "name": "b"}]),
    ],
)
def test_what_is_no_list_of_tokens_is_told_without_a_hash(text: str) -> None:
    with pytest.raises(ConfigurationError, match="the place") as refusal:
        parse_tokens(text, "the place")
    assert "s3cret" not in str(refusal.value)
    assert "0" * 64 not in str(refusal.value)


def test_a_token_is_found_until_it_expires(tmp_path: Path) -> None:
    path, text = tmp_path / "tokens.json", new_token()
    change_token_file(path, lambda tokens: added(tokens, made("a", text, expires_at=NOW)))
    store = store_of(path)
    found = store.find(text, NOW - timedelta(seconds=1))
    assert found is not None
    assert found.name == "a"
    assert store.find(text, NOW) is None
    for other in ("", text[:-1], text + "x", token_hash(text), "\ud800"):
        assert store.find(other, NOW - timedelta(seconds=1)) is None


def test_tokens_of_the_environment_and_of_a_file_count_alike(tmp_path: Path) -> None:
    path, of_file, of_environment = tmp_path / "tokens.json", new_token(), new_token()
    change_token_file(path, lambda tokens: added(tokens, made("a", of_file)))
    store = store_of(path, json.dumps([{**ROW, "name": "b", "sha256": token_hash(of_environment)}]))
    assert store.find(of_file, NOW) is not None
    assert store.find(of_environment, NOW) is not None


def test_a_change_of_the_file_counts_at_once(tmp_path: Path) -> None:
    path, text = tmp_path / "tokens.json", new_token()
    store = store_of(path)  # there is none yet
    assert store.find(text, NOW) is None
    change_token_file(path, lambda tokens: added(tokens, made("a", text)))
    assert store.find(text, NOW) is not None
    path.unlink()
    assert store.find(text, NOW) is None


def test_a_slip_in_the_file_locks_nobody_out_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever configures logging anew, as servers do when they start, may have switched it off.
    monkeypatch.setattr(logging.getLogger(token_store.__name__), "disabled", False)
    path, text = tmp_path / "tokens.json", new_token()
    change_token_file(path, lambda tokens: added(tokens, made("a", text)))
    store, good = store_of(path), path.read_text(encoding="utf-8")
    path.write_text(good[:-5], encoding="utf-8")
    assert store.find(text, NOW) is not None
    assert "holds no list of tokens" in store.trouble
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    path.write_text(good, encoding="utf-8")
    os.utime(path, ns=(1, 1))
    assert store.find(text, NOW) is not None
    assert store.trouble == ""
    path.write_text("[", encoding="utf-8")
    with pytest.raises(ConfigurationError):
        store_of(path)


def test_a_file_that_is_not_there_is_told_until_it_comes_and_again_when_it_goes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_store._log, "disabled", False)
    path = tmp_path / "tokens.json"
    store = store_of(path)
    assert f"there is no file of tokens {path}" in store.trouble
    assert "nobody has a token of it" in caplog.text
    path.write_text("[]", encoding="utf-8")
    store.find("any", datetime.now(UTC))
    assert store.trouble == ""
    path.unlink()
    store.find("any", datetime.now(UTC))
    assert "gateway token create" in store.trouble
