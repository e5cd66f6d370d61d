"""Key rings for tests: each key is made of its name."""

import base64
import hashlib
from datetime import UTC, datetime

from pydantic import SecretStr

from cx_pipeline.adapters.crypto.key_ring import KeyRing
from cx_pipeline.adapters.crypto.ring_keys import KeyUse, RingKey, RingKeys

MADE_AT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def secret_of(name: str) -> bytes:
    """The secret of the key of that name."""
    return hashlib.sha256(f"test {name}".encode()).digest()


def key_of(name: str) -> RingKey:
    """The key of that name."""
    return RingKey(secret=SecretStr(base64.b64encode(secret_of(name)).decode()), created_at=MADE_AT)


def ring_keys(*named: tuple[str, str] | tuple[str, str, KeyUse]) -> RingKeys:
    """Keys as (tenant, key id) or with their use; the last of a tenant is its active one."""
    ring = RingKeys()
    for tenant_id, key_id, *use in named:
        ring = ring.with_key(tenant_id, key_id, key_of(key_id), *use)  # type: ignore[arg-type]
    return ring


def ring_of(*named: tuple[str, str] | tuple[str, str, KeyUse]) -> KeyRing:
    """A ring of such keys."""
    return KeyRing(ring_keys(*named))
