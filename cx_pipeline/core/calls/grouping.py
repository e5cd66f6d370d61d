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
    is_plain, segments = _plain_keys(facts, rules)
    rows = segments.spread(is_plain)
    plain, involved = (
        (facts, facts.clear())
        if rows.all()
        else (facts.filter(pl.Series(rows)), facts.filter(~pl.Series(rows)))
    )
    plain, plain_calls = _numbered_plainly(plain)
    joined, orphans, references = _join_generations(involved, rules, first=plain_calls)
    combined = pl.concat([plain, joined], how="diagonal_relaxed") if len(joined) else plain
    counts, lost = _count_others(others, combined)
    return Grouped(combined, counts, pl.concat([orphans, lost]), references)


def _plain_keys(facts: pl.DataFrame, rules: CorrelationRules) -> tuple[npt.NDArray[np.bool_], Segments]:
    """Which keys lived once and refer to no other: one call each."""
    keys = Segments.of(facts["key"].to_numpy())
    kind, moment, time = (facts[name].to_numpy() for name in ("kind", "moment", "time"))
    is_ending = np.isin(kind, ENDING_KINDS)
    never = np.iinfo(np.int64).max
    first_time, last_time = keys.smallest(time), keys.largest(time)
    first_end = keys.smallest(np.where(kind == Kind.ENDED, moment, never))
    first_moment = keys.smallest(moment)
    first_live = keys.smallest(np.where(is_ending, never, moment))
    last_live = keys.largest(np.where(is_ending, -1, moment))
    limit = _microseconds(rules.max_silence)
    grace = _microseconds(rules.ending_grace)
    ends_well = (last_live < first_end) & ((first_end == never) | (last_time <= first_end // 32 + grace))
    once = keys.total(kind == Kind.STARTED) <= 1
    plain = ends_well & once & (first_moment == first_live) & (last_time - first_time <= limit)
    plain &= ~keys.any(_refers(facts))
    for name in ("previous", "link"):
        if name in facts.columns:
            named = facts.filter(pl.col(name) != 0)[name].unique()
            if name == "previous":
                plain &= ~np.isin(facts["key"].to_numpy()[keys.starts], named.to_numpy())
    return plain, keys


def _refers(facts: pl.DataFrame) -> npt.NDArray[np.bool_]:
    named = [pl.col(name) != 0 for name in ("previous", "link") if name in facts.columns]
    if not named:
        return np.zeros(len(facts), dtype=np.bool_)
    return facts.select(pl.any_horizontal(named)).to_series().to_numpy()


def _numbered_plainly(plain: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    keys = Segments.of(plain["key"].to_numpy())
    number = pl.Series(keys.ids.astype(np.uint32))
    return plain.with_columns(call=number, generation=number), keys.count


def _join_generations(
    facts: pl.DataFrame, rules: CorrelationRules, first: int
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Split keys into generations and join these into calls, numbered from `first`."""
    if facts.is_empty():
        return facts, _orphans(facts), _references(facts, facts, rules.max_silence)
    lived = with_generations(facts, rules)
    orphans = _orphans(lived.filter(pl.col("generation").is_null()))
    lived = lived.filter(pl.col("generation").is_not_null()).with_columns(pl.col("generation") + first)
    spans = lived.group_by("generation", maintain_order=True).agg(
        pl.first("key"), born=pl.min("time"), died=pl.max("time")
    )
    references = _references(lived, spans, rules.max_silence)
    links = _links(lived, rules.max_silence)
    edges = pl.concat([references.select("generation", "other"), links])
    size = len(spans)
    _, label = connected_components(_matrix(edges, size, first), directed=False)
    # Calls stand in the order of their first generation, whatever numbers the component search gave them.
    calls = spans.select("generation", call=pl.Series(label[:size])).with_columns(
        call=(pl.min("generation").over("call").rank("dense") - 1).cast(pl.UInt32) + first
    )
    joined = lived.join(calls, on="generation", maintain_order="left").sort(CALL_ORDER)
    return joined, orphans, references.filter(pl.col("other") < first + size)


def _matrix(edges: pl.DataFrame, size: int, first: int) -> coo_array:
    one = edges["generation"].to_numpy().astype(np.int64) - first
    other = edges["other"].to_numpy().astype(np.int64) - first
    total = max(size, int(other.max(initial=-1)) + 1)
    return coo_array((np.ones(len(one), dtype=np.int8), (one, other)), shape=(total, total))


def _references(lived: pl.DataFrame, spans: pl.DataFrame, max_silence: timedelta) -> pl.DataFrame:
    """For each fact that names another key: the generation of that key that was alive then, else the nearest one.

    A key of which we have no fact still joins those that name it: it gets a number beyond all generations.
    """
    schema = {"row": pl.UInt32, "generation": pl.UInt32, "other": pl.UInt32}
    if "previous" not in lived.columns or lived.is_empty():
        return pl.DataFrame(schema=schema)
    limit = _microseconds(max_silence)
    named = lived.filter(pl.col("previous") != 0).select("row", "generation", "time", named="previous")
    away = pl.max_horizontal(pl.col("born") - pl.col("time"), pl.col("time") - pl.col("died"), 0)
    near = (
        named.join(spans.rename({"generation": "other"}), left_on="named", right_on="key")
        .with_columns(away=away)
        .filter((pl.col("away") <= limit) & (pl.col("other") != pl.col("generation")))
        .sort("row", "away", "other")
        .unique("row", keep="first", maintain_order=True)
    )
    unknown = named.join(near, on="row", how="anti").join(spans, left_on="named", right_on="key", how="anti")
    missing = unknown.sort("named", "time", "row").with_columns(
        other=((pl.col("named") != pl.col("named").shift()) | (pl.col("time").diff() > limit))
        .fill_null(value=True)
        .cum_sum()
        + (int(spans["generation"].max() or 0))  # type: ignore[arg-type]
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


def _count_others(others: pl.DataFrame, facts: pl.DataFrame) -> tuple[npt.NDArray[np.int64], pl.DataFrame]:
    """Give each fact of kind OTHER to the call of its key that was alive then, else to the last one before it."""
    schema = {"row": pl.UInt32, "reason": pl.String}
    size = int(facts["call"].max()) + 1 if len(facts) else 0  # type: ignore[arg-type]
    if others.is_empty():
        return np.zeros(size, dtype=np.int64), pl.DataFrame(schema=schema)
    lives = Segments.of(facts["generation"].to_numpy())
    spans = (
        facts[lives.starts]
        .select("key", "call")
        .with_columns(born=pl.Series(lives.smallest(facts["time"].to_numpy())))
    )
    once = spans.filter(pl.len().over("key") == 1)
    several = spans.filter(pl.len().over("key") > 1).sort("born", "call")
    placed = others.join(once.select("key", "call"), on="key")
    rest = others.join(once, on="key", how="anti").sort("time")
    before = rest.join_asof(
        several, left_on="time", right_on="born", by="key", strategy="backward", check_sortedness=False
    )
    early = before.filter(pl.col("call").is_null()).select(others.columns)
    after = early.join_asof(
        several, left_on="time", right_on="born", by="key", strategy="forward", check_sortedness=False
    )
    calls = pl.concat([placed["call"], before["call"].drop_nulls(), after["call"].drop_nulls()])
    counts = np.bincount(calls.to_numpy(), minlength=size)
    lost = after.filter(pl.col("call").is_null())
    return counts, lost.select(pl.col("row").cast(pl.UInt32), reason=pl.lit(NOT_PART_OF_A_CALL)).sort("row")


def _microseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
