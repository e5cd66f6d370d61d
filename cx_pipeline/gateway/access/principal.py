"""Who asks, and what they may."""

from dataclasses import dataclass
from typing import Literal

EVENTS_WRITE = "events:write"
RECORDERS_WRITE = "recorders:write"
"""Manifests, call ends, heartbeats and questions for rules: what FreeSWITCH's scripts send."""
RECORDINGS_CONTROL = "recordings:control"
"""Pause and resume."""
RECORDINGS_READ = "recordings:read"
"""Metadata, the page of a recording, the search for calls."""
RECORDINGS_PLAY = "recordings:play"
RECORDINGS_DOWNLOAD = "recordings:download"
"""Keep the file, beside playing it."""
METRICS_READ = "metrics:read"

SCOPES = frozenset(
    {
        EVENTS_WRITE,
        RECORDERS_WRITE,
        RECORDINGS_CONTROL,
        RECORDINGS_READ,
        RECORDINGS_PLAY,
        RECORDINGS_DOWNLOAD,
        METRICS_READ,
    }
)
"""Every scope that a token may have."""

ALL_TENANTS = "*"

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
