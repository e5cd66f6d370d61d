"""Which legs and records share a call key, in whichever form either writes it."""

from __future__ import annotations

import polars as pl

from cx_pipeline.core.events.call_keys import call_key, call_key_parts

PAIR_SCHEMA = pl.Schema({"leg": pl.UInt32(), "record": pl.UInt32()})


def pairs_of(legs: pl.DataFrame, calls: pl.DataFrame, records: pl.DataFrame) -> pl.DataFrame:
    """Each leg with each record that bears a key of the leg's call and may be of its tenant: `PAIR_SCHEMA`, once each.

    A number without node (`167890`) means that of any node (`1_167890`); another vendor's id must be the same text. A
    record of no tenant may be of any.

    Args:
        legs: `leg` (number), `call_id`, `tenant_id`, `root_call_key`, `jtapi_id`.
        calls: `call_id`, `call_keys`.
        records: `record` (number), `tenant_id`, `call_key`.
    """
    of_legs = with_parts(_keys_of_legs(legs, calls))
    of_records = with_parts(records.select("record", "call_key", of_tenant="tenant_id"))
    numbers = of_legs.join(of_records, on="gcid").filter(same_node())
    texts = of_legs.filter(pl.col("gcid").is_null()).join(
        of_records.filter(pl.col("gcid").is_null()), on="call_key"
    )
    same_tenant = pl.col("of_tenant").is_null() | (pl.col("of_tenant") == pl.col("tenant_id"))
    columns = ["leg", "record", "tenant_id", "of_tenant"]
    pairs = pl.concat([numbers.select(columns), texts.select(columns)]).filter(same_tenant)
    # A call may have a number with and without its node: the same record is found by both.
    return pairs.select(pl.col(name).cast(dtype) for name, dtype in PAIR_SCHEMA.items()).unique()


def with_parts(keyed: pl.DataFrame) -> pl.DataFrame:
    """Add `node` (0: any) and `gcid` (null where the key is no Cisco call id) of `call_key`; rows without key are left out."""
    known = keyed.filter(pl.col("call_key").is_not_null())
    return known.with_columns(call_key_parts(pl.col("call_key")).struct.unnest())


def same_node() -> pl.Expr:
    """Whether two keys of one number can be of one node: after a join on `gcid`."""
    node, other = pl.col("node"), pl.col("node_right")
    return (node == other) | (node == 0) | (other == 0)


def _keys_of_legs(legs: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """`leg`, `tenant_id` and `call_key`: all keys of the leg's call, and the join key that its own events bear."""
    of_calls = legs.select("leg", "call_id", "tenant_id").join(
        calls.select("call_id", call_key="call_keys").explode("call_key"), on="call_id"
    )
    columns = ["leg", "tenant_id", "call_key"]
    of_legs = [
        legs.select("leg", "tenant_id", call_key=name)
        for name in (pl.col("root_call_key"), call_key(pl.col("jtapi_id")))
    ]
    return pl.concat([of_calls.select(columns), *of_legs]).unique()
