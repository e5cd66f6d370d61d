"""The parties of a call: agents and others, and when the others came and went."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from cx_pipeline.core.calls.connections import NEVER
from cx_pipeline.core.calls.segments import NOWHERE, Mask, Segments
from cx_pipeline.core.directory import Directory
from cx_pipeline.core.events.encoding import NONE, TextCodes
from cx_pipeline.core.events.vocabulary import TERMINAL_KINDS, Kind

NOT_YET = NEVER

_SAID_OF_AGENTS = (*TERMINAL_KINDS, Kind.CONSULT, Kind.TRANSFER, Kind.CONFERENCE)
"""Who controls a consult, a transfer or a conference has a phone of the house, as who rings or talks at a terminal."""


def shares_of(facts: pl.DataFrame) -> pl.DataFrame:
    """One row for each extension in each generation of a call key.

    Columns `call`, `generation`, `extension`, `is_agent` (in the whole call), `joined` (first moment), `established`
    (first time) and `left` (last time of DISCONNECTED); `NOT_YET` for what did not happen.
    """
    rows = facts.filter(pl.col("extension") != 0) if len(facts) else facts
    generation, extension = rows["generation"].to_numpy(), rows["extension"].to_numpy()
    kind, time = rows["kind"].to_numpy(), rows["time"].to_numpy()
    shares = Segments.of(generation, extension)
    established = shares.first(kind == Kind.ESTABLISHED)
    left = shares.last(kind == Kind.DISCONNECTED)
    table = pl.DataFrame(
        {
            "call": rows["call"].to_numpy()[shares.starts],
            "generation": generation[shares.starts],
            "extension": extension[shares.starts],
            "is_agent": shares.any(np.isin(kind, _SAID_OF_AGENTS)),
            "joined": rows["moment"].to_numpy()[shares.starts],
            "established": np.where(established == NOWHERE, NOT_YET, time[established])
            if len(time)
            else time,
            "established_row": rows["row"].to_numpy()[np.maximum(established, 0)]
            if len(time)
            else rows["row"].to_numpy(),
            "left": np.where(left == NOWHERE, NOT_YET, time[left]) if len(time) else time,
        }
    )
    if "far" in facts.columns:
        table = pl.concat([table, _far_ends(facts).select(table.columns).cast(table.schema)])
        table = table.with_columns(pl.col("is_agent").any().over("call", "extension"))
        return table.sort("call", "generation", "extension", "joined")
    return _agent_in_the_whole_call(table)


def _far_ends(facts: pl.DataFrame) -> pl.DataFrame:
    """The other ends of the persisted table's connections: there from the first to the end of the last of them."""
    kind = pl.col("kind")
    connected, ended = kind == Kind.TALKING, kind.is_in([Kind.DROPPED, Kind.DISCONNECTED])
    ends = facts.filter((pl.col("far") != 0) & (connected | ended)).group_by(
        "call", "generation", extension="far"
    )
    return ends.agg(
        is_agent=pl.lit(value=False),
        joined=pl.min("moment"),
        established=pl.col("time").filter(connected).min().fill_null(NOT_YET),
        established_row=pl.col("row").get(pl.col("moment").arg_min()),
        lasting=pl.col("connection").filter(connected).n_unique()
        > pl.col("connection").filter(ended).n_unique(),
        last=pl.col("time").filter(ended).max(),
    ).with_columns(left=pl.when("lasting").then(NOT_YET).otherwise(pl.col("last").fill_null(NOT_YET)))


def _agent_in_the_whole_call(shares: pl.DataFrame) -> pl.DataFrame:
    """An agent by one key of a call is one by all: only calls of several keys need a look."""
    several = Segments.of(shares["call"].to_numpy())
    generations = Segments.of(shares["call"].to_numpy(), shares["generation"].to_numpy())
    many = np.bincount(several.ids[generations.starts], minlength=several.count) > 1
    among = pl.Series(several.spread(many))
    if not among.any():
        return shares
    settled = shares.filter(among).with_columns(is_agent=pl.col("is_agent").any().over("call", "extension"))
    return pl.concat([shares.filter(~among), settled])


@dataclass(frozen=True, slots=True)
class Listing:
    """What the directory says of each extension (by its number): an agent's, a service number, one of the house."""

    is_agent: Mask
    is_service: Mask
    is_internal: Mask

    @classmethod
    def of(cls, extensions: TextCodes, directory: Directory) -> Listing:
        """Look the extensions up; one that some tenant lists as a service number is one."""
        agents = extensions.code_of(directory.agents["extension"].drop_nulls().unique().sort())
        services = extensions.code_of(directory.service_numbers["number"].drop_nulls().unique().sort())
        numbers = extensions.texts.cast(pl.Int64, strict=False)
        internal = np.zeros(len(numbers), dtype=np.bool_)
        for first, last in directory.ranges.select("first_extension", "last_extension").unique().iter_rows():
            internal |= numbers.is_between(first, last).fill_null(value=False).to_numpy()
        listed, service = np.zeros(len(numbers), dtype=np.bool_), np.zeros(len(numbers), dtype=np.bool_)
        listed[agents], service[services] = True, True
        listed[NONE] = service[NONE] = False
        return cls(listed & ~service, service, (internal | listed) & ~service)


def with_listing(parties: pl.DataFrame, listing: Listing) -> pl.DataFrame:
    """Add `is_service` and `is_internal` to parties, and count as agents those that the directory lists."""
    extension = parties["extension"].to_numpy()
    is_service = listing.is_service[extension]
    is_agent = parties["is_agent"].to_numpy() | listing.is_agent[extension]
    return parties.with_columns(
        is_agent=pl.Series(is_agent),
        is_service=pl.Series(is_service),
        is_internal=pl.Series((is_agent & ~is_service) | listing.is_internal[extension]),
    )


def parties_of(shares: pl.DataFrame) -> pl.DataFrame:
    """One row for each party of each call, agents first, each part in the order of the extensions.

    Columns `call`, `extension`, `is_agent`, `is_internal`, `is_service`, `joined`.
    """
    each = shares.select("call", "extension", "is_agent", "is_internal", "is_service", "joined")
    calls = Segments.of(each["call"].to_numpy())
    pairs = Segments.of(each["call"].to_numpy(), each["extension"].to_numpy())
    if pairs.count < len(each) or calls.count < len(each):
        each = each.sort("call", "is_agent", "extension", "joined", descending=[False, True, False, False])
        pairs = Segments.of(each["call"].to_numpy(), each["extension"].to_numpy())
    return each if pairs.count == len(each) else each[pairs.starts]


def with_ends(shares: pl.DataFrame, facts: pl.DataFrame, listing: Listing) -> pl.DataFrame:
    """The parties of each call: those that facts are about, and those that facts name as calling or called.

    Adds `rank`: 0 for the number outside that a fact names as the other end, 1 for one that facts are about.
    """
    parties = parties_of(shares).with_columns(rank=pl.lit(1, pl.Int8))
    ends = [name for name in ("calling", "called", "far") if name in facts.columns]
    if not ends:
        return parties
    named = pl.concat(
        facts.filter(pl.col(name) != 0).select("call", "moment", extension=name, joined="moment")
        for name in ends
    )
    firsts = named.group_by("call", "extension").agg(pl.min("joined")).sort("call", "extension")
    blank = firsts.with_columns(is_agent=pl.lit(value=False))
    listed = with_listing(blank, listing).with_columns(rank=pl.lit(0, pl.Int8))
    both = (
        pl.concat([parties, listed.select(parties.columns)])
        .group_by("call", "extension")
        .agg(pl.col("is_agent", "is_internal", "is_service").any(), pl.min("joined"), pl.min("rank"))
    )
    return both.sort("call", "is_agent", "extension", descending=[False, True, False])
