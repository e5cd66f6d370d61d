"""`cx-pipeline listen` as a process, beside a gateway that runs."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cx_pipeline.cli.listen import listen
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline_tests.gateway.running import Gateway, gateway_settings_in, make_tokens, running_gateway
from cx_pipeline_tests.waiting import PATIENCE_S, eventually

EVENT = '{"event_time":"2026-01-31T09:00:00Z","event_name":"CallActiveEv","global_call_id":"1_%d","extension":"1001"}\n'


@pytest.fixture(scope="module")
def tokens() -> Mapping[str, str]:
    return make_tokens()


@pytest.fixture
def gateway(tmp_path: Path, database_url: SecretStr, tokens: Mapping[str, str]) -> Iterator[Gateway]:
    with running_gateway(gateway_settings_in(tmp_path / "gateway", database_url, tokens), tokens) as running:
        yield running


@pytest.fixture
def token_file(tmp_path: Path, tokens: Mapping[str, str]) -> Path:
    file = tmp_path / "token"
    file.write_text(tokens["listener"])
    return file


def environment(home: Path, **given: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CX_")}
    return {**kept, "CX_HOME": str(home), **given}


def started(
    home: Path, *arguments: str, url: SecretStr | None = None, stdin: Any = None
) -> subprocess.Popen[str]:
    given = {} if url is None else {"CX_DATABASE_URL": url.get_secret_value()}
    return subprocess.Popen(
        [sys.executable, "-m", "cx_pipeline.cli.main", "listen", *arguments],
        env=environment(home, **given),
        stdin=stdin,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str], number: int | None = None) -> str:
    """What a process said, once it was told to end."""
    if number is not None:
        process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE_S)
    return said


def count_of(engine: Engine, condition: str = "true", table: str = "jtapi_event") -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table} WHERE {condition}")).scalar_one())


def append(file: Path, numbers: range) -> None:
    with file.open("a") as opened:
        opened.writelines(EVENT % number for number in numbers)


def test_of_two_listeners_the_second_takes_over_when_the_first_is_killed_and_every_event_is_stored_once(
    tmp_path: Path, gateway: Gateway, token_file: Path, database_url: SecretStr, engine: Engine
):
    file = tmp_path / "events.ndjson"
    append(file, range(40))
    arguments = (str(file), "--gateway", gateway.url, "--token-file", str(token_file), "--lease", "cucm")
    first = started(tmp_path / "a", *arguments, "--listener-id", "a", url=database_url)
    try:
        assert eventually(lambda: count_of(engine) == 40)
        second = started(tmp_path / "b", *arguments, "--listener-id", "b", url=database_url)
        assert eventually(lambda: count_of(engine, "listener_id = 'b'", "listener_heartbeat") > 0)
        append(file, range(40, 60))
        assert eventually(lambda: count_of(engine) == 60)
        assert count_of(engine, "listener_id = 'b' AND is_connected", "listener_heartbeat") == 0
    finally:
        first.kill()
        ended(first)
    append(file, range(60, 100))
    assert eventually(lambda: count_of(engine) == 100)
    said = ended(second, signal.SIGTERM)
    assert second.returncode == 0
    assert "holding the lease cucm" in said
    assert count_of(engine) == count_of(engine, "listener_id = 'cucm' AND tenant_id = 'acme'") == 100


def test_what_a_killed_listener_heard_on_standard_input_is_sent_by_the_next(
    tmp_path: Path, gateway: Gateway, token_file: Path, engine: Engine
):
    arguments = ("-", "--token-file", str(token_file), "--gateway")
    killed = started(tmp_path / "home", *arguments, "http://127.0.0.1:9", stdin=subprocess.PIPE)
    assert killed.stdin is not None
    killed.stdin.write(EVENT % 1 + "no json\n" + EVENT % 2)
    killed.stdin.flush()
    folder = tmp_path / "home" / "listeners"
    assert eventually(lambda: any(each.read_text().count("\n") == 3 for each in folder.glob("*/*.ndjson")))
    killed.kill()
    ended(killed)
    following = started(tmp_path / "home", *arguments, gateway.url, stdin=subprocess.DEVNULL)
    assert "3 lines delivered (1 quarantined)" in ended(following)
    assert following.returncode == 0
    assert count_of(engine) == 2
    assert count_of(engine, table="quarantined_input") == 1


def run(*arguments: str) -> Result:
    return CliRunner().invoke(listen, arguments)


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("CX_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CX_HOME", str(tmp_path / "home"))
    return tmp_path


def test_once_delivers_a_file_as_it_is_and_the_next_time_what_was_added(
    at_home: Path, gateway: Gateway, token_file: Path, engine: Engine
):
    file = at_home / "events.ndjson"
    append(file, range(3))
    arguments = (str(file), "--once", "--gateway", gateway.url, "--token-file", str(token_file))
    first = run(*arguments)
    append(file, range(3, 5))
    second, third = run(*arguments), run(*arguments, "--from-start")
    assert [result.exit_code for result in (first, second, third)] == [0, 0, 0]
    said = [result.stderr.splitlines()[-1][21:] for result in (first, second, third)]
    assert said == [f"{n} lines delivered, 0 refused" for n in (3, 2, 5)]
    assert count_of(engine) == 5


def test_a_token_that_is_refused_ends_it_at_once_and_is_not_printed(at_home: Path, gateway: Gateway):
    (at_home / "token").write_text("nobodys-token")
    append(at_home / "events.ndjson", range(1))
    result = run("events.ndjson", "--gateway", gateway.url, "--token-file", "token")
    assert isinstance(result.exception, ConfigurationError)
    assert "token" in str(result.exception)
    assert "nobodys-token" not in f"{result.exception} {result.output}"


def test_a_gateway_that_is_away_leaves_everything_for_the_next_time(at_home: Path):
    append(at_home / "events.ndjson", range(1))
    result = run("events.ndjson", "--once", "--gateway", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert "does not answer" in result.stderr
    position = json.loads(next((at_home / "home" / "listeners").glob("*.position.json")).read_text())
    assert position["offset"] == 0


@pytest.mark.parametrize("arguments", [(), ("-", "--once"), ("-", "--from-start"), ("a", "--colour")])
def test_wrong_use_is_told_as_that(at_home: Path, arguments: tuple[str, ...]):
    assert run(*arguments).exit_code == 2
