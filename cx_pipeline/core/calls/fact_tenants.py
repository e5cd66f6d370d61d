"""Whose each fact is: a number for the tenant, also for facts that nobody could place alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from cx_pipeline.core.directory import Directory
from cx_pipeline.core.events.call_keys import call_key
from cx_pipeline.core.events.encoding import NONE, TextCodes
from cx_pipeline.core.events.schema import with_event_columns
from cx_pipeline.core.events.tenancy import DEFAULT_TENANT, with_tenants


def with_known_tenants(events: pl.LazyFrame, directory: Directory) -> pl.LazyFrame:
    """Look tenants up in the directory, where there is one and some event came without."""
    frames = (
        directory.agents,
        directory.service_numbers,
        directory.ranges,
        directory.domains,
        directory.clusters,
    )
    if all(frame.is_empty() for frame in frames):
        return events
    if (
        "tenant_id" in events.collect_schema()
        and not events.select(pl.col("tenant_id").has_nulls()).collect().item()
    ):
        return events
    return with_tenants(with_event_columns(events).with_columns(
        call_key=call_key(pl.col("global_call_id"))).collect(), directory).lazy()  # fmt: skip


def with_default(
    tenant: npt.NDArray[np.uint32], tenants: TextCodes
) -> tuple[npt.NDArray[np.uint32], TextCodes]:
    """Events without tenant are of the default one; numbers start at 0, in the order of the names."""
    texts = [text for text in tenants.texts.to_list() if text is not None]
    names = sorted({*texts, *([DEFAULT_TENANT] if (tenant == NONE).any() else [])})
    table = np.array(
        [names.index(text) for text in (DEFAULT_TENANT, *texts) if text in names], dtype=np.uint32
    )
    if len(names) == 1:
        return np.zeros(len(tenant), dtype=np.uint32), TextCodes(pl.Series("tenant", names, dtype=pl.String))
    if len(table) == len(texts):  # nobody is of the default tenant: number 0 of the table stands for nothing
        table = np.concatenate([np.zeros(1, dtype=np.uint32), table])
    return table[tenant], TextCodes(pl.Series("tenant", names, dtype=pl.String))


def adopted(
    tenant: npt.NDArray[np.uint32],
    call: npt.NDArray[np.uint32],
    time: npt.NDArray[np.int64],
    tenants: TextCodes,
) -> npt.NDArray[np.uint32]:
    """Facts that nobody could place are of the only tenant that other facts of their call key have around then.

    A fact about a whole call names no extension: the directory cannot place it, but its call's other facts can.
    """
    names = tenants.texts.to_list()
    if len(names) < 2 or DEFAULT_TENANT not in names:
        return tenant
    is_unplaced = pl.col("tenant") == names.index(DEFAULT_TENANT)
    facts = pl.DataFrame({"call": call, "time": time, "tenant": tenant}).with_row_index("row")
    placed = facts.filter(~is_unplaced).select("call", "tenant", at="time")
    around = (
        facts.filter(is_unplaced)
        .select("row", "call", "time")
        .join(placed.unique(), on="call")
        .with_columns(away=(pl.col("at") - pl.col("time")).abs())
        .filter(pl.col("away") <= _ADOPTED_WITHIN)
        .group_by("row")
        .agg(far=pl.col("tenant").unique(), near=pl.col("tenant").filter(pl.col("away") <= _NEAR).unique())
    )
    deciding = pl.when(pl.col("near").list.len() > 0).then("near").otherwise("far")
    found = around.select("row", tenants=deciding).filter(pl.col("tenants").list.len() == 1)
    placed_by_others = tenant.copy()
    placed_by_others[found["row"].to_numpy()] = found["tenants"].list.first().to_numpy()
    return placed_by_others


_ADOPTED_WITHIN = 3_600_000_000 * 12
_NEAR = 300_000_000
"""How far, in microseconds, a placed fact may be to place another; and how near, to do so against another tenant's."""
