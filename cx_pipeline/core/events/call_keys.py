"""Call keys: one text for the several ways in which Cisco's global call id is written.

`CiscoCallID.intValue` is `(node << 24) | (global call id & 0xFFFFFF)`; its text form is `gcid/node`; recorded data
writes `node_gcid`. A bare number below 2^24 has no node. What is none of these (another vendor's id) is kept as is.
"""

import polars as pl

NODE_SHIFT = 24
GCID_MASK = (1 << NODE_SHIFT) - 1


def call_key_parts(call_id: pl.Expr) -> pl.Expr:
    """Struct of `node` (0: none given) and `gcid` (both UInt32, null where the id is no Cisco call id)."""
    underscore = _two_numbers(call_id, "_")
    slash = _two_numbers(call_id, "/")
    number = call_id.cast(pl.UInt32, strict=False)
    node = pl.coalesce(underscore[0], slash[1], number // (1 << NODE_SHIFT))
    gcid = pl.coalesce(underscore[1], slash[0], number & GCID_MASK)
    return pl.struct(node=node, gcid=gcid)


def call_key(call_id: pl.Expr) -> pl.Expr:
    """The normalised key: `node_gcid`, `gcid` where no node is known, else the id as it came; null for a blank id."""
    text = call_id.str.strip_chars()
    parts = call_key_parts(text)
    node, gcid = parts.struct.field("node"), parts.struct.field("gcid")
    return (
        pl.when(text == "")
        .then(None)
        .when(gcid.is_null())
        .then(text)
        .when(node == 0)
        .then(gcid.cast(pl.String))
        .otherwise(pl.concat_str(node.cast(pl.String), pl.lit("_"), gcid.cast(pl.String)))
    )


def _two_numbers(text: pl.Expr, separator: str) -> tuple[pl.Expr, pl.Expr]:
    """The numbers before and after the one separator, both null where the text is not of that form."""
    fields = text.str.splitn(separator, 2)
    first = fields.struct.field("field_0").cast(pl.UInt32, strict=False)
    second = fields.struct.field("field_1").cast(pl.UInt32, strict=False)
    both = first.is_not_null() & second.is_not_null()
    return pl.when(both).then(first), pl.when(both).then(second)
