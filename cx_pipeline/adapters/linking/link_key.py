"""The key of signed links, of the settings or of a file."""

from cx_pipeline.adapters.ccm.tokens import secret_from_file
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.settings import Settings

SHORTEST_KEY_BYTES = 16


def link_key(settings: Settings) -> bytes | None:
    """The key by which links are signed; None if none is set.

    Raises:
        ConfigurationError: its file cannot be read, it is too short, or links shall be signed and there is none.
    """
    secret = settings.link_key
    if secret is None and settings.link_key_file is not None:
        secret = secret_from_file(settings.link_key_file, "CX_LINK_KEY_FILE")
    if secret is None:
        if settings.link_mode == "signed":
            raise ConfigurationError("CX_LINK_MODE is signed: set CX_LINK_KEY or CX_LINK_KEY_FILE")
        return None
    key = secret.get_secret_value().encode()
    if len(key) < SHORTEST_KEY_BYTES:
        raise ConfigurationError(f"CX_LINK_KEY must be at least {SHORTEST_KEY_BYTES} characters long")
    return key
