"""What belongs together by its ids, its extension and its times: the one rule for activities, recordings and screens.

Things of one side are tied to things of the other. An id ties only with the same extension, and only as surely as the
times agree: ids come again, and one call has several legs. Of several that fit, times must tell clearly which it is.
"""

from __future__ import annotations

import polars as pl

ITEM_SCHEMA = pl.Schema(
    {
        "n": pl.UInt32(),
        "ids": pl.List(pl.String()),
        "tenant_id": pl.String(),
        "extension": pl.String(),
        "start": pl.Int64(),
        "end": pl.Int64(),
    }
)
"""One side. `n` numbers it; `ids` are all texts by which its call may be named; times are microseconds since 1970."""

BY_NAME, CLOSE, LOOSE, FAR, TIME_ONLY = 0, 1, 2, 3, 4
"""Values of `rank`, the surest first. BY_NAME: it bears the other's own id. CLOSE: id and extension tie, and the times
agree. LOOSE: they tie, and nothing else of that extension is in the call; times agree by half. FAR: they tie, and the
times do not agree. TIME_ONLY: no id ties."""
SURE = (BY_NAME, CLOSE, LOOSE)

CONTESTED = "CONTESTED"
"""Value of `refusal`: another of its side claims the same thing as surely."""
TAKEN = "TAKEN"
"""Value of `refusal`: it is another's, more surely."""
CLOSE_RIVAL = "CLOSE_RIVAL"
"""Value of `refusal`: another thing fits about as well."""

_PAIR = {
    "left": pl.UInt32(),
    "right": pl.UInt32(),
    "rank": pl.UInt8(),
    "start_apart": pl.Int64(),
    "end_apart": pl.Int64(),
    "distance": pl.Int64(),
}
TIE_SCHEMA = pl.Schema(
    {
        **_PAIR,
        "refusal": pl.String(),
        "rival": pl.UInt32(),
        "rival_rank": pl.UInt8(),
        "rival_distance": pl.Int64(),
    }
)
"""What each thing of the left side fits best, and second best. `distance` is the greater of how far starts and ends lie
apart (microseconds; left minus right), null where no two can be compared. With a `refusal` it is not to be taken."""

_UNIQUE_ID = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
"""An id of this form never comes again, in no tenant. All others do: Cisco's call keys wrap."""
_CLOCK_REACH = 60_000_000
_FEWEST_FOR_A_CLOCK = 5
_CLOCK_SPREAD = 2_000_000


def ties(
    left: pl.DataFrame, right: pl.DataFrame, tolerance: int, margin: int, named: pl.DataFrame | None = None
) -> pl.DataFrame:
    """What each thing of the left side belongs to.

    Args:
        left: ITEM_SCHEMA.
        right: ITEM_SCHEMA; also what nothing may be tied to in the end, so that nothing else is taken in its place.
        tolerance: how far times may lie apart (microseconds).
        margin: by how much the second best must fit worse (`margin_of`).
        named: `left`, `right`: what is known already; each left once.

    Returns:
        TIE_SCHEMA, one row for each of the left side that fits anything.
    """
    known = _known(left, right, named)
    open_left = left.join(known, left_on="n", right_on="left", how="anti")
    if open_left.is_empty():
        return known.sort("left")
    ranked = _ranked(_measured(_pairs_by_id(open_left, right), left, right), tolerance, margin)
    chosen = _contested(_chosen(ranked, margin), known)
    claimed = pl.concat([known.select("right"), chosen.filter(pl.col("rank") <= LOOSE).select("right")])
    by_time = _by_time(open_left, right, ranked, claimed, (tolerance, margin))
    return (
        pl.concat([known, chosen, by_time])
        .select(pl.col(n).cast(t) for n, t in TIE_SCHEMA.items())
        .sort("left")
    )


def clock_offset(left: pl.DataFrame, right: pl.DataFrame, named: pl.DataFrame) -> int | None:
    """By how much the left side's clock is ahead (microseconds); None where too few pairs tell, or they disagree.

    Told by pairs beyond doubt: those named, and those of an id and extension that nothing else on either side shares.
    """
    pairs = pl.concat(
        [named.select("left", "right"), _pairs_by_id(left, right).select("left", "right")]
    ).unique()
    alone = (pl.len().over("left") == 1) & (pl.len().over("right") == 1)
    near = _measured(pairs.filter(alone), left, right).filter(pl.col("start_apart").abs() <= _CLOCK_REACH)
    moments = pl.concat([near["start_apart"].drop_nulls(), near["end_apart"].drop_nulls()])
    middle = moments.median()
    if near.height < _FEWEST_FOR_A_CLOCK or not isinstance(middle, float):
        return None
    spread = (moments - middle).abs().median()
    return round(middle) if isinstance(spread, float) and spread <= _CLOCK_SPREAD else None


def margin_of(offset: int | None, tolerance: int) -> int:
    """By how much the second best must fit worse.

    A clock that is off by less than this takes nothing for its neighbour. One that is not known may be off by all of the
    tolerance, and drifts.
    """
    return 2 * tolerance if offset is None else tolerance


def no_pairs() -> pl.DataFrame:
    """`left`, `right`: nothing is known already."""
    return pl.DataFrame(schema={"left": pl.UInt32, "right": pl.UInt32})


def on_the_other_clock(left: pl.DataFrame, offset: int | None) -> pl.DataFrame:
    """The left side with its clock's offset taken off its times."""
    return left if offset is None else left.with_columns(pl.col("start", "end") - offset)


def _known(left: pl.DataFrame, right: pl.DataFrame, named: pl.DataFrame | None) -> pl.DataFrame:
    pairs = no_pairs() if named is None else named.select("left", "right")
    nothing = {name: pl.lit(None, TIE_SCHEMA[name]) for name in list(TIE_SCHEMA)[len(_PAIR) :]}
    measured = _measured(pairs, left, right).with_columns(rank=pl.lit(BY_NAME, pl.UInt8), **nothing)
    return measured.select(list(TIE_SCHEMA))


def _pairs_by_id(left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """`left`, `right`, `is_unique`: those that share an id, and whose extensions and tenants do not contradict."""
    of_left = _by_id(left, "left")
    of_right = _by_id(right, "right")
    same = of_left.join(of_right, on=["id", "extension"], how="inner")
    # Extensions that are not known contradict none: few, and joined by the id alone.
    bare_left = of_left.filter(pl.col("extension").is_null()).join(of_right, on="id", how="inner")
    bare_right = of_left.filter(pl.col("extension").is_not_null()).join(
        of_right.filter(pl.col("extension").is_null()), on="id", how="inner"
    )
    columns = ["left", "right", "id", "tenant_id", "tenant_id_right"]
    pairs = pl.concat([part.select(columns) for part in (same, bare_left, bare_right)])
    fits = (pl.col("tenant_id") == pl.col("tenant_id_right")).fill_null(value=True)
    unique = pl.col("id").str.contains(_UNIQUE_ID)
    return pairs.filter(fits).group_by("left", "right").agg(is_unique=unique.any())


def _by_id(items: pl.DataFrame, name: str) -> pl.DataFrame:
    return (
        items.select(pl.col("n").alias(name), "tenant_id", "extension", id="ids")
        .explode("id")
        .filter(pl.col("id").is_not_null())
        .unique()
    )


def _measured(pairs: pl.DataFrame, left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """The pairs with how far starts and ends lie apart, whether both extensions are known, and how much they overlap."""
    spans = ("extension", "start", "end")
    both = pairs.join(left.select(left="n", **{f"l_{s}": s for s in spans}), on="left", how="left").join(
        right.select(right="n", **{f"r_{s}": s for s in spans}), on="right", how="left"
    )
    start, end = pl.col("l_start") - pl.col("r_start"), pl.col("l_end") - pl.col("r_end")
    common = pl.min_horizontal(
        pl.coalesce("l_end", "l_start"), pl.coalesce("r_end", "r_start")
    ) - pl.max_horizontal("l_start", "r_start")
    longer = pl.max_horizontal(pl.col("l_end") - pl.col("l_start"), pl.col("r_end") - pl.col("r_start"))
    return both.with_columns(
        start_apart=start,
        end_apart=end,
        distance=pl.max_horizontal(start.abs(), end.abs()),
        has_extensions=pl.col("l_extension").is_not_null() & pl.col("r_extension").is_not_null(),
        common=common,
        is_half_common=(
            pl.col("l_end").is_not_null() & pl.col("r_end").is_not_null() & (2 * common >= longer)
        ),
    )


def _ranked(pairs: pl.DataFrame, tolerance: int, margin: int) -> pl.DataFrame:
    """The pairs that may be something, or that make another unclear, with their `rank`."""
    is_close = (pl.col("distance") <= tolerance).fill_null(value=False)
    is_only = (pl.len().over("left") == 1) & pl.col("is_unique") & pl.col("has_extensions")
    agrees = pl.col("is_half_common").fill_null(value=False) | pl.col("distance").is_null()
    is_near = (pl.col("distance") <= tolerance + margin) | (pl.col("common") >= 0)
    rank = (
        pl.when(is_close)
        .then(CLOSE)
        .when(is_only & agrees)
        .then(LOOSE)
        .when(pl.col("is_unique") | is_near.fill_null(value=True))
        .then(FAR)
    )
    return pairs.with_columns(rank=rank.cast(pl.UInt8)).filter(pl.col("rank").is_not_null())


def _chosen(pairs: pl.DataFrame, margin: int) -> pl.DataFrame:
    """The nearest of each left, and the second; refused where that one is about as near."""
    ordered = pairs.sort("left", "distance", "right", nulls_last=True).with_columns(
        place=pl.int_range(pl.len()).over("left")
    )
    second = ordered.filter(pl.col("place") == 1).select(
        "left", rival="right", rival_rank="rank", rival_distance="distance"
    )
    best = ordered.filter(pl.col("place") == 0).join(second, on="left", how="left")
    is_clear = (pl.col("rival_distance") >= pl.col("distance") + margin).fill_null(value=False)
    refusal = pl.when(pl.col("rival").is_not_null() & ~is_clear).then(pl.lit(CLOSE_RIVAL))
    return best.with_columns(refusal=refusal.cast(pl.String)).select(list(TIE_SCHEMA))


def _contested(chosen: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """What two claim is given to the one that is named by it, else to none."""
    claims = chosen.filter(pl.col("refusal").is_null(), pl.col("rank") <= LOOSE)
    counted = claims.group_by("right").agg(claims=pl.len())
    held = known.select("right", is_held=pl.lit(value=True)).unique()
    both = chosen.join(counted, on="right", how="left").join(held, on="right", how="left")
    refusal = (
        pl.when(pl.col("refusal").is_not_null())
        .then("refusal")
        .when(pl.col("is_held"))
        .then(pl.lit(TAKEN))
        .when((pl.col("rank") <= LOOSE) & (pl.col("claims") > 1))
        .then(pl.lit(CONTESTED))
        .when((pl.col("rank") > LOOSE) & (pl.col("claims") > 0))
        .then(pl.lit(TAKEN))
    )
    return both.with_columns(refusal=refusal).select(list(TIE_SCHEMA))


def _by_time(
    left: pl.DataFrame,
    right: pl.DataFrame,
    by_id: pl.DataFrame,
    claimed: pl.DataFrame,
    limits: tuple[int, int],
) -> pl.DataFrame:
    """What the times alone tell of those whose ids tell nothing: of the same extension, and no other's."""
    tolerance, margin = limits
    has_times = left.filter(pl.col("extension").is_not_null() & pl.col("start").is_not_null())
    left = has_times.join(by_id, left_on="n", right_on="left", how="anti")
    if left.is_empty():
        return TIE_SCHEMA.to_frame()
    unique = [_by_id(side, "n").filter(pl.col("id").str.contains(_UNIQUE_ID)) for side in (left, right)]
    in_a_known_call = unique[0].join(unique[1], on="id", how="semi")
    lost = left.join(in_a_known_call, on="n", how="anti")
    free = right.join(claimed, left_on="n", right_on="right", how="anti").filter(
        pl.col("start").is_not_null()
    )
    bucket = pl.col("start") // (tolerance + margin)
    near = pl.concat([free.with_columns(bucket=bucket + step) for step in (-1, 0, 1)])
    fits = (pl.col("tenant_id") == pl.col("tenant_id_right")).fill_null(value=True)
    pairs = (
        lost.with_columns(bucket=bucket)
        .join(near, on=["extension", "bucket"], how="inner")
        .filter(fits)
        .select(left="n", right="n_right")
    )
    near_pairs = _measured(pairs, left, right).filter(pl.col("distance") <= tolerance + margin)
    nearest = _chosen(near_pairs.with_columns(rank=pl.lit(TIME_ONLY, pl.UInt8)), margin)
    chosen = nearest.filter(pl.col("distance") <= tolerance)
    is_shared = pl.len().over("right") > 1
    refusal = pl.coalesce("refusal", pl.when(is_shared).then(pl.lit(CONTESTED)))
    return chosen.with_columns(refusal=refusal).select(list(TIE_SCHEMA))
