"""Signed links: good for their own path and tenant until they expire, and for nothing else."""

import time
from collections.abc import Iterator, Mapping
from urllib.parse import quote

import pytest

from cx_pipeline.core.linking.signing import signed_url
from cx_pipeline_tests.gateway.probes import add_probes
from cx_pipeline_tests.gateway.running import (
    AWAY,
    LINK_KEY,
    Gateway,
    gateway_settings_in,
    running_gateway,
)

PATH = "/probe/play/call:1:200:5"
LATER = int(time.time()) + 3600


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, tokens: Mapping[str, str]) -> Iterator[Gateway]:
    settings = gateway_settings_in(tmp_path_factory.mktemp("door"), AWAY, tokens)
    with running_gateway(settings, tokens, add_probes) as running:
        yield running


def link(path: str = PATH, tenant: str = "acme", expires_s: int = LATER, key: str = LINK_KEY) -> str:
    return signed_url("", path, tenant, expires_s, key.encode())


def test_a_signed_link_lets_its_bearer_play_for_its_tenant(door: Gateway) -> None:
    shown = door.client().get(link()).json()
    assert (shown["subject"], shown["tenant"], shown["access"]) == ("link", "acme", "signed")
    assert shown["scopes"] == ["recordings:play", "recordings:read"]


def test_a_link_to_a_path_with_signs_that_are_encoded_is_good(door: Gateway) -> None:
    path = "/probe/play/ä b%25+c"
    assert door.client().get(link(path)).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        link(expires_s=int(time.time()) - 1),
        link(key="another key of nobody's, 32 chars"),
        link().replace("tenant=acme", "tenant=globex"),
        link().replace("tenant=acme", "tenant=*"),
        link().replace(f"expires={LATER}", f"expires={LATER + 1}"),
        link().replace(f"expires={LATER}", f"expires={LATER}.0"),
        link().replace(f"expires={LATER}", f"expires=%2B{LATER}"),
        link().replace(f"expires={LATER}", f"expires={quote('٣')}"),
        link().replace(f"expires={LATER}", "expires="),
        link().replace(f"expires={LATER}", "expires=" + "9" * 5000),
        link().replace("call:1", "call:2"),
        link() + "&tenant=acme",
        link() + "&signature=x",
        link()[:-1],
        link() + "A",
        link().partition("&signature=")[0],
        link().partition("&signature=")[0] + "&signature=%ED%A0%80",
        link(tenant="").replace("tenant=", "tenant"),
    ],
    ids=map(str, range(18)),  # the links have the time in them
)
def test_a_link_that_is_not_as_it_was_signed_lets_nobody_in(door: Gateway, changed: str) -> None:
    answer = door.client().get(changed)
    assert (answer.status_code, answer.json()["title"]) == (401, "Not authorised")


def test_a_signature_of_one_path_opens_no_other(door: Gateway) -> None:
    query = link().partition("?")[2]
    for other in ("/probe/play", "/probe/play/call:1:200:6", "/probe/play/call:1:200:5%20", "/probe/read"):
        assert door.client().get(f"{other}?{query}").status_code == 401


def test_a_signature_opens_only_routes_that_links_lead_to(door: Gateway) -> None:
    assert door.client().get(link("/probe/read")).status_code == 401
    assert door.client().post(link("/probe/read")).status_code == 401


def test_a_wrong_token_is_refused_however_good_the_signature_beside_it(door: Gateway) -> None:
    assert door.client().get(link(), headers={"Authorization": "Bearer x"}).status_code == 401
    assert door.client("nothing").get(link()).status_code == 403


def test_where_no_key_is_set_no_link_is_good(
    tmp_path_factory: pytest.TempPathFactory, tokens: Mapping[str, str]
) -> None:
    settings = gateway_settings_in(tmp_path_factory.mktemp("no-key"), AWAY, tokens, link_key=None)
    with running_gateway(settings, tokens, add_probes) as door:
        assert door.client().get(link()).status_code == 401
        assert door.client().get(link(key="")).status_code == 401
