"""Which facts make one call (specification of correlation, section 3).

A call is a connected component of call keys. A key comes again (24 bits, and restarts), so what is connected are not
keys but *generations*: one life of a key, from the fact that opens it to its end.

Nearly every key lives once and refers to no other. Those are told by a few numbers of each key; only the rest, some
tenth of a day, is looked at fact by fact.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cx_pipeline.core.calls.cleaning import KIND_BITS
from cx_pipeline.core.calls.generations import with_generations
from cx_pipeline.core.calls.rules import CorrelationRules
from cx_pipeline.core.calls.segments import Segments
from cx_pipeline.core.events.vocabulary import ENDING_KINDS, Kind

ENDING_WITHOUT_CALL = "ENDING_WITHOUT_CALL"
"""An ending fact that belongs to no call: they never open one, and come at most shortly after an end."""
NOT_PART_OF_A_CALL = "NOT_PART_OF_A_CALL"
"""A fact of a call key of which nothing else is known, that says of itself nothing about a call."""

CALL_ORDER = ["call", "generation", "extension", "moment"]


@dataclass(frozen=True, slots=True)
class Grouped:
    """Facts by call.

    `frame`: the facts that say something, sorted by `CALL_ORDER`, calls numbered from 0.
    `others`: number of facts of kind OTHER for each call. `orphans`: rows of the input that no call has, and why.
    `references`: rows of facts that name another key, with their generation and the `other` one that they name.
    """

    frame: pl.DataFrame
    others: npt.NDArray[np.int64]
    orphans: pl.DataFrame
    references: pl.DataFrame


def group_into_calls(frame: pl.DataFrame, rules: CorrelationRules) -> Grouped:
    """Number the calls that the facts make.

    Args:
        frame: cleaned facts, sorted by key, extension and moment.
        rules: the tolerances.
    """
    is_other = pl.col("kind") == Kind.OTHER
    others = frame.filter(is_other).select("key", "time", "row")
    facts = frame.filter(~is_other) if len(others) else frame
    facts, orphans = _with_lives(facts, rules)
    lives = Segments.of(facts["generation"].to_numpy())
    spans = _spans(facts, lives)
    references = _references(facts, spans, rules.max_silence)
    edges = pl.concat([references.select("generation", "other"), _links(facts, rules.max_silence)])
    grouped = _numbered(facts, lives, edges)
    counts, lost = _count_others(others, grouped, rules.max_silence)
    real = references.filter(pl.col("other") < lives.count)
    return Grouped(grouped, counts, pl.concat([orphans, lost]), real)


def _with_lives(facts: pl.DataFrame, rules: CorrelationRules) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Number the generations, in the order of the frame; set apart ending facts of none."""
    once, keys = _living_once(facts, rules)
    rows = keys.spread(once)
    if rows.all():
        return facts.with_columns(generation=pl.Series(keys.ids.astype(np.uint32))), _orphans(facts.clear())
    single = facts.filter(pl.Series(rows))
    ids = Segments.of(single["key"].to_numpy()).ids.astype(np.uint32)
    first = int(ids[-1]) + 1 if len(ids) else 0
    several = with_generations(facts.filter(pl.Series(~rows)), rules)
    orphans = _orphans(several.filter(pl.col("generation").is_null()))
    lived = several.drop_nulls("generation").with_columns((pl.col("generation") + first).cast(pl.UInt32))
    lived = lived.sort("generation", "extension", "moment", maintain_order=True)
    return pl.concat([single.with_columns(generation=pl.Series(ids)), lived]), orphans


def _living_once(facts: pl.DataFrame, rules: CorrelationRules) -> tuple[npt.NDArray[np.bool_], Segments]:
    """Which keys lived once, to be told without looking at their facts in order of time."""
    keys = Segments.of(facts["key"].to_numpy())
    kind, moment, time = (facts[name].to_numpy() for name in ("kind", "moment", "time"))
    is_ending = np.isin(kind, ENDING_KINDS)
    never = np.iinfo(np.int64).max
    first_time, last_time = keys.smallest(time), keys.largest(time)
    first_end = keys.smallest(np.where(kind == Kind.ENDED, moment, never))
    first_live = keys.smallest(np.where(is_ending, never, moment))
    last_live = keys.largest(np.where(is_ending, -1, moment))
    limit = _microseconds(rules.max_silence)
    grace = _microseconds(rules.ending_grace)
    ends_well = (last_live < first_end) & (
        (first_end == never) | (last_time <= first_end // KIND_BITS + grace)
    )
    starts_once = keys.total(kind == Kind.STARTED) <= 1
    begins_well = keys.smallest(moment) == first_live
    return ends_well & starts_once & begins_well & (last_time - first_time <= limit), keys


def _spans(facts: pl.DataFrame, lives: Segments) -> pl.DataFrame:
    """One row for each generation: `generation`, `key`, and when it was `born` and `died` (first and last fact)."""
    time = facts["time"].to_numpy()
    return pl.DataFrame(
        {
            "generation": np.arange(lives.count, dtype=np.uint32),
            "key": facts["key"].to_numpy()[lives.starts],
            "born": lives.smallest(time),
            "died": lives.largest(time),
        }
    )


def _numbered(facts: pl.DataFrame, lives: Segments, edges: pl.DataFrame) -> pl.DataFrame:
    """Number the calls: first those of one generation, as they stand; then those of several, sorted anew."""
    if edges.is_empty():
        return facts.with_columns(call=pl.col("generation"))
    pairs = edges.select("generation", "other").to_numpy().astype(np.int64)
    total = max(lives.count, int(pairs.max()) + 1)
    graph = coo_array((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), shape=(total, total))
    _, label = connected_components(graph, directed=False)
    label = label[: lives.count]
    joined = np.bincount(label)[label] > 1
    number = np.empty(lives.count, dtype=np.uint32)
    alone = int((~joined).sum())
    number[~joined] = np.arange(alone, dtype=np.uint32)
    # Joined calls stand in the order of their first generation, whatever numbers the component search gave them.
    _, first, inverse = np.unique(label[joined], return_index=True, return_inverse=True)
    number[joined] = alone + np.argsort(np.argsort(first))[inverse]
    together = lives.spread(joined)
    numbered = facts.with_columns(call=pl.Series(number[lives.ids]))
    if not together.any():
        return numbered
    mask = pl.Series(together)
    return pl.concat([numbered.filter(~mask), numbered.filter(mask).sort(CALL_ORDER, maintain_order=True)])


def _references(lived: pl.DataFrame, spans: pl.DataFrame, max_silence: timedelta) -> pl.DataFrame:
    """For each fact that names another key: the generation of that key that was alive then, else the nearest one.

    A key of which we have no fact near still joins those that name it: it gets a number beyond all generations.
    """
    schema = pl.Schema({"row": pl.UInt32(), "generation": pl.UInt32(), "other": pl.UInt32()})
    if "previous" not in lived.columns or lived.is_empty():
        return pl.DataFrame(schema=schema)
    limit = _microseconds(max_silence)
    named = lived.filter(pl.col("previous") != 0).select("row", "generation", "time", named="previous")
    size = len(spans)
    spans = spans.join(named.select(key="named").unique(), on="key", how="semi")
    away = pl.max_horizontal(pl.col("born") - pl.col("time"), pl.col("time") - pl.col("died"), 0)
    near = (
        named.join(spans.rename({"generation": "other"}), left_on="named", right_on="key")
        .with_columns(away=away)
        .filter((pl.col("away") <= limit) & (pl.col("other") != pl.col("generation")))
        .sort("row", "away", "other")
        .unique("row", keep="first", maintain_order=True)
    )
    unknown = named.join(near, on="row", how="anti")
    missing = unknown.sort("named", "time", "row").with_columns(
        other=((pl.col("named") != pl.col("named").shift()) | (pl.col("time").diff() > limit))
        .fill_null(value=True)
        .cum_sum()
        + (size - 1)
    )
    return pl.concat([near.select(*schema), missing.select(*schema)], how="vertical_relaxed").cast(schema)


def _links(lived: pl.DataFrame, max_silence: timedelta) -> pl.DataFrame:
    """Pairs of generations that share a link across switches."""
    schema = {"generation": pl.UInt32, "other": pl.UInt32}
    if "link" not in lived.columns:
        return pl.DataFrame(schema=schema)
    far = pl.col("time").diff() > _microseconds(max_silence)
    linked = (
        lived.filter(pl.col("link") != 0)
        .select("generation", "link", "time")
        .sort("link", "time", "generation")
    )
    same = (pl.col("link") == pl.col("link").shift()) & ~far
    return linked.with_columns(other=pl.col("generation").shift()).filter(same).select(*schema)


def _orphans(facts: pl.DataFrame) -> pl.DataFrame:
    return facts.select(pl.col("row").cast(pl.UInt32), reason=pl.lit(ENDING_WITHOUT_CALL))


def _count_others(
    others: pl.DataFrame, facts: pl.DataFrame, max_silence: timedelta
) -> tuple[npt.NDArray[np.int64], pl.DataFrame]:
    """Give each fact of kind OTHER to the call of its key that was alive then, else to the last one before it.

    One that is further than `max_silence` from the call says nothing of it.
    """
    schema = {"row": pl.UInt32, "reason": pl.String}
    size = int(facts["call"].max()) + 1 if len(facts) else 0  # type: ignore[arg-type]
    if others.is_empty():
        return np.zeros(size, dtype=np.int64), pl.DataFrame(schema=schema)
    lives = Segments.of(facts["generation"].to_numpy())
    spans = (
        facts[lives.starts]
        .select("key", "call")
        .with_columns(
            born=pl.Series(lives.smallest(facts["time"].to_numpy())),
            died=pl.Series(lives.largest(facts["time"].to_numpy())),
        )
    )
    away = pl.max_horizontal(pl.col("born") - pl.col("time"), pl.col("time") - pl.col("died"))
    is_near = away <= _microseconds(max_silence)
    once = spans.filter(pl.len().over("key") == 1)
    several = spans.filter(pl.len().over("key") > 1).sort("born", "call")
    placed = others.join(once, on="key").filter(is_near)
    rest = others.join(once, on="key", how="anti").sort("time")
    before = rest.join_asof(
        several, left_on="time", right_on="born", by="key", strategy="backward", check_sortedness=False
    ).filter(is_near)
    early = rest.join(before, on="row", how="anti", maintain_order="left")
    after = early.join_asof(
        several, left_on="time", right_on="born", by="key", strategy="forward", check_sortedness=False
    ).filter(is_near)
    found = pl.concat(frame.select("row", "call") for frame in (placed, before, after))
    counts = np.bincount(found["call"].to_numpy(), minlength=size)
    lost = others.join(found, on="row", how="anti")
    return counts, lost.select(pl.col("row").cast(pl.UInt32), reason=pl.lit(NOT_PART_OF_A_CALL)).sort("row")


def _microseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
