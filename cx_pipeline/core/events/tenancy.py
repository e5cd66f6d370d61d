"""The tenant of an event: as reported, else found through the directory, else `default`.

Only the event's own columns count, so that an event has the same tenant, and so the same identity, whenever and
with whatever others it arrives. A number that two tenants have at one time says nothing.
"""

import polars as pl

from cx_pipeline.core.directory import Directory

DEFAULT_TENANT = "default"
_ROW, _TENANT = "__row", "__tenant"


def with_tenants(events: pl.DataFrame, directory: Directory) -> pl.DataFrame:
    """Fill `tenant_id` of `events` (columns of `EVENT_SCHEMA` and `call_key`)."""
    blank = pl.col("tenant_id").str.strip_chars().replace("", None)
    events = events.with_columns(tenant_id=blank)
    unknown = events.with_row_index(_ROW).filter(pl.col("tenant_id").is_null())
    if unknown.is_empty():
        return events
    candidates = pl.concat(_candidates(unknown, directory))
    if candidates.is_empty():
        return events.with_columns(pl.col("tenant_id").fill_null(DEFAULT_TENANT))
    # The first kind of entry that names exactly one tenant decides: an agent says more than a range.
    found = (
        candidates.group_by(_ROW, "rank")
        .agg(pl.col(_TENANT).unique())
        .filter(pl.col(_TENANT).list.len() == 1)
        .sort("rank")
        .group_by(_ROW)
        .agg(pl.col(_TENANT).first().list.first())
    )
    return (
        events.with_row_index(_ROW)
        .join(found, on=_ROW, how="left", maintain_order="left")
        .with_columns(tenant_id=pl.coalesce("tenant_id", _TENANT, pl.lit(DEFAULT_TENANT)))
        .drop(_ROW, _TENANT)
    )


def _candidates(unknown: pl.DataFrame, directory: Directory) -> list[pl.DataFrame]:
    """Rows `(row, tenant, rank)`: what each kind of entry says of each event, surest kind first."""
    agents = directory.agents
    by_extension = agents.select("tenant_id", "valid_from", "valid_to", number="extension")
    by_device = agents.select("tenant_id", "valid_from", "valid_to", number="device")
    services = directory.service_numbers.select("tenant_id", "valid_from", "valid_to", "number")
    nodes = directory.clusters.select("tenant_id", "valid_from", "valid_to", number="cluster")
    looked_up = [
        (by_extension, ("extension", "calling_extension", "called_extension")),
        (by_device, ("terminal", "calling_terminal", "called_terminal")),
        (services, ("extension", "called_extension")),
    ]
    node = pl.col("call_key").str.extract(r"^(\d+)_\d+$")
    domain = pl.coalesce("calling_extension", "extension").str.extract(r"@([^:;>]+)")
    ranks = [
        _match(unknown, entries, pl.col(column), rank)
        for rank, (entries, columns) in enumerate(looked_up)
        for column in columns
    ]
    domains = directory.domains.select("tenant_id", "valid_from", "valid_to", number="domain")
    return [
        *ranks,
        _match_ranges(unknown, directory.ranges, rank=3),
        _match(unknown, domains, domain, rank=4),
        _match(unknown, nodes, node, rank=5),
    ]


def _match(unknown: pl.DataFrame, entries: pl.DataFrame, number: pl.Expr, rank: int) -> pl.DataFrame:
    keyed = unknown.select(_ROW, "event_time", number=number).drop_nulls("number")
    hits = keyed.join(entries.rename({"tenant_id": _TENANT}), on="number").filter(_is_valid())
    return hits.select(_ROW, _TENANT, rank=pl.lit(rank, pl.Int8))


def _match_ranges(unknown: pl.DataFrame, ranges: pl.DataFrame, rank: int) -> pl.DataFrame:
    number = pl.col("extension").cast(pl.Int64, strict=False)
    keyed = unknown.select(_ROW, "event_time", number=number).drop_nulls("number")
    hits = keyed.join_where(
        ranges.rename({"tenant_id": _TENANT}),
        pl.col("number") >= pl.col("first_extension"),
        pl.col("number") <= pl.col("last_extension"),
    ).filter(_is_valid())
    return hits.select(_ROW, _TENANT, rank=pl.lit(rank, pl.Int8))


def _is_valid() -> pl.Expr:
    time = pl.col("event_time")
    begun = pl.col("valid_from").is_null() | (pl.col("valid_from") <= time)
    return begun & (pl.col("valid_to").is_null() | (time < pl.col("valid_to")))
