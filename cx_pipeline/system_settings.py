"""Settings of the systems around: each is one JSON object of `settings.Settings`."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, model_validator


class CiscoSourceSettings(BaseModel):
    """One of Cisco's reporting databases."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    """What messages and record ids call it. Changing it makes its records new ones."""
    flavour: Literal["ucce", "uccx"]
    connection: SecretStr | None = None
    """ODBC connection string or DSN (`DSN=hds`), a `postgresql://` URL, or `embedded` for the application's own database."""
    connection_file: Path | None = None
    """File that holds the connection instead."""
    sql_folder: Path | None = None
    """A site's own statements instead of those of `sql/<flavour>`."""
    tenants: dict[str, str] = Field(default_factory=dict)
    """Tenant by peripheral id, `*` for all others. Empty: the records may be of any tenant."""
    connect_timeout_s: float = Field(default=10, gt=0)
    statement_timeout_s: float = Field(default=60, gt=0)

    @model_validator(mode="after")
    def _has_one_connection(self) -> "CiscoSourceSettings":
        if (self.connection is None) == (self.connection_file is None):
            raise ValueError(f"the Cisco source {self.name!r} needs either connection or connection_file")
        return self


class EventSocketSettings(BaseModel):
    """The event socket of one FreeSWITCH, by which recordings are masked while they run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recorder_id: str = Field(min_length=1)
    """As the recorder's manifests have it."""
    host: str = Field(min_length=1)
    port: int = Field(default=8021, ge=1, le=65535)
    password: SecretStr | None = None
    password_file: Path | None = None
    """File that holds the password instead."""
    tenants: tuple[str, ...] = ()
    """Tenants whose calls it records. Empty: those of all."""

    @model_validator(mode="after")
    def _has_one_password(self) -> "EventSocketSettings":
        if (self.password is None) == (self.password_file is None):
            raise ValueError(
                f"the event socket of {self.recorder_id!r} needs either password or password_file"
            )
        return self


class EleveoSettings(BaseModel):
    """An Eleveo call recorder, where recordings are its and not ours. Paths and words differ by its release."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: HttpUrl
    user: str = Field(min_length=1)
    password: SecretStr | None = None
    password_file: Path | None = None
    """File that holds the password instead."""
    ca_file: Path | None = None
    tenant_id: str = Field(min_length=1)
    """Whose recordings it holds."""
    login_path: str = "/callrec/loginservlet"
    search_path: str = "/callrec/api/conversations"
    token_path: str = "/callrec/downloadtoken"  # noqa: S105 - a path
    download_path: str = "/callrec/sendcallfile.mp3"
    id_field: str = "JTAPI_CISCO_ID"
    """External data by which a call is looked up."""
    id_form: Literal["told", "call_key", "number", "slashed"] = "told"
    """How it writes a call's id: as JTAPI told it, as our call key (`node_gcid`), as one number, or as `gcid/node`."""
    start_reasons: dict[str, Literal["START", "RETRIEVE", "TRANSFER", "CONFERENCE"]] = Field(
        default_factory=dict
    )
    """Our word by that of COUPLE_START_REASON, where they differ."""
    end_reasons: dict[str, Literal["END", "HOLD", "TRANSFER", "CONFERENCE"]] = Field(default_factory=dict)
    """Our word by that of COUPLE_END_REASON, where they differ."""
    connect_timeout_s: float = Field(default=5, gt=0)
    read_timeout_s: float = Field(default=30, gt=0)
    total_timeout_s: float = Field(default=120, gt=0)
    concurrency: int = Field(default=4, ge=1, le=64)

    @model_validator(mode="after")
    def _has_one_password(self) -> "EleveoSettings":
        if (self.password is None) == (self.password_file is None):
            raise ValueError("Eleveo needs either password or password_file")
        return self
