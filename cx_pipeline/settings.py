"""Everything that differs by deployment, typed and validated once, read from the environment (prefix `CX_`).

Nothing here is read at import: call `load_settings()` where a command or a resource starts.
"""

import json
import os
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, HttpUrl, SecretStr, ValidationError, field_validator
from pydantic_settings import SettingsConfigDict, SettingsError

from cx_pipeline.core.calls.rules import CorrelationRules
from cx_pipeline.core.enrichment.rules import EnrichmentRules
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.core.messages.building import MessageOptions
from cx_pipeline.gateway_settings import GatewaySettings
from cx_pipeline.system_settings import CiscoSourceSettings


class Settings(GatewaySettings):
    """Settings of one deployment. Secrets have no default and are never printed."""

    model_config = SettingsConfigDict(
        env_prefix="CX_",
        env_file=".env",
        extra="ignore",
        frozen=True,
        validate_by_name=True,
        validate_by_alias=True,
    )

    home: Path = Field(default_factory=lambda: Path.home() / ".cx-pipeline")
    """Folder of the embedded database, the frames and the demo."""
    database_url: SecretStr | None = None
    """PostgreSQL of the application. Not set: the embedded server below `home`."""
    dagster_database_url: SecretStr | None = None
    """PostgreSQL of Dagster's own storage, wanted where `database_url` is set. Not set: the embedded server's."""
    storage_root: Path | None = None
    """Folder of the frames (Parquet). Not set: `home`/storage."""
    directory_file: Path | None = None
    """YAML file of agents, devices, dialled numbers, ranges and tenants. Not set: the database table."""

    window_minutes: int = Field(default=60, ge=5, le=60)
    """Length of a window. Dagster advises to stay below 100,000 partitions: hourly gives 11 years, 5 minutes 11 months."""
    first_window: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    """Start of the first window (UTC)."""
    settle_minutes: int = Field(default=15, ge=0)
    """For how long after its end a window is still computed each minute."""
    max_concurrent_runs: int = Field(default=4, ge=1)
    backfill_windows_per_run: int = Field(default=1, ge=0)
    """How many windows one run of a backfill computes: 1 a run for each, 0 all in a single run."""

    max_silence_s: float = Field(default=12 * 3600, gt=0)
    min_reportable_s: float = Field(default=0, ge=0)

    cisco_sources: tuple[CiscoSourceSettings, ...] = ()
    """Cisco's reporting databases, as a JSON list. None set: legs go out with what the events tell."""
    match_slack_minutes: float = Field(default=10, gt=0)
    """How far from a leg a record may lie to be looked at as its own."""
    replication_lag_minutes: float = Field(default=5, ge=0, le=60)
    """How far back records are read again each time, as they reach the reporting database late."""
    outbound_service_identifiers: dict[str, str] = Field(default_factory=dict)
    """Service identifier of outbound calls by tenant, `*` for all others, as a JSON object."""

    ccm_url: HttpUrl | None = None
    """Base URL of the CX conversation manager. Not set: no messages are made."""
    ccm_voice_path: str = "/conversation-manager/activities/voice"
    ccm_third_party_path: str = "/conversation-manager/activities/third-party"
    ccm_ca_file: Path | None = None
    """Certificates of authorities to trust, beside those of the system."""
    ccm_token: SecretStr | None = None
    """Static bearer token. Set neither this nor the OAuth2 settings for a manager that asks for none."""
    ccm_token_file: Path | None = None
    """File that holds the static bearer token; read anew when the manager answers 401."""
    ccm_oauth_token_url: HttpUrl | None = None
    """Token end point (Keycloak) for OAuth2 client credentials."""
    ccm_oauth_client_id: str | None = None
    ccm_oauth_client_secret: SecretStr | None = None
    ccm_oauth_client_secret_file: Path | None = None
    ccm_connect_timeout_s: float = Field(default=5, gt=0)
    ccm_read_timeout_s: float = Field(default=10, gt=0)
    ccm_total_timeout_s: float = Field(default=20, gt=0)
    ccm_concurrency: int = Field(default=32, ge=1, le=512)
    """How many calls' messages are under way at once."""
    messages_when: Literal["enriched", "ended"] = "enriched"
    """`enriched`: a leg's messages leave once it has its record or the last try is over. `ended`: at once, corrected later."""
    messages_short_call_types: bool = False
    """Send the guide's shorter list of call types instead of ours."""
    messages_dialect: Literal["guide", "published"] = "guide"
    """Shape of the bodies: the guide's, or that of CX's published object model."""

    stream_roots: tuple[Path, ...] = ()
    """Folders in which recorders leave their files, as a JSON list. A file outside of them is never opened."""
    manifest_folders: tuple[Path, ...] = ()
    """Folders that are scanned for manifests, as a JSON list. None set: `stream_roots`."""
    abandon_after_minutes: float = Field(default=240, gt=0)
    """An unfinished manifest (`.part`) older than this is taken as it is: its recorder died."""
    max_call_hours: float = Field(default=12, gt=0)
    """How far before a window its recordings may have begun."""
    recording_slack_s: float = Field(default=60, ge=0)
    """How far from its leg a recording may lie to be looked at."""
    lost_after_minutes: float = Field(default=30, gt=0)
    """For how long after its end a leg without its recording is waited for."""
    fusionpbx_url: SecretStr | None = None
    """PostgreSQL of FusionPBX, whose `v_xml_cdr` tells of files without a manifest. Not set: it is not read."""
    fusionpbx_url_file: Path | None = None
    """File that holds it instead."""
    fusionpbx_tenants: dict[str, str] = Field(default_factory=dict)
    """Tenant by FusionPBX domain name, `*` for all others, as a JSON object."""
    recording_rules_file: Path | None = None
    """YAML file of the recording rules. Not set: the database table."""

    recordings_root: Path | None = None
    """Folder of the finished recordings. Not set: `home`/recordings."""
    recording_encryption: Literal["gcm", "cfb", "none"] | None = None
    """How recordings are sealed where their rule does not say. Not set: `gcm` where there is a key ring, else `none`."""
    key_ring_file: Path | None = None
    """File of the tenants' keys (`cx-pipeline keys create`)."""
    key_ring: SecretStr | None = None
    """The same, as JSON, for deployments that hand secrets over by environment."""
    mix_workers: int = Field(default=2, ge=1, le=64)
    """Processes that mix at once."""
    mix_timeout_s: float = Field(default=600, gt=0)
    """A recording that takes longer is given up for this time, and tried again."""
    mix_attempts: int = Field(default=5, ge=1)
    """How often a recording is tried before it counts as FAILED."""
    raw_retention_days: float = Field(default=7, ge=0)
    """For how long the recorders' files are kept after their recording was made or skipped; never deleted after a failure."""
    recording_retention_days: int = Field(default=90, ge=1)
    """For how long recordings are kept where their rule does not say."""

    public_url: HttpUrl = HttpUrl("http://127.0.0.1:3000")
    """Where people reach the Dagster UI: the links in alerts begin with it."""
    alert_webhook_url: SecretStr | None = None
    """Slack-compatible webhook for failures. Not set: none is sent."""
    alert_email_to: str | None = None
    """Comma-separated receivers of failure mails. Not set: none is sent."""
    alert_email_from: str = "cx-pipeline@localhost"
    smtp_host: str | None = None
    smtp_port: int = 25
    smtp_starttls: bool = False
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None

    @field_validator("window_minutes")
    @classmethod
    def _divides_the_hour(cls, minutes: int) -> int:
        if 60 % minutes:
            message = (
                f"window_minutes must divide 60, {minutes} does not: take 5, 6, 10, 12, 15, 20, 30 or 60"
            )
            raise ValueError(message)
        return minutes

    @field_validator("first_window")
    @classmethod
    def _in_utc(cls, start: datetime) -> datetime:
        return start.replace(tzinfo=UTC) if start.tzinfo is None else start.astimezone(UTC)

    @property
    def frames_root(self) -> Path:
        """Folder of the Parquet frames."""
        return self.storage_root or self.home / "storage"

    @property
    def recordings_folder(self) -> Path:
        """Folder of the finished recordings."""
        return self.recordings_root or self.home / "recordings"

    @property
    def folders_of_manifests(self) -> tuple[Path, ...]:
        """Folders that are scanned for manifests."""
        return self.manifest_folders or self.stream_roots

    @property
    def has_recorders(self) -> bool:
        """Whether there is anything that tells of recorders' files."""
        return bool(self.folders_of_manifests or self.fusionpbx_url or self.fusionpbx_url_file)

    @property
    def window_length(self) -> timedelta:
        """Length of a window."""
        return timedelta(minutes=self.window_minutes)

    @property
    def correlation_rules(self) -> CorrelationRules:
        """The correlation's numbers for this deployment."""
        return CorrelationRules(
            max_silence=timedelta(seconds=self.max_silence_s),
            min_reportable=timedelta(seconds=self.min_reportable_s),
        )

    @property
    def enrichment_rules(self) -> EnrichmentRules:
        """The matching's numbers for this deployment."""
        return EnrichmentRules(
            match_slack=timedelta(minutes=self.match_slack_minutes),
            outbound_service_identifiers=self.outbound_service_identifiers,
        )

    @property
    def message_options(self) -> MessageOptions:
        """What this deployment chose of its messages."""
        return MessageOptions(
            when=self.messages_when,
            short_call_types=self.messages_short_call_types,
            dialect=self.messages_dialect,
        )

    def as_environment(self) -> dict[str, str]:
        """The variables by which another process reads these settings, secrets included: never print them."""
        return {
            f"CX_{name.upper()}": text
            for name, field in type(self).model_fields.items()
            if (value := getattr(self, name)) != field.get_default(call_default_factory=True)
            and (text := _as_variable(value)) is not None
        }


_PREFIXES = ("CX_", "JTAPI_HA_MODE", "HOME")
"""How the variables begin that settings are read from; `HOME` is where the default of `home` lies."""


def _as_variable(value: object) -> str | None:
    plain = _revealed(value)
    if isinstance(plain, dict | list):
        return json.dumps(plain)
    return str(plain).lower() if isinstance(plain, bool) else None if plain is None else str(plain)


def _revealed(value: object) -> object:
    """The value in JSON's types, secrets in the clear."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        return {
            name: shown
            for name in type(value).model_fields
            if (shown := _revealed(getattr(value, name))) is not None
        }
    if isinstance(value, tuple | list):
        return [_revealed(item) for item in value]
    if isinstance(value, dict):
        return {key: _revealed(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, bool | int | float | None) else str(value)


def load_settings() -> Settings:
    """The settings of this process, read again only where a variable or the file `.env` changed.

    Raises:
        ConfigurationError: a value is missing or wrong; the message names the variable, never its value.
    """
    own = {name: value for name, value in os.environ.items() if name.upper().startswith(_PREFIXES)}
    file = Path(".env").absolute()
    changed_ns = file.stat().st_mtime_ns if file.exists() else None
    return _read_settings(frozenset(own.items()), file, changed_ns)


@lru_cache(maxsize=4)
def _read_settings(_variables: frozenset[tuple[str, str]], _file: Path, _changed_ns: int | None) -> Settings:
    """Read them; a run asks for them some forty times."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(f"CX_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"settings are wrong: {wrong}") from None
    except SettingsError as error:
        # Its cause holds the value, which may be a secret.
        field = next((name for name in Settings.model_fields if f'"{name}"' in str(error)), "")
        raise ConfigurationError(f"settings are wrong: CX_{field.upper()} is not JSON") from None
