"""The tenants' keys as they are written down: JSON, checked as it is read.

    {"version": 1,
     "tenants": {"acme": {"active": "2026-11-20-3f9a", "active_cfb": null,
                          "keys": {"2026-11-20-3f9a": {"secret": "<32 bytes, base64>", "created_at": "2026-11-20T…Z"}}},
                 "*": {…}}}

`active` wraps the keys of files; `active_cfb` is the one with which the recordings of a tenant are sealed that asks for
the installed base's format. A key does one of both. No secret stands in a text, a log or an error that comes from here.
"""

import base64
import binascii
import json
import re
import secrets
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from cx_pipeline.adapters.crypto.file_keys import SECRET_BYTES
from cx_pipeline.adapters.crypto.published_key import refuse_published
from cx_pipeline.core.errors import ConfigurationError

DEFAULT_TENANT = "*"
"""Stands for all tenants without keys of their own."""
_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
"""Shorter than a secret in base64 or hexadecimal, so that one in its place is not taken for a name, nor told as one."""

KeyUse = Literal["wrap", "cfb"]


def _is_key_id(text: str) -> str:
    if not _KEY_ID.fullmatch(text):
        raise ValueError("a key id has 1 to 40 letters, digits, dots, dashes and underlines")
    return text


KeyId = Annotated[str, AfterValidator(_is_key_id)]


class _Written(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class RingKey(_Written):
    """One key of a tenant."""

    secret: SecretStr
    """32 bytes, base64."""
    created_at: AwareDatetime

    @model_validator(mode="after")
    def _is_usable(self) -> Self:
        try:
            usable = len(self.as_bytes()) == SECRET_BYTES
        except (binascii.Error, ValueError):
            usable = False
        if not usable:
            raise ValueError(f"secret is not {SECRET_BYTES} bytes in base64")
        return self

    def as_bytes(self) -> bytes:
        """The secret."""
        return base64.b64decode(self.secret.get_secret_value(), validate=True)


class TenantKeys(_Written):
    """All keys of a tenant, old ones too: files may want them."""

    active: KeyId | None = None
    active_cfb: KeyId | None = None
    keys: dict[KeyId, RingKey] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_its_active_keys(self) -> Self:
        for key_id in (self.active, self.active_cfb):
            if key_id is not None and key_id not in self.keys:
                raise ValueError("the active key is not among the keys")
        if self.active is not None and self.active == self.active_cfb:
            raise ValueError("one key cannot be active and active_cfb")
        return self


class RingKeys(_Written):
    """The whole ring."""

    version: Literal[1] = 1
    tenants: dict[str, TenantKeys] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_each_key_once(self) -> Self:
        names = [key_id for tenant in self.tenants.values() for key_id in tenant.keys]
        if len(names) != len(set(names)):
            raise ValueError("two keys have one id")
        return self

    def with_key(self, tenant_id: str, key_id: str, key: RingKey, use: KeyUse = "wrap") -> "RingKeys":
        """The ring with one key more, which is the tenant's active one from now on."""
        before = self.tenants.get(tenant_id, TenantKeys())
        active = {"active" if use == "wrap" else "active_cfb": key_id}
        after = before.model_copy(update={**active, "keys": {**before.keys, key_id: key}})
        return self.model_copy(update={"tenants": {**self.tenants, tenant_id: after}})

    def without_key(self, tenant_id: str, key_id: str) -> "RingKeys":
        """The ring without that key. Raises ConfigurationError where it is an active one, or is not there."""
        before = self.tenants.get(tenant_id, TenantKeys())
        if key_id not in before.keys:
            raise ConfigurationError(
                f"tenant {tenant_id} has no key {key_id}: cx-pipeline keys list shows them"
            )
        if key_id in (before.active, before.active_cfb):
            raise ConfigurationError(f"key {key_id} of tenant {tenant_id} is active: rotate first")
        left = {name: key for name, key in before.keys.items() if name != key_id}
        after = before.model_copy(update={"keys": left})
        return self.model_copy(update={"tenants": {**self.tenants, tenant_id: after}})

    def as_json(self) -> str:
        """As it is written down, secrets in the clear: for the file only."""
        tenants = {
            name: {
                "active": tenant.active,
                "active_cfb": tenant.active_cfb,
                "keys": {
                    key_id: {
                        "secret": key.secret.get_secret_value(),
                        "created_at": key.created_at.astimezone(UTC).isoformat(),
                    }
                    for key_id, key in tenant.keys.items()
                },
            }
            for name, tenant in self.tenants.items()
        }
        return json.dumps({"version": self.version, "tenants": tenants}, indent=2) + "\n"


def new_key(now: datetime, secret: bytes | None = None) -> tuple[str, RingKey]:
    """A fresh key with its id; or one of that secret, which a tenant brings along.

    Raises:
        ConfigurationError: the secret has not 32 bytes, or is the published key.
    """
    secret = secrets.token_bytes(SECRET_BYTES) if secret is None else secret
    if len(secret) != SECRET_BYTES:
        raise ConfigurationError(f"a key has {SECRET_BYTES} bytes, not {len(secret)}")
    refuse_published(secret, "the new key")
    text = SecretStr(base64.b64encode(secret).decode())
    key_id = f"{now.astimezone(UTC):%Y-%m-%d}-{secrets.token_hex(3)}"
    return key_id, RingKey(secret=text, created_at=now.astimezone(UTC))


def parse_ring(text: str, source: str) -> RingKeys:
    """The keys of a ring's JSON; `source` says in errors where it comes from.

    Raises:
        ConfigurationError: it is no such JSON, or has the published key. No secret is in the message.
    """
    try:
        content = json.loads(text, object_pairs_hook=_once)
    except ValueError as error:
        told = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise ConfigurationError(f"{source} is no JSON{told}, or names a thing twice") from None
    try:
        ring = RingKeys.model_validate(content)
    except ValidationError as error:
        wrong = "; ".join(f"{_place(e['loc'])}: {e['msg']}" for e in error.errors(include_input=False))
        raise ConfigurationError(f"{source} is no key ring: {wrong}") from None
    for tenant_id, tenant in ring.tenants.items():
        for key_id, key in tenant.keys.items():
            refuse_published(key.as_bytes(), f"{source}: key {key_id} of tenant {tenant_id}")
    return ring


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """JSON lets a name stand twice, and the first value is lost: here it would be a key."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _place(parts: tuple[int | str, ...]) -> str:
    """Where in the JSON; a part that might be a secret in a wrong place is left out."""
    return ".".join(
        str(part) if _KEY_ID.fullmatch(str(part)) or part == DEFAULT_TENANT else "…" for part in parts
    )
