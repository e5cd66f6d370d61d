"""Rows of any flavour as records of ours."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from cx_pipeline.core.enrichment.schema import CISCO_RECORD_SCHEMA
from cx_pipeline.core.events.call_keys import call_key
from cx_pipeline.system_settings import CiscoSourceSettings

_ANY_OTHER = "*"


def records_of(raw: pl.DataFrame, columns: Sequence[pl.Expr], settings: CiscoSourceSettings) -> pl.DataFrame:
    """Records (CISCO_RECORD_SCHEMA), one for each row.

    A row without a call id or without an end is a record all the same, with null there: it matches no leg, and is
    seen among the raw details.

    Args:
        raw: rows as they came.
        columns: the flavour's columns; `own_key` among them is what tells a row from all others.
        settings: of the source.
    """
    tenants = dict(settings.tenants)
    others = tenants.pop(_ANY_OTHER, None)
    peripheral = pl.col("peripheral_id")
    tenant = (
        peripheral.replace_strict(tenants, default=others, return_dtype=pl.String)
        if tenants
        else pl.lit(others, pl.String)
    )
    return (
        raw.select(columns)
        .with_columns(
            record_id=pl.concat_str(pl.lit(f"{settings.name}:"), "own_key"),
            source=pl.lit(settings.name),
            tenant_id=tenant,
            call_key=call_key(pl.col("jtapi_id")),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in CISCO_RECORD_SCHEMA.items())
    )


class Once:
    """Lets each record through once, whatever a statement's joins made of it: the first of its rows counts."""

    def __init__(self, ended_from: datetime, ended_to: datetime) -> None:
        self._span = (ended_from, ended_to)
        self._seen: set[str] = set()

    def new_of(self, records: pl.DataFrame) -> pl.DataFrame:
        """Those records that ended in the span (or have no end) and were not seen before."""
        ended = pl.col("ended_at")
        is_within = ended.is_null() | ((ended >= self._span[0]) & (ended < self._span[1]))
        records = records.filter(is_within).unique("record_id", keep="first", maintain_order=True)
        is_new = [record_id not in self._seen for record_id in records["record_id"]]
        records = records.filter(pl.Series(is_new, dtype=pl.Boolean))
        self._seen.update(records["record_id"])
        return records
