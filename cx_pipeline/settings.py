"""Everything that differs by deployment, typed and validated once, read from the environment (prefix `CX_`).

Nothing here is read at import: call `load_settings()` where a command or a resource starts.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import Field, HttpUrl, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cx_pipeline.core.calls.rules import CorrelationRules
from cx_pipeline.core.errors import ConfigurationError


class Settings(BaseSettings):
    """Settings of one deployment. Secrets have no default and are never printed."""

    model_config = SettingsConfigDict(env_prefix="CX_", env_file=".env", extra="ignore", frozen=True)

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


def load_settings() -> Settings:
    """Read the settings of this process.

    Raises:
        ConfigurationError: a value is missing or wrong; the message names the variable, never its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(f"CX_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise ConfigurationError(f"settings are wrong: {wrong}") from None
