"""What of the settings is the gateway's, its links' and the listeners'; `settings.Settings` holds them all."""

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, HttpUrl, SecretStr
from pydantic_settings import BaseSettings

from cx_pipeline.system_settings import EleveoSettings, EventSocketSettings


class GatewaySettings(BaseSettings):
    """Settings of the gateway, of links to recordings, and of listeners."""

    home: Path
    gateway_host: str = "127.0.0.1"
    """Address at which the gateway listens."""
    gateway_port: int = Field(default=9900, ge=0, le=65535)
    """Its port; 0 takes a free one."""
    gateway_url: HttpUrl | None = None
    """Where people and systems reach the gateway: links to recordings begin with it. Not set: its own address."""
    gateway_tokens_file: Path | None = None
    """File of the static tokens' hashes (`cx-pipeline gateway token`)."""
    gateway_tokens: SecretStr | None = None
    """The same, as JSON, for deployments that hand secrets over by environment."""
    gateway_spool: Path | None = None
    """Folder of what was accepted while the database was away. Not set: `home`/spool."""
    gateway_spool_mb: int = Field(default=1024, ge=1)
    """So much is spooled at most; then events are refused until the database is back."""
    gateway_body_mb: float = Field(default=16, gt=0)
    """Longest body of a request."""
    gateway_header_kb: int = Field(default=32, ge=4)
    """Longest head of a request."""
    gateway_read_timeout_s: float = Field(default=30, gt=0)
    """So long a client may take for its request, and for each piece that it is sent."""
    gateway_requests_per_s: float = Field(default=200, gt=0)
    """How many requests a second one client may send in the long run; ten times as many at once."""
    gateway_trusted_proxies: tuple[str, ...] = ()
    """Addresses of proxies whose X-Forwarded-For is believed, as a JSON list."""
    gateway_grace_s: float = Field(default=30, gt=0)
    """So long the gateway waits for running requests when it is asked to end."""

    oidc_issuer: HttpUrl | None = None
    """OpenID Connect issuer (a Keycloak realm): its JWTs are believed, and browsers log in there. Not set: neither."""
    oidc_audience: str | None = None
    """Audience that a JWT must have. Not set: `oidc_client_id`."""
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_client_secret_file: Path | None = None
    oidc_ca_file: Path | None = None
    """Certificates of authorities to trust for the issuer, beside those of the system."""
    oidc_tenant_claim: str = "tenant"
    """Claim that names the tenant; `*` is all of them."""
    oidc_roles_claim: str = "realm_access.roles"
    """Claim that lists the roles, dots leading into objects."""
    oidc_scopes_of_roles: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """The gateway's scopes by role, as a JSON object. Scopes of the claim `scope` count as well."""
    session_secret: SecretStr | None = None
    """Signs the cookies of browsers that logged in. Wanted where `oidc_client_id` is set; else who has it may make tickets."""
    session_secret_file: Path | None = None
    session_hours: float = Field(default=8, gt=0)

    link_mode: Literal["login", "signed"] = "login"
    """`signed`: a link bears its own right to be played for some time. `login`: whoever follows it logs in."""
    link_key: SecretStr | None = None
    """Key of signed links. Wanted where `link_mode` is `signed`."""
    link_key_file: Path | None = None
    link_hours: float = Field(default=24, gt=0)
    """For how long a signed link may be played."""
    link_tolerance_s: float = Field(default=5, gt=0, le=60)
    """How far the ends of a voice activity and of a recording may lie apart."""
    recording_backend: Literal["efswitch", "eleveo"] = "efswitch"
    """Whose recordings are linked and served: ours, or Eleveo's."""
    eleveo: EleveoSettings | None = None
    """Eleveo, as a JSON object. Wanted where `recording_backend` is `eleveo`."""
    screen_root: Path | None = None
    """Folder of screen recordings, `<date>/<dialogId>_<extension>_<epoch>.mp4` below it. Not set: there are none."""
    event_sockets: tuple[EventSocketSettings, ...] = ()
    """Event sockets of the recorders, as a JSON list. None set: recordings cannot be paused through the gateway."""

    listener_token: SecretStr | None = None
    """The token with which `cx-pipeline listen` posts to the gateway; its scope is events:write."""
    listener_token_file: Path | None = None
    """File that holds it instead; read anew when it is refused."""
    listener_folder: Path | None = None
    """Folder of how far listeners have read, and of what they could not deliver yet. Not set: `home`/listeners."""
    jtapi_ha_mode: bool = Field(
        default=False, validation_alias=AliasChoices("CX_JTAPI_HA_MODE", "JTAPI_HA_MODE")
    )
    """Whether the listeners' lease is held in Consul (as the guide has it), not in PostgreSQL."""
    consul_url: HttpUrl = HttpUrl("http://127.0.0.1:8500")
    consul_token: SecretStr | None = None
    consul_token_file: Path | None = None

    @property
    def spool_folder(self) -> Path:
        """Folder of what was accepted while the database was away."""
        return self.gateway_spool or self.home / "spool"

    @property
    def listeners_folder(self) -> Path:
        """Folder of how far listeners have read, and of what they could not deliver yet."""
        return self.listener_folder or self.home / "listeners"

    @property
    def middleware_url(self) -> str:
        """Where people and systems reach the gateway, without a slash at the end: links begin with it."""
        host = f"[{self.gateway_host}]" if ":" in self.gateway_host else self.gateway_host
        own = f"http://{host}:{self.gateway_port}"
        return str(self.gateway_url or own).rstrip("/")
