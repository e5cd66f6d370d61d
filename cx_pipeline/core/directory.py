"""The directory: who and what the numbers of a site are, versioned by time.

Agents, service numbers (route points, dialled numbers), ranges of extensions, SIP domains and clusters, each
with its tenant. It may be empty: everything works without it, and better with it.
"""

from dataclasses import dataclass, field

import polars as pl

from cx_pipeline.core.events.schema import UTC_MICROSECONDS

VALIDITY = {"valid_from": UTC_MICROSECONDS, "valid_to": UTC_MICROSECONDS}

AGENT_SCHEMA = pl.Schema(
    {
        "tenant_id": pl.String(),
        "extension": pl.String(),
        "device": pl.String(),
        "agent_id": pl.String(),
        "agent_name": pl.String(),
        "team": pl.String(),
        "time_zone": pl.String(),
        **VALIDITY,
    }
)
SERVICE_NUMBER_SCHEMA = pl.Schema(
    {"tenant_id": pl.String(), "number": pl.String(), "name": pl.String(), **VALIDITY}
)
RANGE_SCHEMA = pl.Schema(
    {"tenant_id": pl.String(), "first_extension": pl.Int64(), "last_extension": pl.Int64(), **VALIDITY}
)
DOMAIN_SCHEMA = pl.Schema({"tenant_id": pl.String(), "domain": pl.String(), **VALIDITY})
CLUSTER_SCHEMA = pl.Schema({"tenant_id": pl.String(), "cluster": pl.String(), **VALIDITY})


@dataclass(frozen=True, slots=True)
class Directory:
    """The directory as frames; `valid_from` is inclusive, `valid_to` exclusive, null is unbounded.

    `service_numbers` are route points and dialled numbers: they count as outside of the house. `ranges` are
    inclusive at both ends and hold internal numbers. `clusters` name a CUCM cluster by the node id (the first part
    of a call key, as text).
    """

    agents: pl.DataFrame = field(default_factory=AGENT_SCHEMA.to_frame)
    service_numbers: pl.DataFrame = field(default_factory=SERVICE_NUMBER_SCHEMA.to_frame)
    ranges: pl.DataFrame = field(default_factory=RANGE_SCHEMA.to_frame)
    domains: pl.DataFrame = field(default_factory=DOMAIN_SCHEMA.to_frame)
    clusters: pl.DataFrame = field(default_factory=CLUSTER_SCHEMA.to_frame)


EMPTY_DIRECTORY = Directory()
