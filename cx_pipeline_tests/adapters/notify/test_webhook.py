import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import SecretStr

from cx_pipeline.adapters.notify.webhook import ATTEMPTS, Webhook
from cx_pipeline.core.errors import ConfigurationError, DestinationUnavailableError


class Receiver(ThreadingHTTPServer):
    """A webhook on loopback that answers with the given codes, the last one for ever."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.codes = [200]
        self.received: list[dict[str, object]] = []

    @property
    def url(self) -> SecretStr:
        return SecretStr(f"http://127.0.0.1:{self.server_port}/services/T0/s3cret")


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Receiver)
        server.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(server.codes.pop(0) if len(server.codes) > 1 else server.codes[0])
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_message_arrives_as_json(receiver):
    Webhook(receiver.url).post({"text": "Failed: ä"})
    assert receiver.received == [{"text": "Failed: ä"}]


def test_a_receiver_that_is_busy_for_a_moment_is_tried_again(receiver):
    receiver.codes = [503, 429, 200]
    Webhook(receiver.url).post({"text": "x"})
    assert len(receiver.received) == 3


def test_a_receiver_that_stays_down_is_given_up_after_a_few_tries(receiver):
    receiver.codes = [500]
    with pytest.raises(DestinationUnavailableError, match="the webhook answers 500") as caught:
        Webhook(receiver.url).post({"text": "x"})
    assert len(receiver.received) == ATTEMPTS
    assert "s3cret" not in str(caught.value)


def test_a_refusal_is_not_repeated(receiver):
    receiver.codes = [404]
    with pytest.raises(ConfigurationError, match="CX_ALERT_WEBHOOK_URL"):
        Webhook(receiver.url).post({"text": "x"})
    assert len(receiver.received) == 1


def test_nobody_at_the_address_is_told_without_the_address():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        free = server.server_port
    with pytest.raises(DestinationUnavailableError) as caught:
        Webhook(SecretStr(f"http://127.0.0.1:{free}/s3cret")).post({"text": "x"})
    assert "s3cret" not in repr(caught.value)


@pytest.mark.parametrize("url", ["slack.example/s3cret", "ftp://host/s3cret", "http://[::1/s3cret"])
def test_an_address_that_is_none_is_told_by_its_setting(url):
    with pytest.raises(ConfigurationError, match="CX_ALERT_WEBHOOK_URL") as caught:
        Webhook(SecretStr(url)).post({"text": "x"})
    assert "s3cret" not in str(caught.value)
