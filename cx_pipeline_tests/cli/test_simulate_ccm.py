"""`cx-pipeline simulate ccm` as a process, over real HTTP."""

import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest
from click.testing import CliRunner

from cx_pipeline.cli.simulate import simulate
from cx_pipeline.simulator.ccm.authorisation import TOKEN_PATH
from cx_pipeline_tests.simulator.ccm.messages import VOICE, message

PROGRAM = [sys.executable, "-m", "cx_pipeline.cli.main", "simulate", "ccm", "--port", "0"]


@contextmanager
def serving(*options):
    """The command, and its address once it has told it."""
    with subprocess.Popen(
        [*PROGRAM, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as command:
        try:
            line = command.stdout.readline()
            found = re.fullmatch(r"conversation manager at (http://127\.0\.0\.1:\d+)\n", line)
            assert found, line + command.stderr.read()
            yield command, found.group(1)
        finally:
            command.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_told_to_end_and_says_what_it_got(number, tmp_path):
    journal = tmp_path / "journal.ndjson"
    with serving("--journal", str(journal)) as (command, url):
        for _ in range(2):
            assert httpx.post(url + VOICE, json=message("CALL_LEG_STARTED"), trust_env=False).is_success
        command.send_signal(number)
        out, err = command.communicate(timeout=30)
    assert (command.returncode, out, err) == (0, "1 messages, 1 duplicates\n", "")


def test_what_it_answered_survives_a_kill(tmp_path):
    journal = tmp_path / "journal.ndjson"
    with serving("--journal", str(journal)) as (command, url):
        assert httpx.post(url + VOICE, json=message("CALL_LEG_STARTED"), trust_env=False).is_success
        command.kill()
        command.wait(timeout=30)
    with journal.open("ab") as out:
        out.write(b'{"message": {"id": ')
    with serving("--journal", str(journal)) as (_, url):
        assert httpx.get(url + "/ledger", trust_env=False).json()["messages"] == 1


def test_options_say_how_it_fails_and_whom_it_lets_in():
    options = ("--error-rate", "1", "--client-id", "pipeline", "--client-secret", "s3cret", "--seed", "3")
    with serving(*options) as (_, url):
        assert httpx.post(url + VOICE, json={}, trust_env=False).status_code == 401
        form = {"grant_type": "client_credentials", "client_id": "pipeline", "client_secret": "s3cret"}
        token = httpx.post(url + TOKEN_PATH, data=form, trust_env=False).json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        assert httpx.post(url + VOICE, json={}, headers=bearer, trust_env=False).status_code == 500


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--client-id", "x"], "give --client-id and --client-secret together"),
        (["--client-id", "x", "--client-secret", "y", "--token", "z"], "give either --token or --client-id"),
        (["--drop-rate", "2"], "--drop-rate"),
    ],
)
def test_options_that_contradict_each_other_are_wrong_use(options, said):
    result = CliRunner().invoke(simulate, ["ccm", *options])
    assert result.exit_code == 2
    assert said in result.output


def test_a_journal_that_is_none_is_told_in_one_line(tmp_path):
    journal = tmp_path / "journal.ndjson"
    journal.write_text("nonsense\n")
    result = subprocess.run(
        [*PROGRAM, "--journal", str(journal)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert re.fullmatch(r"cx-pipeline: .*journal\.ndjson, line 1: no JSON.*\n", result.stderr)
