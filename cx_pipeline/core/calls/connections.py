"""Connections: one phone's share in one call key, from its ring or talk to its end (specification, section 4).

A connection is (call key, extension, terminal); two phones that share a line are two connections of one extension.
One connection may live several times: each *run* begins at the RINGING, TALKING or HELD after an end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from cx_pipeline.core.calls.segments import NOWHERE, Array, Mask, Segments, at
from cx_pipeline.core.events.vocabulary import TERMINAL_KINDS, Kind

NEVER = np.iinfo(np.int64).max
"""The time of what has not happened yet."""

_KINDS = (Kind.RINGING, Kind.ESTABLISHED, Kind.HELD, Kind.TALKING, Kind.DROPPED, Kind.DISCONNECTED)

ENDED_BY_NOTHING, ENDED_BY_DROPPED, ENDED_BY_DISCONNECTED, ENDED_BY_ENDED = range(4)


@dataclass(frozen=True, slots=True)
class Connections:
    """Runs of connections, and the steps that make them.

    `steps`: the facts about agents' connections, sorted by call, generation, extension, line and moment.
    `steps` bears the number of its `run`, or `NOWHERE`.
    `runs`: one row for each run: `run`, `call`, `generation`, `extension`, `opened` and `closed` (times; `NEVER` while open),
    `ended_by`, `first_row` and `end_row` (facts, in the order of the keys), and positions in `steps` of its `ring`, `talk`, `held`, `end` (or `NOWHERE`).
    """

    steps: pl.DataFrame
    runs: pl.DataFrame


def find_connections(facts: pl.DataFrame) -> Connections:
    """Find the runs of the agents' connections in `facts` (sorted by call, generation, extension, moment)."""
    steps = _with_lines(_agents_steps(facts))
    call, generation, extension, line, kind, time = (
        steps[name].to_numpy() for name in ("call", "generation", "extension", "line", "kind", "time")
    )
    connections = Segments.of(generation, extension, line)
    opens = _opening(kind, connections)
    closes = np.isin(kind, (Kind.DROPPED, Kind.DISCONNECTED))
    runs, is_in_run = _runs(opens, closes, connections)
    in_run = [mask & is_in_run for mask in (kind == Kind.RINGING, kind == Kind.TALKING, kind == Kind.HELD)]
    ring, talk, held = (runs.first(mask) for mask in in_run)
    dropped = runs.first((kind == Kind.DROPPED) & is_in_run)
    disconnected = runs.first((kind == Kind.DISCONNECTED) & is_in_run)
    last_step = time[runs.last(is_in_run)] if runs.count else time[:0]
    ended, ended_row = _ended(facts, generation[runs.starts], last_step)
    end = np.where(dropped != NOWHERE, dropped, disconnected)
    table: dict[str, Any] = {
        "call": call[runs.starts],
        "generation": generation[runs.starts],
        "extension": extension[runs.starts],
        "opened": time[runs.starts],
        "closed": np.where(end != NOWHERE, at(time, end, NEVER), ended),
        "ended_by": np.select(
            [dropped != NOWHERE, disconnected != NOWHERE, ended != NEVER],
            [ENDED_BY_DROPPED, ENDED_BY_DISCONNECTED, ENDED_BY_ENDED],
            ENDED_BY_NOTHING,
        ).astype(np.uint8),
        "first": runs.starts,
        "first_row": steps["row"].to_numpy()[runs.starts],
        "ring": ring,
        "talk": talk,
        "held": held,
        "end": end,
        "end_row": np.where(end != NOWHERE, at(steps["row"].to_numpy(), end, 0), ended_row),
    }
    is_run = is_in_run[runs.starts]
    frame = pl.DataFrame(table).with_row_index("run").filter(pl.Series(is_run))
    return Connections(steps.with_columns(run=pl.Series(np.where(is_in_run, runs.ids, NOWHERE))), frame)


def _agents_steps(facts: pl.DataFrame) -> pl.DataFrame:
    """The facts about connections of agents: of extensions that a terminal's fact names in this call key."""
    kind = facts["kind"].to_numpy()
    wanted = np.isin(kind, _KINDS) & (facts["extension"].to_numpy() != 0)
    columns = [
        "call",
        "generation",
        "extension",
        "terminal",
        "time",
        "moment",
        "kind",
        "cause",
        "reason",
        "row",
    ]
    rows = facts.select(columns).filter(pl.Series(wanted))
    shares = Segments.of(rows["generation"].to_numpy(), rows["extension"].to_numpy())
    is_agent = shares.spread(shares.any(np.isin(rows["kind"].to_numpy(), TERMINAL_KINDS)))
    return rows if is_agent.all() else rows.filter(pl.Series(is_agent))


def _with_lines(steps: pl.DataFrame) -> pl.DataFrame:
    """Add `line`: 0 where an extension has one phone in the call key; else the phone's number.

    What is said of the whole extension (DISCONNECTED, or a drop without terminal) is said of each of its phones.
    """
    shares = Segments.of(steps["generation"].to_numpy(), steps["extension"].to_numpy())
    terminal = steps["terminal"].to_numpy()
    largest = shares.largest(terminal)
    smallest = shares.smallest(np.where(terminal == 0, np.uint32(2**32 - 1), terminal))
    is_shared = shares.spread((largest != smallest) & (largest != 0))
    if not is_shared.any():
        return steps.with_columns(line=pl.lit(0, pl.UInt32))
    shared = steps.filter(pl.Series(is_shared))
    phones = (
        shared.filter(pl.col("terminal") != 0)
        .group_by("generation", "extension")
        .agg(line=pl.col("terminal").unique().sort())
    )
    kind = pl.col("kind")
    of_all = (kind == Kind.DISCONNECTED) | ((pl.col("terminal") == 0) & (kind == Kind.DROPPED))
    each = shared.filter(of_all).join(phones, on=["generation", "extension"]).explode("line")
    own = shared.filter(~of_all).with_columns(line=pl.col("terminal"))
    alone = steps.filter(pl.Series(~is_shared)).with_columns(line=pl.lit(0, pl.UInt32))
    spread = pl.concat([own, each.select(own.columns)]).sort(
        "call", "generation", "extension", "line", "moment", "row"
    )
    return pl.concat([alone, spread])


def _opening(kind: Array, connections: Segments) -> Mask:
    """Which steps open a connection, if it is not open.

    Where only ESTABLISHED and a drop are known of a phone, its ring and talk were lost: ESTABLISHED opens it.
    """
    opens = np.isin(kind, (Kind.RINGING, Kind.TALKING, Kind.HELD))
    is_established = kind == Kind.ESTABLISHED
    bare = ~connections.any(opens) & connections.any(kind == Kind.DROPPED) & connections.any(is_established)
    return opens | (is_established & connections.spread(bare)) if bare.any() else opens


def _runs(opens: Mask, closes: Mask, connections: Segments) -> tuple[Segments, Mask]:
    """Runs: from the first opening step after an end to the last step before the next; and which steps are in one."""
    steps = np.arange(len(opens))
    last_open = np.maximum.accumulate(np.where(opens, steps, NOWHERE)) if len(steps) else steps
    last_close = np.maximum.accumulate(np.where(closes, steps, NOWHERE)) if len(steps) else steps
    first = connections.spread(connections.starts)
    was_open = np.append(NOWHERE, last_open)[:-1]
    was_closed = np.append(NOWHERE, last_close)[:-1]
    is_open = (was_open >= first) & (was_open > was_closed)
    begins = opens & ~is_open
    # Steps before the first opening of a connection belong to no run: they make a segment of their own.
    boundary = begins.copy()
    boundary[connections.starts] = True
    runs = Segments.starting_at(boundary)
    return runs, last_open >= first


def _ended(facts: pl.DataFrame, generation: Array, last_step: Array) -> tuple[Array, Array]:
    """For runs of `generation` with their last step: the time of ENDED of the key after it, and its row."""
    ends = (
        facts.filter(pl.col("kind") == Kind.ENDED)
        .select("generation", "time", "row")
        .sort("generation", "time", "row")
    )
    if ends.is_empty() or not len(generation):
        return np.full(len(generation), NEVER), np.zeros(len(generation), dtype=np.uint32)
    owner, time = ends["generation"].to_numpy(), ends["time"].to_numpy()
    lives = Segments.of(owner)
    where = np.searchsorted(owner[lives.starts], generation)
    where = np.minimum(where, lives.count - 1)
    has = owner[lives.starts][where] == generation
    first = lives.starts[where]
    late = has & (time[first] < last_step)
    if late.any():  # observation ended in mid-call: the next ENDED after the last step, if there is one
        packed = pl.DataFrame({"generation": generation[late], "last": last_step[late]}).with_row_index("n")
        after = packed.join(ends.with_row_index("at"), on="generation").filter(
            pl.col("time") >= pl.col("last")
        )
        chosen = after.group_by("n").agg(pl.min("at")).sort("n")
        found = np.full(int(late.sum()), NOWHERE, dtype=np.int64)
        found[chosen["n"].to_numpy()] = chosen["at"].to_numpy()
        has[late] = found != NOWHERE
        first = first.copy()
        first[late] = np.maximum(found, 0)
    return np.where(has, time[first], NEVER), np.where(has, ends["row"].to_numpy()[first], 0).astype(
        np.uint32
    )
