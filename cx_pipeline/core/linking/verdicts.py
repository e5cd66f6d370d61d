"""What should hold of a window's links, as verdicts. They warn: nothing waits for them."""

from __future__ import annotations

import polars as pl

from cx_pipeline.core.linking.leg_text import call_of_text, readable_text
from cx_pipeline.core.linking.schema import AMBIGUOUS, LINKED, VOICE
from cx_pipeline.core.window_checks import Verdict

FEWEST = 20
"""Of fewer legs a rate tells nothing."""
LEAST_LINKED = 0.95


def expected_links(activities: pl.DataFrame, candidates: pl.DataFrame, legs: pl.DataFrame) -> int:
    """How many of our legs have a recording and a voice activity that names them, or their call and extension.

    Args:
        activities: CCM_VOICE_ACTIVITY_SCHEMA.
        candidates: LINK_CANDIDATE_SCHEMA; those of voice count.
        legs: ENRICHED_LEG_SCHEMA.
    """
    playable = candidates.filter(pl.col("kind") == VOICE, pl.col("leg_id").is_not_null())
    recorded = legs.join(playable, on="leg_id", how="semi")
    names = pl.concat([activities["leg_id"], activities["leg"]]).drop_nulls().unique().implode()
    named = recorded.filter(
        pl.col("leg_id").is_in(names) | pl.col("leg_key").is_in(names) | readable_text().is_in(names)
    )
    calls = activities.select(
        "agent_extension", call_id=pl.coalesce("call_id", call_of_text(pl.col("leg")))
    ).drop_nulls()
    by_call = [
        recorded.join(
            calls, left_on=[name, "agent_extension"], right_on=["call_id", "agent_extension"], how="semi"
        )
        for name in ("call_id", "cx_call_id")
    ]
    return pl.concat([part["leg_id"] for part in (named, *by_call)]).n_unique()


def link_verdicts(links: pl.DataFrame, expected: int) -> dict[str, Verdict]:
    """Whether what is recorded is linked, clearly, and told.

    Args:
        links: `RECORDING_LINK_SCHEMA`.
        expected: of `expected_links`.
    """
    linked = links.filter(pl.col("state") == LINKED)
    voice = linked.filter((pl.col("kind") == VOICE) & pl.col("leg_id").is_not_null()).height
    ambiguous = links.filter(pl.col("state") == AMBIGUOUS)
    return {
        "link_rate": _rate_verdict(voice, expected, linked["message_id"].null_count()),
        "ambiguous_links": Verdict(
            ambiguous.is_empty(),
            _told_ambiguous(ambiguous),
            {"ambiguous": ambiguous.height, "links": links.height},
            is_grave=False,
        ),
    }


def _rate_verdict(linked: int, expected: int, untold: int) -> Verdict:
    rate = linked / expected if expected else 1.0
    figures = {"linked": linked, "expected": expected, "untold": untold}
    told = f"{linked} of {expected} legs with a recording and a voice activity are linked"
    if untold:
        hint = "see whether CX_LINK_KEY or CX_LINK_KEY_FILE is set, which signed links want"
        return Verdict(False, f"{untold} links cannot be told: {hint}; {told}", figures, is_grave=False)
    return Verdict(expected < FEWEST or rate >= LEAST_LINKED, told, figures, is_grave=False)


def _told_ambiguous(ambiguous: pl.DataFrame) -> str:
    if ambiguous.is_empty():
        return "no voice activity fits several recordings alike"
    first = ambiguous.sort("activity_id").row(0, named=True)
    return (
        f"{ambiguous.height} voice activities fit several recordings alike, and are told of none: first "
        f"{first['activity_id']}, extension {first['agent_extension']}"
    )
