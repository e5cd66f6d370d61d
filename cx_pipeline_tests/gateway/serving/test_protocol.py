"""Clients that are slow, silent or endless are cut; those that behave are not."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping

import pytest

from cx_pipeline_tests.gateway.probes import add_probes
from cx_pipeline_tests.gateway.running import AWAY, Gateway, gateway_settings_in, running_gateway
from cx_pipeline_tests.gateway.serving.sockets import wire_to

TIMEOUT_S = 0.4
HEAD = "GET /healthz HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, tokens: Mapping[str, str]) -> Iterator[Gateway]:
    settings = gateway_settings_in(
        tmp_path_factory.mktemp("strict"), AWAY, tokens, gateway_read_timeout_s=TIMEOUT_S, gateway_header_kb=8
    )
    with running_gateway(settings, tokens, add_probes) as running:
        yield running


def test_a_client_that_says_nothing_is_cut(strict: Gateway) -> None:
    with wire_to(strict) as wire:
        assert wire.read_all() == b""


def test_a_client_that_dribbles_its_head_is_cut(strict: Gateway) -> None:
    with wire_to(strict) as wire:
        answer = wire.dribble(HEAD + "X-Slow: " + "a" * 1000, every_s=0.02)
        assert answer.startswith((b"HTTP/1.1 408 ", b"")), answer
        assert wire.read_all() == b""


def test_a_client_that_dribbles_its_body_is_cut(strict: Gateway) -> None:
    with wire_to(strict) as wire:
        wire.send("POST /probe/body HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        assert b" 408 " in wire.dribble("b" * 1000, every_s=0.02)


def test_a_client_that_dribbles_chunks_is_cut(strict: Gateway) -> None:
    with wire_to(strict) as wire:
        wire.send("POST /probe/body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert b" 408 " in wire.dribble("1\r\nb\r\n" * 500, every_s=0.02)


def test_a_second_request_on_a_connection_has_its_own_time(strict: Gateway) -> None:
    with wire_to(strict) as wire:
        for _ in range(3):
            wire.send(HEAD + "\r\n")
            assert b"alive" in wire.read_until(b'"}')
            time.sleep(TIMEOUT_S * 0.7)  # all together longer than one request may take
        assert b" 408 " in wire.dribble(HEAD + "X-Slow: " + "a" * 1000, every_s=0.02)


def test_a_request_that_begins_right_behind_another_has_its_time_as_well(strict: Gateway) -> None:
    with wire_to(strict) as wire:
        wire.send(HEAD + "\r\n" + HEAD)
        assert b" 408 " in wire.read_all()


def test_a_connection_without_requests_may_rest(strict: Gateway) -> None:
    with wire_to(strict) as wire:
        wire.send(HEAD + "\r\n")
        assert b"alive" in wire.read_until(b'"}')
        time.sleep(TIMEOUT_S * 2)
        wire.send(HEAD + "\r\n")
        assert b"alive" in wire.read_until(b'"}')


def test_a_request_that_takes_us_long_is_not_the_clients_fault(strict: Gateway) -> None:
    answer = strict.client().get("/probe/slow", params={"seconds": TIMEOUT_S * 2.5})
    assert answer.json() == "done"


def test_a_client_that_does_not_read_its_answer_is_cut(strict: Gateway) -> None:
    with wire_to(strict, receive_bytes=4096) as wire:
        wire.send("GET /probe/large?megabytes=200 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.is_cut_within(TIMEOUT_S * 10)
    running = strict.app.state.metrics.running
    deadline = time.monotonic() + 10
    while running._value.get() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert running._value.get() == 0, "the handler goes on for nobody"


def test_a_client_that_reads_its_answer_slowly_gets_all_of_it(strict: Gateway) -> None:
    with wire_to(strict, receive_bytes=65_536) as wire:
        wire.send("GET /probe/large?megabytes=8 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        wire.connection.settimeout(20)
        read, begun_at = 0, time.monotonic()
        while piece := wire.connection.recv(262_144):
            read += len(piece)
            time.sleep(0.02)
        assert read > 8 * 1_048_576
        assert time.monotonic() - begun_at > TIMEOUT_S


def test_a_client_that_leaves_in_the_middle_ends_its_request(strict: Gateway) -> None:
    with wire_to(strict, receive_bytes=4096) as wire:
        wire.send("GET /probe/large?megabytes=200 HTTP/1.1\r\nHost: x\r\n\r\n")
        wire.read_until(b"x")
        wire.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert strict.client().get("/healthz").is_success


@pytest.mark.parametrize(
    "head",
    [
        HEAD + "X-Long: " + "a" * 20_000 + "\r\n\r\n",
        HEAD + "".join(f"X-{number}: {'a' * 100}\r\n" for number in range(200)) + "\r\n",
        "GET /healthz?" + "a" * 20_000 + " HTTP/1.1\r\nHost: x\r\n\r\n",
        HEAD + "X-Endless: " + "a" * 400_000,
    ],
)
def test_a_head_that_is_too_long_is_refused(strict: Gateway, head: str) -> None:
    with wire_to(strict) as wire:
        threading.Thread(target=lambda: _send_quietly(wire, head), daemon=True).start()
        answer = wire.read_all()
    assert answer.startswith(b"HTTP/1.1 431 "), answer[:100]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["status"] == 431


def test_a_long_body_does_not_make_a_head_too_long(strict: Gateway) -> None:
    assert strict.client().post("/probe/body", content=b"b" * 1_000_000).json() == {"bytes": 1_000_000}


@pytest.mark.parametrize(
    "nonsense",
    [
        "nonsense\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /probe/body HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        "POST /probe/body HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST /probe/body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\r\n b\x00c\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused_without_a_trace(
    strict: Gateway, nonsense: str, caplog: pytest.LogCaptureFixture
) -> None:
    with wire_to(strict) as wire:
        wire.send(nonsense)
        answer = wire.read_all()
    assert answer == b"" or answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 ", b"HTTP/1.1 408 ")), answer
    assert not [record for record in caplog.records if record.exc_info]
    assert strict.client().get("/healthz").is_success


def test_requests_that_come_all_at_once_are_answered_in_order(strict: Gateway) -> None:
    with wire_to(strict) as wire:
        wire.send((HEAD + "\r\n") * 20 + HEAD + "Connection: close\r\n\r\n")
        assert wire.read_all().count(b"alive") == 21


def _send_quietly(wire, text: str) -> None:  # type: ignore[no-untyped-def]
    with contextlib.suppress(OSError):
        wire.send(text)
