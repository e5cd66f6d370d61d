"""Who asks, and what they may."""

from dataclasses import dataclass
from typing import Literal

from cx_pipeline.core.access_scopes import (
    ALL_TENANTS,
    EVENTS_WRITE,
    METRICS_READ,
    RECORDERS_WRITE,
    RECORDINGS_CONTROL,
    RECORDINGS_DOWNLOAD,
    RECORDINGS_PLAY,
    RECORDINGS_READ,
    SCOPES,
)

Access = Literal["token", "jwt", "session", "signed"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who was let in."""

    subject: str
    """Name of the token, or subject of the JWT or login; of a signed link: `link`."""
    tenant: str
    """Whose data they may see; `ALL_TENANTS` for all."""
    scopes: frozenset[str]
    access: Access
    display_name: str = ""

    @property
    def tenant_id(self) -> str | None:
        """The tenant to look for, as stores take it: None is any."""
        return None if self.tenant == ALL_TENANTS else self.tenant

    def may(self, scope: str) -> bool:
        """Whether they have a scope."""
        return scope in self.scopes

    def sees(self, tenant_id: str) -> bool:
        """Whether a tenant's data are theirs to see."""
        return self.tenant in (ALL_TENANTS, tenant_id)


__all__ = [
    "ALL_TENANTS",
    "EVENTS_WRITE",
    "METRICS_READ",
    "RECORDERS_WRITE",
    "RECORDINGS_CONTROL",
    "RECORDINGS_DOWNLOAD",
    "RECORDINGS_PLAY",
    "RECORDINGS_READ",
    "SCOPES",
    "Access",
    "Principal",
]
