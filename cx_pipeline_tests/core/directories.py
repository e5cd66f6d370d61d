"""Small directories for tests: only what a test is about is written out."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from cx_pipeline.core.directory import (
    AGENT_SCHEMA,
    CLUSTER_SCHEMA,
    DOMAIN_SCHEMA,
    RANGE_SCHEMA,
    SERVICE_NUMBER_SCHEMA,
    Directory,
)

Rows = Sequence[Mapping[str, Any]]


def directory(
    *,
    agents: Rows = (),
    service_numbers: Rows = (),
    ranges: Rows = (),
    domains: Rows = (),
    clusters: Rows = (),
) -> Directory:
    """A directory of these rows; a column that is left out is null, the tenant `default`."""
    return Directory(
        agents=_frame(agents, AGENT_SCHEMA),
        service_numbers=_frame(service_numbers, SERVICE_NUMBER_SCHEMA),
        ranges=_frame(ranges, RANGE_SCHEMA),
        domains=_frame(domains, DOMAIN_SCHEMA),
        clusters=_frame(clusters, CLUSTER_SCHEMA),
    )


def _frame(rows: Rows, schema: pl.Schema) -> pl.DataFrame:
    return pl.DataFrame([{"tenant_id": "default", **row} for row in rows], schema=schema)
