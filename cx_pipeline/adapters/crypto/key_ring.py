"""The tenants' keys at work: they wrap the keys of files, and unwrap them.

A file's key is wrapped by AES-256-GCM with a random nonce; the tenant, the file and the ring's key are bound in, so that
a row of the table cannot be given to another file. AES key wrap (RFC 5649) would bind nothing. 2^32 files may be wrapped
by one key before a nonce is likely enough to come twice: thousands of days of a large site; rotate yearly.
"""

import secrets
import struct
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cx_pipeline.adapters.crypto.file_keys import SECRET_BYTES, FileKey
from cx_pipeline.adapters.crypto.key_ring_file import read_ring_file
from cx_pipeline.adapters.crypto.ring_keys import (
    DEFAULT_TENANT,
    KeyUse,
    RingKey,
    RingKeys,
    TenantKeys,
    parse_ring,
)
from cx_pipeline.core.errors import ConfigurationError, KeyMissingError
from cx_pipeline.settings import Settings

WRAP_VERSION = 1
NONCE_BYTES = 12
WRAPPED_BYTES = 1 + NONCE_BYTES + SECRET_BYTES + 16
_PURPOSE = b"cx-pipeline-wrap-1"


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A file's key as the table holds it, and which key of the ring opens it."""

    key_id: str
    wrapped: bytes = field(repr=False)
    """Version, nonce, ciphertext and tag: 61 bytes."""


class KeyRing:
    """The keys of all tenants, in memory. Its text names tenants and key ids only."""

    def __init__(self, keys: RingKeys) -> None:
        self.keys = keys

    @classmethod
    def load(cls, settings: Settings) -> Self | None:
        """The ring that the settings name; none if they name none.

        Raises:
            ConfigurationError: they name two, or the one cannot be read or is no key ring.
        """
        if settings.key_ring is not None and settings.key_ring_file is not None:
            raise ConfigurationError("set either CX_KEY_RING or CX_KEY_RING_FILE, not both")
        if settings.key_ring is not None:
            return cls(parse_ring(settings.key_ring.get_secret_value(), "CX_KEY_RING"))
        return cls(read_ring_file(settings.key_ring_file)) if settings.key_ring_file is not None else None

    @classmethod
    def required(cls, settings: Settings) -> Self:
        """The ring that the settings name, for who cannot do without.

        Raises:
            KeyMissingError: they name none.
            ConfigurationError: as `load`.
        """
        ring = cls.load(settings)
        if ring is None:
            raise KeyMissingError(
                "there is no key ring: CX_KEY_RING_FILE must name it, cx-pipeline keys create makes it"
            )
        return ring

    def __repr__(self) -> str:
        shown = {tenant: list(keys.keys) for tenant, keys in self.keys.tenants.items()}
        return f"KeyRing({shown})"

    def active_key_id(self, tenant_id: str) -> str:
        """Id of the key that wraps for this tenant now. Raises KeyMissingError: it has none."""
        return self._active(tenant_id, "wrap")[0]

    def owner_of(self, tenant_id: str) -> str:
        """Under which name of the ring the tenant's active key stands: its own, or `*`."""
        own = self.keys.tenants.get(tenant_id)
        return tenant_id if own is not None and own.active is not None else DEFAULT_TENANT

    def cfb_secret(self, tenant_id: str) -> bytes:
        """The key with which a tenant's recordings are sealed as the installed base does.

        Raises:
            KeyMissingError: it has none.
        """
        return self._active(tenant_id, "cfb")[1].as_bytes()

    def wrap(self, file_key: FileKey) -> WrappedKey:
        """Wrap a file's key by its tenant's active key.

        Raises:
            KeyMissingError: the tenant has none.
        """
        key_id, key = self._active(file_key.tenant_id, "wrap")
        nonce = secrets.token_bytes(NONCE_BYTES)
        bound = _bound(file_key.file_id, file_key.tenant_id, key_id)
        sealed = AESGCM(key.as_bytes()).encrypt(nonce, file_key.secret, bound)
        return WrappedKey(key_id, bytes([WRAP_VERSION]) + nonce + sealed)

    def unwrap(self, wrapped: WrappedKey, file_id: str, tenant_id: str) -> FileKey:
        """The key of that file.

        Raises:
            KeyMissingError: the ring has not the key that wrapped it, or that key does not open it.
        """
        key = self._by_id(tenant_id, wrapped.key_id)
        if key is None:
            raise KeyMissingError(
                f"the ring has no key {wrapped.key_id} of tenant {tenant_id}, which file {file_id} wants: put it back "
                "from a copy of the ring"
            )
        version, nonce, sealed = wrapped.wrapped[:1], wrapped.wrapped[1:13], wrapped.wrapped[13:]
        if version != bytes([WRAP_VERSION]) or len(wrapped.wrapped) != WRAPPED_BYTES:
            raise KeyMissingError(
                f"the wrapped key of file {file_id} was changed: it is not of version {WRAP_VERSION}"
            )
        try:
            secret = AESGCM(key.as_bytes()).decrypt(nonce, sealed, _bound(file_id, tenant_id, wrapped.key_id))
        except InvalidTag:
            raise KeyMissingError(
                f"key {wrapped.key_id} of the ring does not open the key of file {file_id}: the ring has another key "
                "under this id, or the row was changed"
            ) from None
        return FileKey(file_id, tenant_id, secret)

    def _active(self, tenant_id: str, use: KeyUse) -> tuple[str, RingKey]:
        for keys in self._candidates(tenant_id):
            key_id = keys.active if use == "wrap" else keys.active_cfb
            if key_id is not None:
                return key_id, keys.keys[key_id]
        wanted = "" if use == "wrap" else " for AES-256-CFB"
        command = f"cx-pipeline keys create {tenant_id}{'' if use == 'wrap' else ' --for cfb'}"
        raise KeyMissingError(f"tenant {tenant_id} has no key{wanted} in the ring: {command} makes one")

    def _by_id(self, tenant_id: str, key_id: str) -> RingKey | None:
        """A tenant that got keys of its own still has files that the default's key wrapped."""
        found = (keys.keys[key_id] for keys in self._candidates(tenant_id) if key_id in keys.keys)
        return next(found, None)

    def _candidates(self, tenant_id: str) -> list[TenantKeys]:
        tenants = self.keys.tenants
        return [tenants[name] for name in dict.fromkeys((tenant_id, DEFAULT_TENANT)) if name in tenants]


def _bound(file_id: str, tenant_id: str, key_id: str) -> bytes:
    key_name = key_id.encode()
    return _PURPOSE + UUID(file_id).bytes + struct.pack(">H", len(key_name)) + key_name + tenant_id.encode()
