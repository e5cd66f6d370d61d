"""Which kind of lease a deployment has."""

from cx_pipeline.adapters.database.connection import database_url
from cx_pipeline.adapters.leases.consul import ConsulLease
from cx_pipeline.adapters.leases.lease import Lease
from cx_pipeline.adapters.leases.postgres import PostgresLease
from cx_pipeline.adapters.listening.token import secret_of
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.settings import Settings


def lease_of(settings: Settings, name: str) -> Lease:
    """The lease of a name: in Consul where `jtapi_ha_mode` is set, else in the application's database.

    Raises:
        ConfigurationError: what is set cannot be used.
        DatabaseUnavailableError: the embedded server did not start.
    """
    if not settings.jtapi_ha_mode:
        return PostgresLease(database_url(settings), name)
    if settings.consul_url.username or settings.consul_url.password:
        raise ConfigurationError("CX_CONSUL_URL holds a user or a password: set CX_CONSUL_TOKEN instead")
    token = secret_of(settings.consul_token, settings.consul_token_file, "CX_CONSUL_TOKEN")
    return ConsulLease(str(settings.consul_url), name, token)
