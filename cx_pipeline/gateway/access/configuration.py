"""What of the settings of access belongs together, and its secrets."""

from pydantic import SecretStr

from cx_pipeline.adapters.ccm.tokens import secret_from_file
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.gateway.access.principal import SCOPES
from cx_pipeline.settings import Settings

SHORTEST_SESSION_SECRET = 32


def require_whole(settings: Settings) -> None:
    """See to it that what is set is enough to let the right ones in.

    Raises:
        ConfigurationError: something is missing or wrong; the message says what.
    """
    if settings.oidc_issuer is None:
        if settings.oidc_client_id is not None:
            raise ConfigurationError("CX_OIDC_CLIENT_ID is set: set CX_OIDC_ISSUER as well")
        return
    if settings.oidc_audience is None and settings.oidc_client_id is None:
        raise ConfigurationError(
            "CX_OIDC_ISSUER is set: set CX_OIDC_AUDIENCE as well, or any token of the issuer would open the door"
        )
    unknown = {each for scopes in settings.oidc_scopes_of_roles.values() for each in scopes} - SCOPES
    if unknown:
        raise ConfigurationError(
            f"CX_OIDC_SCOPES_OF_ROLES names {', '.join(sorted(unknown))}: there is {', '.join(sorted(SCOPES))}"
        )


def session_secret(settings: Settings) -> SecretStr | None:
    """What signs the cookies of browsers; None where nobody can log in.

    Raises:
        ConfigurationError: it is missing, or short enough to be guessed.
    """
    secret = settings.session_secret
    if secret is None and settings.session_secret_file is not None:
        secret = secret_from_file(settings.session_secret_file, "CX_SESSION_SECRET_FILE")
    if secret is None and settings.oidc_client_id is None:
        return None
    if secret is None:
        raise ConfigurationError("CX_OIDC_CLIENT_ID is set: set CX_SESSION_SECRET (or its file) as well")
    if len(secret.get_secret_value()) < SHORTEST_SESSION_SECRET:
        raise ConfigurationError(
            f"CX_SESSION_SECRET must be at least {SHORTEST_SESSION_SECRET} characters long"
        )
    return secret


def client_secret(settings: Settings) -> SecretStr | None:
    """What the gateway shows the issuer when it redeems a code; None for a public client.

    Raises:
        ConfigurationError: its file cannot be read.
    """
    if settings.oidc_client_secret is not None or settings.oidc_client_secret_file is None:
        return settings.oidc_client_secret
    return secret_from_file(settings.oidc_client_secret_file, "CX_OIDC_CLIENT_SECRET_FILE")
