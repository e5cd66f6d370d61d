"""Call keys that begin with a transfer: the rest of a call that began under another key (specification, section 3).

Joined to that call, their talk is no new leg. Where nothing joins them, the leg is an artefact of what was not seen.
"""

from __future__ import annotations

import polars as pl

from cx_pipeline.core.calls.connections import Connections
from cx_pipeline.core.events.vocabulary import Kind


def _begun(facts: pl.DataFrame) -> pl.DataFrame:
    """The second fact of each generation whose first two are TRANSFER and TALKING, in either order at one instant."""
    transferred = facts.filter(pl.col("kind") == Kind.TRANSFER).select("generation").unique()
    if transferred.is_empty():
        return facts.clear().select("call", "generation", "time", "row", began="time")
    lives = facts.join(transferred, on="generation", how="semi").sort(
        "generation", "moment", "extension", "row"
    )
    firsts = lives.group_by("generation", maintain_order=True).agg(
        pl.first("call"),
        first=pl.first("kind"),
        second=pl.col("kind").get(1, null_on_oob=True),
        began=pl.first("time"),
        second_time=pl.col("time").get(1, null_on_oob=True),
        first_row=pl.first("row"),
        second_row=pl.col("row").get(1, null_on_oob=True),
    )
    in_order = (pl.col("first") == Kind.TRANSFER) & (pl.col("second") == Kind.TALKING)
    at_once = (
        (pl.col("first") == Kind.TALKING)
        & (pl.col("second") == Kind.TRANSFER)
        & (pl.col("began") == pl.col("second_time"))
    )
    return firsts.filter(in_order | at_once).select(
        "call",
        "generation",
        "began",
        time="second_time",
        row=pl.when(in_order).then("second_row").otherwise("first_row"),
    )


def continued_talks(facts: pl.DataFrame) -> pl.DataFrame:
    """When such keys' talk began: `call`, `time`; talk that resumes around then is the leg that was there before."""
    return _begun(facts).select("call", "time")


def artefacts_of(facts: pl.DataFrame, connections: Connections, runs: pl.DataFrame) -> pl.DataFrame:
    """The legs that such a key alone makes: `leg`, `is_artefact`."""
    begun = _begun(facts)
    generations = facts.select("call", "generation").unique().group_by("call").len() if len(begun) else None
    if generations is None:
        return pl.DataFrame(schema={"leg": pl.UInt32, "is_artefact": pl.Boolean})
    alone = begun.join(generations.filter(pl.col("len") == 1), on="call", how="semi")
    steps = connections.steps.join(alone.select("row"), on="row", how="semi").select(
        run=pl.col("run").cast(pl.UInt32)
    )
    return runs.join(steps, on="run", how="semi").select("leg", is_artefact=pl.lit(value=True)).unique()
