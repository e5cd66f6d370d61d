"""The gateway as a process: where it tells its address, how it ends, and what it says when it cannot start."""

import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.gateway.serving.logs import WithoutSecrets
from cx_pipeline.gateway.serving.server import listening_socket
from cx_pipeline_tests.gateway.probes import add_probes
from cx_pipeline_tests.gateway.running import AWAY, TLS, gateway_settings_in, running_gateway
from cx_pipeline_tests.gateway.serving.sockets import wire_to

ADDRESS = re.compile(r"The gateway listens at (http://\S+)")
END_TIMEOUT_S = 30


@contextmanager
def started(environment: Mapping[str, str], *command: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            told = ADDRESS.search(process.stdout.readline())
            assert told is not None, process.stderr and process.stderr.read()
            yield process, told.group(1)
        finally:
            process.kill()


@pytest.fixture
def environment(tmp_path: Path, tokens: Mapping[str, str]) -> dict[str, str]:
    return {**gateway_settings_in(tmp_path, AWAY, tokens).as_environment(), "CX_GATEWAY_PORT": "0"}


def test_it_is_started_by_the_command_and_ends_well_with_what_is_under_way_and_new_comers_refused(
    environment: dict[str, str], tokens: Mapping[str, str]
) -> None:
    command = ("cx_pipeline.cli.main", "gateway", "--port", "0")
    # The listener's token, and a database that is away: the events go to the spool, which is fsynced.
    with started(environment, *command) as (process, address):
        with httpx.Client(base_url=address, trust_env=False, timeout=20, verify=TLS) as client:
            assert client.get("/healthz").json() == {"status": "alive"}
            answers: list[httpx.Response] = []

            def slowly() -> Iterator[bytes]:
                yield b'{"event": "x"'
                is_under_way.set()
                time.sleep(0.5)
                yield b"}"

            is_under_way = threading.Event()
            sending = threading.Thread(
                target=lambda: answers.append(
                    client.post(
                        "/events",
                        content=slowly(),
                        headers={
                            "Authorization": f"Bearer {tokens['listener']}",
                            "Content-Type": "application/json",
                        },
                    )
                )
            )
            sending.start()
            assert is_under_way.wait(10)
            time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            with pytest.raises(httpx.ConnectError):
                httpx.get(f"{address}/healthz", trust_env=False, verify=TLS)
            sending.join()
        assert process.wait(END_TIMEOUT_S) == 0
        assert process.stderr is not None
        log = process.stderr.read()
    assert answers[0].status_code < 500, answers[0].text
    assert answers[0].headers["connection"] == "close"
    assert "Traceback" not in log
    assert tokens["listener"] not in log


def test_rooms_that_cannot_be_opened_are_told_in_one_line_with_exit_code_1(
    environment: dict[str, str],
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "cx_pipeline.gateway"],
        env={**os.environ, **environment, "CX_GATEWAY_TOKENS": "[1]"},
        capture_output=True,
        text=True,
        timeout=END_TIMEOUT_S,
        check=False,
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "CX_GATEWAY_TOKENS holds no list of tokens" in ended.stderr
    assert ended.stdout == ""


def test_an_address_that_is_taken_or_not_ours_is_told() -> None:
    with listening_socket("127.0.0.1", 0) as taken:
        for host, port in (("127.0.0.1", taken.getsockname()[1]), ("203.0.113.1", 0)):
            with pytest.raises(ConfigurationError, match="CX_GATEWAY_HOST"):
                listening_socket(host, port)


def test_a_line_of_the_log_shows_no_secret() -> None:
    record = logging.LogRecord(
        "x",
        logging.INFO,
        "x",
        1,
        "GET /a?tenant=acme&signature=s3cret&x=1 with Bearer s3cret.s3cret code=s3cret",
        None,
        None,
    )
    line = WithoutSecrets("%(message)s").format(record)
    assert "s3cret" not in line
    assert "tenant=acme" in line


def test_what_is_on_its_way_when_the_gateway_ends_is_answered(
    tmp_path: Path, tokens: Mapping[str, str]
) -> None:
    settings = gateway_settings_in(tmp_path, AWAY, tokens)
    with ExitStack() as stack:
        gateway = stack.enter_context(running_gateway(settings, tokens, add_probes))
        begun, silent, used = (stack.enter_context(wire_to(gateway)) for _ in range(3))
        begun.send("GET /healthz HTTP/1.1\r\n")
        used.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"alive" in used.read_until(b'"}')
        time.sleep(0.05)
        gateway.server.should_exit = True
        time.sleep(0.15)
        used.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")  # the client does not know yet
        assert b"connection: close" in used.read_all()
        assert silent.read_all() == b""
        begun.send("Host: x\r\n\r\n")
        answer = begun.read_all()
        assert b"alive" in answer
        assert b"connection: close" in answer
