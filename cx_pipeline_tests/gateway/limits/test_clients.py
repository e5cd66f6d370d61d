import pytest

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.gateway.limits.clients import client_key, networks, true_client

PROXIES = networks(["10.0.0.5", "10.1.0.0/16", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.7", [], "203.0.113.7"),
        ("10.0.0.5", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.5", ["6.6.6.6", "203.0.113.7"], "203.0.113.7"),
        ("10.0.0.5", ["6.6.6.6", "203.0.113.7", "10.1.2.3"], "203.0.113.7"),
        ("10.0.0.5", ["10.1.2.3", "10.1.2.4"], "10.1.2.3"),
        ("10.0.0.5", [], "10.0.0.5"),
        ("203.0.113.7", ["6.6.6.6"], "203.0.113.7"),
        ("10.0.0.5", ["6.6.6.6", "nonsense"], "10.0.0.5"),
        ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
        ("unix", ["6.6.6.6"], "unix"),
    ],
)
def test_the_client_is_the_nearest_address_that_no_proxy_of_ours_has(
    peer: str, forwarded: list[str], client: str
) -> None:
    assert true_client(peer, forwarded, PROXIES) == client


def test_addresses_that_one_client_chooses_among_count_as_one() -> None:
    assert client_key("2001:db8:1:2::1") == client_key("2001:db8:1:2:ffff::9")
    assert client_key("2001:db8:1:2::1") != client_key("2001:db8:1:3::1")
    assert client_key("::ffff:203.0.113.7") == client_key("203.0.113.7") == "203.0.113.7"
    assert client_key("nonsense") == "nonsense"


def test_a_proxy_that_is_no_address_is_told() -> None:
    with pytest.raises(ConfigurationError, match="CX_GATEWAY_TRUSTED_PROXIES"):
        networks(["proxy.example"])
