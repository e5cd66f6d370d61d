"""The limits of one request and of one client, over HTTP."""

from collections.abc import Iterator, Mapping

import pytest

from cx_pipeline.gateway.limits.rate import MOST_CLIENTS, WINDOW_S, RateLimit
from cx_pipeline.gateway.problems import PROBLEM_TYPE
from cx_pipeline_tests.gateway.probes import add_probes
from cx_pipeline_tests.gateway.running import AWAY, Gateway, gateway_settings_in, running_gateway
from cx_pipeline_tests.gateway.serving.sockets import wire_to

BODY_BYTES = 100_000
REQUESTS_PER_S = 2


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory, tokens: Mapping[str, str]) -> Iterator[Gateway]:
    settings = gateway_settings_in(
        tmp_path_factory.mktemp("narrow"),
        AWAY,
        tokens,
        gateway_body_mb=BODY_BYTES / 1_000_000,
        gateway_requests_per_s=REQUESTS_PER_S,
        gateway_trusted_proxies=("127.0.0.1",),
    )
    with running_gateway(settings, tokens, add_probes) as running:
        yield running


def from_client(gateway: Gateway, address: str):  # type: ignore[no-untyped-def]
    return gateway.client(headers={"X-Forwarded-For": address})


def test_a_body_of_the_longest_length_is_taken_and_a_longer_one_is_not(narrow: Gateway) -> None:
    client = from_client(narrow, "192.0.2.1")
    assert client.post("/probe/body", content=b"b" * BODY_BYTES).json() == {"bytes": BODY_BYTES}
    answer = client.post("/probe/body", content=b"b" * (BODY_BYTES + 1))
    assert (answer.status_code, answer.headers["content-type"]) == (413, PROBLEM_TYPE)


@pytest.mark.parametrize("path", ["/probe/body", "/probe/parsed"])
def test_a_body_without_a_length_is_cut_off_where_it_gets_too_long(narrow: Gateway, path: str) -> None:
    client = from_client(narrow, "192.0.2.2")
    answer = client.post(
        path, content=iter([b"1" * 10_000] * 20), headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.headers["content-type"]) == (413, PROBLEM_TYPE)
    assert client.post("/probe/body", content=iter([b"b" * 10_000] * 5)).json() == {"bytes": 50_000}


def test_a_body_that_is_announced_too_long_is_not_even_waited_for(narrow: Gateway) -> None:
    with wire_to(narrow) as wire:
        wire.send(
            "POST /probe/body HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.3\r\n"
            f"Content-Length: {10**18}\r\nExpect: 100-continue\r\n\r\n"
        )
        assert wire.read_until(b"\r\n").startswith(b"HTTP/1.1 413 ")


def test_a_client_that_asks_too_often_is_told_when_to_come_again(narrow: Gateway) -> None:
    eager, calm = from_client(narrow, "192.0.2.4"), from_client(narrow, "192.0.2.5")
    statuses = [eager.get("/probe/client").status_code for _ in range(REQUESTS_PER_S * WINDOW_S + 5)]
    assert statuses == [200] * (REQUESTS_PER_S * WINDOW_S) + [429] * 5
    refused = eager.get("/probe/client")
    assert refused.headers["content-type"] == PROBLEM_TYPE
    assert 1 <= int(refused.headers["retry-after"]) <= WINDOW_S
    assert refused.headers["x-content-type-options"] == "nosniff"
    assert calm.get("/probe/client").json() == "192.0.2.5"
    assert eager.get("/healthz").is_success, "whoever looks whether we live is never refused"


def test_a_client_cannot_take_another_address_by_a_header(
    tmp_path_factory: pytest.TempPathFactory, tokens: Mapping[str, str]
) -> None:
    settings = gateway_settings_in(tmp_path_factory.mktemp("no-proxy"), AWAY, tokens)
    with running_gateway(settings, tokens, add_probes) as gateway:
        assert from_client(gateway, "192.0.2.6").get("/probe/client").json() == "127.0.0.1"


def test_many_clients_do_not_fill_the_memory() -> None:
    limit = RateLimit(app=lambda *_: None, requests_per_s=1)  # type: ignore[arg-type]
    for number in range(MOST_CLIENTS + 500):
        limit._limiter.hit(limit._limit, str(number))
    assert limit._limiter.storage.reset() == MOST_CLIENTS
