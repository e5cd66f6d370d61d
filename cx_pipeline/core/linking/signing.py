"""Addresses of recordings, and signatures that let their bearer play one of them for some time."""

import base64
import hashlib
import hmac
import string

_PURPOSE = b"cx-pipeline link 1"
"""Stands before what is signed, so that a signature made for anything else under the same key is none of a link."""
_UNRESERVED = frozenset((string.ascii_letters + string.digits + "-._~").encode())
_OF_A_PATH = _UNRESERVED | frozenset(b"/:@")
"""Bytes that stand as they are in a path (RFC 3986), a plus not among them: some read it as a blank."""

TICKET_PATH = "/login/ticket"
"""Path of the address by which people are let in where no issuer is set; signed by another key than links."""


def recording_path(leg_key: str) -> str:
    """Path of a leg's recording, as decoded text (guide 11.1)."""
    return f"/{leg_key}/recording-file"


def screen_path(leg_key: str) -> str:
    """Path of a leg's screen recording, as decoded text (guide 17.12.6)."""
    return f"/{leg_key}/screen-recording-file"


def plain_url(base_url: str, path: str) -> str:
    """The address of a path without any right to it.

    Args:
        base_url: where the gateway is reached.
        path: decoded, with its leading slash.
    """
    return base_url.rstrip("/") + _quoted(path, _OF_A_PATH)


def signed_url(base_url: str, path: str, tenant_id: str, expires_s: int, key: bytes) -> str:
    """The address of a path with the right to it, until it expires.

    Args:
        base_url: where the gateway is reached.
        path: decoded, with its leading slash: so it is signed, and so a server sees it.
        tenant_id: whose files the bearer may play.
        expires_s: seconds after 1970.
        key: of the deployment.
    """
    signature = signature_of(key, path, tenant_id, expires_s)
    right = {"tenant": tenant_id, "expires": str(expires_s), "signature": signature}
    query = "&".join(f"{name}={_quoted(value, _UNRESERVED)}" for name, value in right.items())
    return f"{plain_url(base_url, path)}?{query}"


def signature_of(key: bytes, path: str, tenant_id: str, expires_s: int) -> str:
    """HMAC-SHA-256 of the path, the tenant and the expiry, as URL-safe base64 without padding.

    Each part stands behind its length: no two different triples are the same text.
    """
    parts = (_PURPOSE, path.encode(), tenant_id.encode(), str(expires_s).encode())
    framed = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    return base64.urlsafe_b64encode(hmac.digest(key, framed, hashlib.sha256)).rstrip(b"=").decode()


def is_signature(key: bytes, path: str, tenant_id: str, expires_s: int, signature: str) -> bool:
    """Whether the signature is that of this path, tenant and expiry; in constant time. Whether it has expired is not asked here."""
    try:
        made = signature_of(key, path, tenant_id, expires_s)
    except UnicodeEncodeError:  # half a surrogate pair: text that no link of ours bears
        return False
    # As bytes: compare_digest refuses texts beyond ASCII, which anybody may send.
    return hmac.compare_digest(made.encode(), signature.encode(errors="surrogatepass"))


def _quoted(text: str, kept: frozenset[int]) -> str:
    """Percent encoding of the UTF-8 bytes, but for those that stand as they are."""
    return "".join(chr(byte) if byte in kept else f"%{byte:02X}" for byte in text.encode())
