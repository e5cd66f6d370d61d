"""The gateway as a listener sees it: success means safe, and anything else is tried again, or told."""

import socket
from pathlib import Path
from threading import Thread

import httpx
import pytest
import stamina
from pydantic import SecretStr

from cx_pipeline.adapters.listening.event_client import (
    ATTEMPTS,
    LONGEST_RETRY_AFTER_S,
    BatchRefusedError,
    EventClient,
)
from cx_pipeline.adapters.listening.token import ListenerToken
from cx_pipeline.core.errors import ConfigurationError, DestinationUnavailableError
from cx_pipeline_tests.adapters.listening.erring_gateway import DROPPED, TLS, ErringGateway

SECRET = "a-token-that-nobody-prints"


def client_of(gateway: ErringGateway, token: ListenerToken | None = None) -> EventClient:
    return EventClient(gateway.url, token or ListenerToken(), verify=TLS)


def test_events_arrive_a_line_each_in_their_order(gateway: ErringGateway):
    with client_of(gateway) as client:
        client.post_events([b'{"a":1}', b"no json", b'{"a":2}'])
        client.post_events([b'{"a":3}'])
    assert gateway.batches == [[b'{"a":1}', b"no json", b'{"a":2}'], [b'{"a":3}']]


def test_a_gateway_that_cannot_take_events_is_asked_again_when_it_said(gateway: ErringGateway):
    gateway.answers.extend([(503, {"Retry-After": "1"}), 500, (429, {"Retry-After": "86400"})])
    waits = []
    stamina.instrumentation.set_on_retry_hooks([lambda retry: waits.append(retry.wait_for)])
    try:
        with client_of(gateway) as client:
            client.post_events([b"1"])
    finally:
        stamina.instrumentation.set_on_retry_hooks([])
    assert gateway.lines == [b"1"]
    assert (waits[0], waits[2]) == (1.0, LONGEST_RETRY_AFTER_S)


def test_events_whose_answer_was_lost_are_sent_again(gateway: ErringGateway):
    gateway.answers.append(DROPPED)
    with client_of(gateway) as client:
        client.post_events([b"1", b"2"])
    assert gateway.batches == [[b"1", b"2"]] * 2


def test_success_is_told_of_no_answer_but_those_that_were_agreed_on(gateway: ErringGateway):
    gateway.answers.append(204)
    with client_of(gateway) as client, pytest.raises(ConfigurationError, match="204"):
        client.post_events([b"1"])


def test_attempts_are_bounded(gateway: ErringGateway):
    gateway.answers.extend([503] * (ATTEMPTS + 1))
    with client_of(gateway) as client, pytest.raises(DestinationUnavailableError, match="503"):
        client.post_events([b"1"])
    assert len(gateway.answers) == 1


def test_a_gateway_that_is_not_there_is_told_as_away():
    with (
        EventClient("http://127.0.0.1:9", ListenerToken(), verify=TLS) as client,
        pytest.raises(DestinationUnavailableError, match="does not answer"),
    ):
        client.post_events([b"1"])


def test_a_gateway_that_hangs_is_given_up(gateway: ErringGateway):
    timeout = httpx.Timeout(0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            EventClient(url, ListenerToken(), timeout=timeout, verify=TLS) as client,
            pytest.raises(DestinationUnavailableError, match="ReadTimeout"),
        ):
            client.post_events([b"1"])


def test_a_batch_that_is_refused_is_told_as_that_and_not_tried_again(gateway: ErringGateway):
    gateway.most_lines = 1
    with client_of(gateway) as client, pytest.raises(BatchRefusedError) as refusal:
        client.post_events([b"1", b"2"])
    assert refusal.value.status_code == 413
    assert len(gateway.tokens) == 1


def test_a_renewed_token_is_read_from_its_file_when_the_old_one_is_refused(
    gateway: ErringGateway, tmp_path: Path
):
    file = tmp_path / "token"
    file.write_text("old\n")
    token = ListenerToken(file=file)
    gateway.token = "new"
    with client_of(gateway, token) as client:
        file.write_text("new\n")
        client.post_events([b"1"])
        client.post_events([b"2"])
    assert gateway.tokens == ["Bearer old", "Bearer new", "Bearer new"]


def test_a_refused_token_is_a_matter_of_the_settings_and_never_printed(gateway: ErringGateway):
    gateway.token = "another"
    with (
        client_of(gateway, ListenerToken(SecretStr(SECRET))) as client,
        pytest.raises(ConfigurationError) as error,
    ):
        client.post_events([b"1"])
    assert not isinstance(error.value, BatchRefusedError)
    assert SECRET not in str(error.value)


def test_no_attempt_is_made_that_may_not_be_made(gateway: ErringGateway):
    gateway.answers.append(503)
    asked = []

    def once() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise PermissionError

    with client_of(gateway) as client, pytest.raises(PermissionError):
        client.post_events([b"1"], once)
    assert gateway.lines == []


def test_two_threads_may_use_one_client(gateway: ErringGateway):
    with client_of(gateway) as client:
        threads = [Thread(target=client.post_events, args=([b"%d" % n],)) for n in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(gateway.lines) == [b"0", b"1"]


@pytest.mark.parametrize("url", ["ftp://host", "host:9900", "http://", "http://user:secret@host"])
def test_an_address_that_cannot_be_used_is_refused_without_its_secret(url: str):
    with pytest.raises(ConfigurationError) as error:
        EventClient(url, ListenerToken())
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("text", ["", " \n", "two\nlines", "ünprintable"])
def test_a_file_without_a_token_is_refused(tmp_path: Path, text: str):
    (tmp_path / "token").write_text(text)
    with pytest.raises(ConfigurationError, match="CX_LISTENER_TOKEN"):
        ListenerToken(file=tmp_path / "token")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        ListenerToken(file=tmp_path / "none")
