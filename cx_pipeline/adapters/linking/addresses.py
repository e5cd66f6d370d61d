"""Addresses of what links lead to, as the settings say: as they are, or signed and expiring."""

from collections.abc import Callable
from datetime import datetime, timedelta

from cx_pipeline.adapters.linking.link_key import link_key
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.core.linking.schema import SCREEN
from cx_pipeline.core.linking.signing import plain_url, recording_path, screen_path, signed_url
from cx_pipeline.settings import Settings


def address_maker(settings: Settings, now: datetime) -> Callable[[str, str, str | None], str | None]:
    """Makes the address of a kind, a leg's key and a tenant.

    None where links are to be signed and cannot be: there is no key, or no tenant is known.

    Args:
        settings: mode, key and where the gateway is reached.
        now: from when on a signed link is good; it is made once, and never anew.
    """
    base_url = settings.middleware_url
    if settings.link_mode == "login":
        return lambda kind, leg_key, tenant_id: plain_url(base_url, _path(kind, leg_key))
    try:
        key = link_key(settings)
    except ConfigurationError:
        # The asset's check says so; what is matched is stored all the same, and told once there is a key.
        key = None
    expires_s = int((now + timedelta(hours=settings.link_hours)).timestamp())

    def signed(kind: str, leg_key: str, tenant_id: str | None) -> str | None:
        if key is None or tenant_id is None:
            return None
        return signed_url(base_url, _path(kind, leg_key), tenant_id, expires_s, key)

    return signed


def _path(kind: str, leg_key: str) -> str:
    return screen_path(leg_key) if kind == SCREEN else recording_path(leg_key)
