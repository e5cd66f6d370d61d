"""How a frame's contract is told to Dagster: column schemas, lineage, and the figures of one window."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from cx_pipeline.core.frames import FRAMES, TABLES, FrameContract

if TYPE_CHECKING:
    import polars as pl

    from cx_pipeline.adapters.storage.frame_store import FrameMark, Receipt
    from cx_pipeline.core.enrichment.enrich import Enrichment
    from cx_pipeline.core.window_computation import WindowLegs

OWNERS = ["team:contact-centre-data"]


def described(name: str) -> Mapping[str, Any]:
    """The metadata of an asset's definition, from the registry of frames."""
    contract = FRAMES.get(name) or TABLES[name]
    return {"dagster/column_schema": column_schema(contract), "dagster/table_name": contract.name}


def lineage_of(name: str, upstream: str) -> Mapping[str, Any]:
    """The lineage of an asset's columns, as metadata."""
    return {"dagster/column_lineage": column_lineage(FRAMES[name], upstream)}


def column_schema(contract: FrameContract) -> dg.TableSchema:
    """The contract's columns with their types and meaning."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=name,
                type=str(dtype),
                description=contract.descriptions[name],
                constraints=dg.TableColumnConstraints(nullable=name not in contract.required),
            )
            for name, dtype in contract.schema.items()
        ]
    )


def column_lineage(contract: FrameContract, upstream: str) -> dg.TableColumnLineage:
    """From which columns of the upstream asset each column is made, as far as it is known."""
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(asset_key=upstream, column_name=source) for source in sources]
            for column, sources in contract.sources.items()
        }
    )


def frame_figures(receipt: "Receipt", mark: "FrameMark") -> dict[str, Any]:
    """What is told of one window's frame."""
    return {
        "dagster/partition_row_count": receipt.rows,
        "dagster/uri": str(receipt.path),
        "size_bytes": receipt.size_bytes,
        "high_water": mark.high_water,
        "is_open": mark.is_open,
        "is_kept": receipt.is_kept,
    }


def window_figures(legs: "WindowLegs") -> dict[str, Any]:
    """What is told of one window's legs: counts of events, calls by type, and what is still open."""
    correlation = legs.correlation
    counts = correlation.counts
    by_type = correlation.calls.group_by("call_type").len().sort("len", "call_type", descending=[True, False])
    rows = "\n".join(f"| {call_type or 'none'} | {n} |" for call_type, n in by_type.iter_rows())
    return {
        "events_input": counts.input,
        "events_used": counts.used,
        "events_double": counts.duplicates,
        "events_quarantined": counts.quarantined,
        "calls": correlation.calls.height,
        "open_call_keys": legs.open_call_keys.height,
        "calls_by_type": dg.MetadataValue.md(f"| type | calls |\n| --- | ---: |\n{rows}"),
    }


def enrichment_figures(enrichment: "Enrichment") -> dict[str, Any]:
    """What is told of one window's enrichment: how many legs have their record, and why the others do not."""
    by_status = (
        enrichment.legs.filter("is_reportable")
        .group_by("enrichment_status", "enrichment_reason")
        .len()
        .sort(
            "len", "enrichment_status", "enrichment_reason", descending=[True, False, False], nulls_last=True
        )
    )
    rows = "\n".join(f"| {status} | {reason or ''} | {n} |" for status, reason, n in by_status.iter_rows())
    table = f"| status | reason | reportable legs |\n| --- | --- | ---: |\n{rows}"
    offsets = {f"clock_offset_ms_{source}": offset for source, offset in enrichment.clock_offset_ms.items()}
    return {**enrichment.counts, **offsets, "legs_by_status": dg.MetadataValue.md(table)}


def counts_table(frame: "pl.DataFrame", *columns: str) -> dg.MarkdownMetadataValue:
    """How many rows there are of each combination of some columns, most frequent first."""
    counted = frame.group_by(columns).len().sort("len", *columns, descending=[True, *(False,) * len(columns)])
    head = f"| {' | '.join(columns)} | rows |\n|{' --- |' * len(columns)} ---: |\n"
    rows = (" | ".join("" if value is None else str(value) for value in row) for row in counted.iter_rows())
    return dg.MetadataValue.md(head + "\n".join(f"| {row} |" for row in rows))
