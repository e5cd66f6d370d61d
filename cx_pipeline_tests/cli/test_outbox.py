from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cx_pipeline.cli.outbox import outbox
from cx_pipeline.core.errors import ConfigurationError, DatabaseUnavailableError
from cx_pipeline_tests.adapters.ccm.outbox_content import a_row, fill, fill_calls, message_id, statuses
from cx_pipeline_tests.adapters.ccm.receiver import OK, Receiver, Reply, running_receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture(autouse=True)
def _settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: SecretStr, receiver: Receiver
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CX_DATABASE_URL", database_url.get_secret_value())
    monkeypatch.setenv("CX_CCM_URL", receiver.url)
    monkeypatch.setenv("CX_CCM_TOKEN", "s3cret-token")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(outbox, arguments)


def test_what_is_due_is_sent(engine: Engine, receiver: Receiver) -> None:
    fill_calls(engine, 3, 2)
    result = run("run")
    assert result.exit_code == 0
    assert "Sent         6 attempts: 6 delivered, 0 to be tried again, 0 dead" in result.stdout
    assert "Waiting      0: 0 due" in result.stdout
    assert len(receiver.committed) == 6


def test_a_manager_that_fails_is_told_with_its_last_answer(engine: Engine, receiver: Receiver) -> None:
    fill_calls(engine, 30, 1)
    receiver.script = lambda post: Reply(503, body="down for s3cret-token")
    result = run("run")
    assert result.exit_code == 1
    assert "Stopped      the conversation manager failed ten times in a row" in result.stdout
    assert "Last error   503: down for ***" in result.stdout
    assert "Waiting      30" in result.stdout


def test_a_dead_message_is_a_problem_and_can_be_put_back(engine: Engine, receiver: Receiver) -> None:
    fill_calls(engine, 2, 2)
    receiver.script = lambda post: Reply(422, body="bad leg") if post.message_id == message_id(1, 0) else OK
    result = run("run", "--once")
    assert result.exit_code == 1
    assert "3 delivered, 0 to be tried again, 1 dead" in result.stdout
    listed = run("list", "--status", "dead")
    assert listed.exit_code == 0
    assert message_id(1, 0) in listed.stdout
    assert message_id(0, 0) not in listed.stdout
    assert "422: bad leg" in " ".join(listed.stdout.split())
    receiver.script = lambda post: OK
    result = run("retry", message_id(1, 0))
    assert result.stdout.startswith("1 message put back")
    assert run("run").exit_code == 0
    assert statuses(engine) == {"DELIVERED": 4}


@pytest.mark.parametrize("which", [["--call", "1"], ["--all-dead"]])
def test_dead_messages_are_put_back_by_call_or_all(
    engine: Engine, receiver: Receiver, which: list[str]
) -> None:
    fill_calls(engine, 3, 2)
    receiver.script = lambda post: Reply(422)
    run("run")
    assert statuses(engine) == {"DEAD": 6}
    assert run("retry", *which).exit_code == 0
    put_back = 6 if which == ["--all-dead"] else 2
    assert statuses(engine).get("WAITING") == put_back


def test_what_is_not_dead_is_not_put_back(engine: Engine) -> None:
    fill_calls(engine, 1, 1)
    result = run("retry", message_id(0, 0))
    assert result.exit_code == 1
    assert result.stderr == "None of these messages is dead.\n"


def test_a_list_says_how_many_there_are_and_that_there_are_more(engine: Engine) -> None:
    fill_calls(engine, 2, 3)
    result = run("list", "--limit", "2")
    assert "… and older ones: --limit shows more than 2." in result.stdout
    assert "Waiting      6: 6 due" in result.stdout
    only = run("list", "--call", "1").stdout
    assert message_id(1, 2) in only
    assert message_id(0, 2) not in only
    assert message_id(1, 2) not in run("list", "--since", "2999-01-01T00:00Z").stdout


def test_a_message_is_shown_with_what_it_says_and_its_revisions(engine: Engine, receiver: Receiver) -> None:
    fill(engine, [a_row(1, 0, content="grün")])
    run("run")
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO outbox_message (message_id, ordering_key, leg_id, intent, ordinal, revision, payload, "
                "fingerprint, destination) SELECT :id, ordering_key, leg_id, intent, ordinal, 1, 'no json', "
                "fingerprint, destination FROM outbox_message"
            ),
            {"id": message_id(1, 999)},
        )
    shown = run("show", message_id(1, 0)).stdout
    assert '"content": "grün"' in shown
    assert "Status       DELIVERED 20" in shown
    assert f"Revision     *  0  {message_id(1, 0)}" in shown
    assert f"Revision        1  {message_id(1, 999)}  WAITING" in shown
    assert "no json" in run("show", message_id(1, 999)).stdout


def test_a_message_that_is_not_there_is_told() -> None:
    result = run("show", message_id(7, 7))
    assert result.exit_code == 1
    assert result.stderr == f"The outbox has no message {message_id(7, 7)}.\n"


def test_it_delivers_for_a_time_what_becomes_due(engine: Engine, receiver: Receiver) -> None:
    fill_calls(engine, 1, 1)
    receiver.script = lambda post: Reply(500) if post.attempt == 1 else OK
    result = run("run", "--for", "4")
    assert result.exit_code == 0
    assert "2 attempts: 1 delivered, 1 to be tried again" in result.stdout


def test_without_a_manager_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CX_CCM_URL")
    result = run("run")
    assert isinstance(result.exception, ConfigurationError)
    assert "CX_CCM_URL is not set" in str(result.exception)
    assert run("list").exit_code == 0


def test_a_database_that_is_away_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CX_DATABASE_URL", "postgresql://someone:s3cret@127.0.0.1:9/nowhere")
    result = run("list")
    assert isinstance(result.exception, DatabaseUnavailableError)
    assert "s3cret" not in str(result.exception)


@pytest.mark.parametrize(
    "arguments",
    [
        ["retry"],
        ["retry", "--all-dead", "--call", "1"],
        ["retry", "no-id"],
        ["show", "no-id"],
        ["show"],
        ["list", "--status", "LOST"],
        ["list", "--limit", "0"],
        ["run", "--once", "--for", "3"],
        ["run", "--for", "0"],
    ],
)
def test_wrong_use_is_told(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2
