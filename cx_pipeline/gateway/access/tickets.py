"""Tickets: an address that lets its bearer in for a while, where no issuer is set. `cx-pipeline up` prints one.

A ticket is signed by the secret of the sessions, which nobody has but this deployment.
"""

import time

from pydantic import SecretStr

from cx_pipeline.core.access_scopes import (
    ALL_TENANTS,
    RECORDINGS_DOWNLOAD,
    RECORDINGS_PLAY,
    RECORDINGS_READ,
)
from cx_pipeline.core.linking.signing import TICKET_PATH, is_signature
from cx_pipeline.gateway.access.principal import Principal

SUBJECT = "local"


def holder_of(secret: SecretStr, expires_s: int, signature: str) -> Principal | None:
    """Who comes with a ticket; None if it is not ours, or no longer good."""
    key = secret.get_secret_value().encode()
    if not is_signature(key, TICKET_PATH, ALL_TENANTS, expires_s, signature) or expires_s <= time.time():
        return None
    scopes = frozenset({RECORDINGS_READ, RECORDINGS_PLAY, RECORDINGS_DOWNLOAD})
    return Principal(SUBJECT, ALL_TENANTS, scopes, "session", "this machine")
