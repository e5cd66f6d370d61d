"""Which recording belongs to which voice activity of the conversation manager: by leg id, by call id, by time.

An activity is first tied to a leg of ours (`ties`), whether that has a recording or not, and the leg to what can be
played (`targets`). A wrong link is worse than none: what fits twice is AMBIGUOUS, what only time ties is SHOWN.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from cx_pipeline.core.identity import name_of, uuid_of
from cx_pipeline.core.linking.activities import numbered_activities
from cx_pipeline.core.linking.schema import (
    AMBIGUOUS,
    BY_CALL_ID,
    BY_LEG_ID,
    BY_TIME,
    LINKED,
    RECORDING_LINK_SCHEMA,
    SHOWN,
    UNMATCHED,
    VOICE,
)
from cx_pipeline.core.linking.targets import Targets, targets_of
from cx_pipeline.core.linking.ties import (
    BY_NAME,
    FAR,
    ITEM_SCHEMA,
    LOOSE,
    TAKEN,
    TIME_ONLY,
    clock_offset,
    margin_of,
    on_the_other_clock,
    ties,
)

NO_RECORDING, NOTHING_FITS = "NO_RECORDING", "NOTHING_FITS"
"""Values of `reason` of UNMATCHED: its leg is known and has nothing that can be played; no leg and no recording fits. Beside
them `ties.TAKEN`: what fits is another activity's."""
TIMES_DIFFER, ONLY_TIME, NO_CONVERSATION = "TIMES_DIFFER", "ONLY_TIME", "NO_CONVERSATION"
"""Values of `reason` of SHOWN: an id ties them and the times do not agree; no id ties them; there is no channel session
to tell. Of AMBIGUOUS: `ties.CLOSE_RIVAL`, `ties.CONTESTED`."""

_MICROSECOND = timedelta(microseconds=1)


def match_links(
    activities: pl.DataFrame,
    candidates: pl.DataFrame,
    known_legs: pl.DataFrame,
    kind: str,
    tolerance: timedelta,
) -> pl.DataFrame:
    """The link of each voice activity, or why it has none.

    Args:
        activities: CCM_VOICE_ACTIVITY_SCHEMA. Several that tell of the same leg in the same conversation are one.
        candidates: LINK_CANDIDATE_SCHEMA; those of other kinds are passed over.
        known_legs: ENRICHED_LEG_SCHEMA: all that an activity or candidate may be of, in whatever window.
        kind: VOICE or SCREEN.
        tolerance: how far ends may lie apart (spec, recording 7: 5 s).

    Returns:
        RECORDING_LINK_SCHEMA without message ids, sorted by activity. Of VOICE a row for each activity; of SCREEN only
        for those that something fits.
    """
    within = tolerance // _MICROSECOND
    playable = candidates.filter(pl.col("kind") == kind).sort("candidate_id").with_row_index("candidate")
    if kind != VOICE and playable.is_empty():
        return RECORDING_LINK_SCHEMA.to_frame()
    targets = targets_of(known_legs, playable, within)
    numbered = numbered_activities(activities)
    named = _named(numbered, targets.names)
    items = numbered.select(ITEM_SCHEMA.names())
    offset = clock_offset(items, targets.items, named)
    moved, margin = on_the_other_clock(items, offset), margin_of(offset, within)
    found = ties(moved, targets.items, within, margin, named)
    links = _judged(_with_facts(numbered, found, targets, playable), within)
    facts = {"kind": pl.lit(kind), "evidence": _evidence(offset), "message_id": pl.lit(None)}
    rows = links.with_columns(link_id=_link_ids(links, kind), **facts)
    if kind != VOICE:
        rows = rows.filter(pl.col("state") != UNMATCHED)
    return rows.select(pl.col(n).cast(t) for n, t in RECORDING_LINK_SCHEMA.items()).sort("activity_id")


def _named(activities: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """`left`, `right`: the activities that bear a leg's own id, key or text. Of several of one leg the fullest counts."""
    by = {
        column: activities.join(names, left_on=column, right_on="name", how="left", maintain_order="left")[
            "n_right"
        ]
        for column in ("leg_id", "leg")
    }
    pairs = (
        activities.select("conversation_id", "known", left="n")
        .with_columns(right=pl.coalesce(by["leg_id"], by["leg"]))
        .filter(pl.col("right").is_not_null())
    )
    return (
        pairs.filter(pl.col("conversation_id").drop_nulls().n_unique().over("right") <= 1)
        .sort("known", "left", descending=[True, False])
        .unique("right", keep="first", maintain_order=True)
        .select("left", "right")
    )


def _with_facts(
    activities: pl.DataFrame, found: pl.DataFrame, targets: Targets, playable: pl.DataFrame
) -> pl.DataFrame:
    """The activities beside what they fit best and second best."""
    facts = targets.facts
    best = facts.select(right="n", **{f"its_{name}": name for name in facts.columns if name != "n"})
    second = facts.select(rival="n", rival_candidate="candidate", rival_leg_id="leg_id")
    played = playable.select("candidate", "candidate_id", "recording_id", "version", played_leg_key="leg_key")
    return (
        activities.join(found, left_on="n", right_on="left", how="left")
        .join(best, on="right", how="left")
        .join(second, on="rival", how="left")
        .join(played, left_on="its_candidate", right_on="candidate", how="left")
        .join(
            playable.select(rival_candidate="candidate", rival_candidate_id="candidate_id"),
            on="rival_candidate",
            how="left",
        )
    )


def _judged(found: pl.DataFrame, tolerance: int) -> pl.DataFrame:
    """What becomes of each: `state`, `reason`, `method`, the scores, and the ids of what it is tied to."""
    rank = pl.max_horizontal("rank", pl.col("its_candidate_rank").fill_null(BY_NAME))
    rows = found.with_columns(overall=rank)
    state = _state()
    rows = rows.with_columns(state=state).with_columns(reason=_reason())
    is_linked_or_shown = pl.col("state").is_in([LINKED, SHOWN])
    is_tied = is_linked_or_shown | (pl.col("reason") == NO_RECORDING).fill_null(value=False)
    is_shown = pl.col("state") != UNMATCHED
    tied = {
        name: pl.when(is_tied | ((pl.col("rank") == BY_NAME) & is_shown)).then(f"its_{name}")
        for name in ("leg_id", "leg_key", "tenant_id")
    }
    # The candidate's own key: it is what its address is made of.
    own_key = pl.coalesce(pl.when(is_linked_or_shown).then("played_leg_key"), tied.pop("leg_key"))
    played = {name: pl.when(is_shown).then(name) for name in ("candidate_id", "recording_id", "version")}
    return rows.with_columns(
        **tied,
        **played,
        leg_key=own_key,
        method=pl.when(is_tied | is_shown).then(_method(pl.col("overall"))),
        score=pl.when(is_tied | is_shown).then(_score(pl.col("overall"), pl.col("distance"), tolerance)),
        runner_up_id=pl.coalesce("rival_candidate_id", "rival_leg_id"),
        runner_up_score=_score(pl.col("rival_rank"), pl.col("rival_distance"), tolerance),
        cx_call_id=pl.coalesce(pl.when(is_tied).then("its_cx_call_id"), "call_id"),
    )


def _state() -> pl.Expr:
    has_something = pl.col("candidate_id").is_not_null() | pl.col("rival_candidate_id").is_not_null()
    is_open = pl.col("refusal").is_not_null() | pl.col("its_is_unsure").fill_null(value=False)
    return (
        pl.when(pl.col("right").is_null() | (pl.col("refusal") == TAKEN) | ~has_something)
        .then(pl.lit(UNMATCHED))
        .when(is_open)
        .then(pl.lit(AMBIGUOUS))
        .when(pl.col("candidate_id").is_null())
        .then(pl.lit(UNMATCHED))
        .when((pl.col("overall") <= LOOSE) & pl.col("channel_session_id").is_not_null())
        .then(pl.lit(LINKED))
        .otherwise(pl.lit(SHOWN))
    )


def _reason() -> pl.Expr:
    is_sure = pl.col("refusal").is_null() & (pl.col("rank") <= LOOSE)
    return (
        pl.when(pl.col("state") == LINKED)
        .then(None)
        .when(pl.col("state") == AMBIGUOUS)
        .then(pl.coalesce("refusal", pl.lit("CONTESTED")))
        .when((pl.col("state") == SHOWN) & (pl.col("overall") <= LOOSE))
        .then(pl.lit(NO_CONVERSATION))
        .when((pl.col("state") == SHOWN) & (pl.col("overall") == FAR))
        .then(pl.lit(TIMES_DIFFER))
        .when(pl.col("state") == SHOWN)
        .then(pl.lit(ONLY_TIME))
        .when(pl.col("refusal") == TAKEN)
        .then(pl.lit(TAKEN))
        .when(is_sure.fill_null(value=False))
        .then(pl.lit(NO_RECORDING))
        .otherwise(pl.lit(NOTHING_FITS))
    )


def _method(rank: pl.Expr) -> pl.Expr:
    return (
        pl.when(rank == BY_NAME)
        .then(pl.lit(BY_LEG_ID))
        .when(rank == TIME_ONLY)
        .then(pl.lit(BY_TIME))
        .when(rank.is_not_null())
        .then(pl.lit(BY_CALL_ID))
    )


def _score(rank: pl.Expr, distance: pl.Expr, tolerance: int) -> pl.Expr:
    """For people: what ties them gives the level, how near the ends lie the place within it. Nothing is decided by it."""
    nearness = (tolerance / (tolerance + distance)).fill_null(0.0)
    by_id = pl.when(rank == FAR).then(0.3 + 0.3 * nearness).otherwise(0.6 + 0.35 * nearness)
    return (
        pl.when(rank == BY_NAME)
        .then(1.0)
        .when(rank == TIME_ONLY)
        .then(0.5 * nearness)
        .when(rank.is_not_null())
        .then(by_id)
        .round(4)
    )


def _evidence(offset: int | None) -> pl.Expr:
    clock = pl.lit(None if offset is None else offset // 1000, pl.Int64)
    facts = pl.struct(
        tied_by=_method(pl.col("rank")),
        recording_tied_by=pl.when(pl.col("candidate_id").is_not_null()).then(
            _method(pl.col("its_candidate_rank"))
        ),
        start_apart_ms=pl.col("start_apart") // 1000,
        end_apart_ms=pl.col("end_apart") // 1000,
        is_beyond_tolerance=pl.col("rank").is_in([LOOSE, FAR]),
        clock_offset_ms=clock,
    )
    return pl.when(pl.col("right").is_not_null()).then(facts.struct.json_encode())


def _link_ids(links: pl.DataFrame, kind: str) -> pl.Series:
    return uuid_of(links.select(name_of(pl.lit("link"), pl.lit(kind), pl.col("activity_id"))).to_series())
