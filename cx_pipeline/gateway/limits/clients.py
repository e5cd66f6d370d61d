"""Which client a request comes from, when proxies stand between: their word is taken only where they are trusted."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import ASGIApp, Receive, Scope, Send

from cx_pipeline.core.errors import ConfigurationError

_Network = IPv4Network | IPv6Network
_CLIENT_OF_IPV6 = 64
"""So many bits of an IPv6 address are one client: the rest it chooses itself."""


class TrueClient:
    """Puts the client's own address in the place of a trusted proxy's, for all that comes after."""

    def __init__(self, app: ASGIApp, trusted_proxies: Sequence[str]) -> None:
        """`trusted_proxies`: addresses or networks.

        Raises:
            ConfigurationError: one is no address.
        """
        self._app = app
        self._trusted = networks(trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if self._trusted and scope["type"] == "http" and scope.get("client"):
            peer, port = scope["client"]
            client = true_client(peer, _forwarded(scope), self._trusted)
            if client != peer:
                scope["client"] = (client, 0)
            else:
                scope["client"] = (peer, port)
        await self._app(scope, receive, send)


def true_client(peer: str, forwarded: Sequence[str], trusted: Sequence[_Network]) -> str:
    """The address nearest to us that is no trusted proxy's.

    Args:
        peer: who is connected to us.
        forwarded: addresses of X-Forwarded-For, in its order: each proxy appends who was connected to it.
        trusted: networks of the proxies.
    """
    client = peer
    for next_address in reversed(forwarded):
        if not _is_in(client, trusted):
            return client
        if _address(next_address) is None:  # made up before it reached a proxy of ours
            return client
        client = next_address
    return client


def client_key(address: str) -> str:
    """What stands for a client where requests are counted."""
    known = _address(address)
    if isinstance(known, IPv6Address):
        if known.ipv4_mapped is not None:
            return str(known.ipv4_mapped)
        return str(ip_network((known, _CLIENT_OF_IPV6), strict=False).network_address)
    return address


def networks(texts: Sequence[str]) -> tuple[_Network, ...]:
    """Networks by their texts.

    Raises:
        ConfigurationError: one is no address and no network.
    """
    try:
        return tuple(ip_network(text, strict=False) for text in texts)
    except ValueError as error:
        raise ConfigurationError(f"CX_GATEWAY_TRUSTED_PROXIES: {error}") from None


def _forwarded(scope: Scope) -> list[str]:
    lines = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return [part.strip() for part in b",".join(lines).decode("latin-1").split(",") if part.strip()]


def _is_in(address: str, trusted: Sequence[_Network]) -> bool:
    known = _address(address)
    return known is not None and any(known in network for network in trusted)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text.strip("[]"))
    except ValueError:
        return None
