from http.server import ThreadingHTTPServer

import pytest
from pydantic import SecretStr

from cx_pipeline.adapters.notify.webhook import ATTEMPTS, Webhook
from cx_pipeline.core.errors import ConfigurationError, DestinationUnavailableError
from cx_pipeline_tests.adapters.notify.webhook_receiver import Handler, running_receiver


@pytest.fixture
def receiver():
    with running_receiver() as server:
        yield server


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
