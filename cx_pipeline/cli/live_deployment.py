"""What a deployment has to know of a live site before it begins: tenants, rules, folders, and a token for its door."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml
from pydantic import HttpUrl, SecretStr

from cx_pipeline.adapters.access.local_secrets import local_secret
from cx_pipeline.adapters.access.token_file import StaticToken, token_hash
from cx_pipeline.adapters.crypto.key_ring_file import change_ring_file
from cx_pipeline.adapters.crypto.ring_keys import DEFAULT_TENANT, new_key
from cx_pipeline.core.access_scopes import ALL_TENANTS, EVENTS_WRITE, RECORDERS_WRITE
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.settings import Settings
from cx_pipeline.simulator import files
from cx_pipeline.simulator.live.plan import LivePlan
from cx_pipeline.simulator.live.site import cisco_tenants_of, directory_of_site, tenants_of
from cx_pipeline.system_settings import CiscoSourceSettings

CISCO_SOURCE = "live"
TOKEN_NAME = "live-site"  # noqa: S105 - a name
STREAMS, STAGING = "streams", "staging"


@dataclass(frozen=True, slots=True)
class LiveDeployment:
    """The settings that know the site, and what its player needs."""

    settings: Settings
    token: SecretStr
    streams: Path
    staging: Path


def live_deployment(given: Settings, plan: LivePlan, folder: Path, ccm_url: str) -> LiveDeployment:
    """A deployment for nothing but a live site, with all that belongs to it below `folder`.

    Everything is recorded, sealed by a key of its own, and linked by signed links.

    Args:
        given: the home, the database and whatever else is to stay.
        plan: the site; when it begins does not matter.
        folder: for directory, rules, keys and the recorders' files; made if need be.
        ccm_url: of the conversation manager.

    Raises:
        ConfigurationError: the folder cannot be written.
    """
    streams, staging = folder / STREAMS, folder / STAGING
    try:
        streams.mkdir(parents=True, exist_ok=True)
        rules = folder / "recording-rules.yaml"
        rules.write_text(
            yaml.safe_dump({"rules": recording_rules_of(plan)}, sort_keys=False), encoding="utf-8"
        )
    except OSError as error:
        raise ConfigurationError(f"cannot write to {folder}: {error.strerror}") from error
    directory, ring = folder / "directory.yaml", folder / "key-ring.json"
    files.write_directory(directory_of_site(plan), directory)
    if not ring.exists():
        key_id, key = new_key(datetime.now(UTC))
        change_ring_file(ring, lambda keys: keys.with_key(DEFAULT_TENANT, key_id, key))
    token = local_secret(folder / "token")
    settings = given.model_copy(
        update={
            "directory_file": directory,
            "cisco_sources": (cisco_source_of(plan),),
            "ccm_url": HttpUrl(ccm_url),
            "stream_roots": (streams,),
            "recording_rules_file": rules,
            "key_ring_file": ring,
            "gateway_tokens": SecretStr(json.dumps([token_entry(token)])),
            "link_mode": "signed",
            "link_key": local_secret(folder / "link-key"),
        }
    )
    return LiveDeployment(settings, token, streams, staging)


def cisco_source_of(plan: LivePlan) -> CiscoSourceSettings:
    """Cisco's reporting database of the site, which is played by the application's own."""
    return CiscoSourceSettings(
        name=CISCO_SOURCE,
        flavour=plan.records.flavour,
        connection=SecretStr("embedded"),
        tenants=cisco_tenants_of(plan),
    )


def recording_rules_of(plan: LivePlan) -> list[dict[str, object]]:
    """All calls of the site are recorded."""
    return [
        {"tenant": tenant, "id": "all", "name": "All calls", "type": "DEFAULT", "action": "RECORD"}
        for tenant in tenants_of(plan)
    ]


def token_entry(token: SecretStr) -> dict[str, object]:
    """What the gateway keeps of the site's token."""
    kept = StaticToken(
        name=TOKEN_NAME,
        sha256=token_hash(token.get_secret_value()),
        tenant=ALL_TENANTS,
        scopes=(EVENTS_WRITE, RECORDERS_WRITE),
    )
    return kept.model_dump(exclude_none=True)
