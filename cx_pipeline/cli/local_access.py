"""Who may use the gateway of a deployment on one machine that nobody set up otherwise: whoever may read its home."""

import time

from cx_pipeline.adapters.access.local_secrets import local_secret
from cx_pipeline.core.access_scopes import ALL_TENANTS
from cx_pipeline.core.linking.signing import TICKET_PATH, signature_of
from cx_pipeline.settings import Settings

SECRETS, SESSION_SECRET = "gateway", "session-secret"
TICKET_S = 3600


def is_local(settings: Settings) -> bool:
    """Whether nobody set who may log in."""
    return not (settings.oidc_client_id or settings.session_secret or settings.session_secret_file)


def local_variables(settings: Settings) -> dict[str, str]:
    """The variables by which the gateway lets in who has a ticket, where nobody set who may log in.

    Raises:
        ConfigurationError: the home cannot be written to.
    """
    if not is_local(settings):
        return {}
    path = settings.home.absolute() / SECRETS / SESSION_SECRET
    local_secret(path)
    return {"CX_SESSION_SECRET_FILE": str(path)}


def calls_address(settings: Settings, gateway_url: str) -> str:
    """Where people find their calls: behind a login, or by a ticket that is good for an hour."""
    if not is_local(settings):
        return f"{gateway_url}/calls"
    secret = local_secret(settings.home.absolute() / SECRETS / SESSION_SECRET)
    expires_s = int(time.time()) + TICKET_S
    signature = signature_of(secret.get_secret_value().encode(), TICKET_PATH, ALL_TENANTS, expires_s)
    return f"{gateway_url}{TICKET_PATH}?expires={expires_s}&signature={signature}"
