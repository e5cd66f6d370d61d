"""What Eleveo recorded of some legs, as candidates of links."""

import polars as pl

from cx_pipeline.adapters.eleveo.connections import site_of
from cx_pipeline.adapters.eleveo.searching import merge_rules, search_calls
from cx_pipeline.core.linking.eleveo_calls import calls_of, candidates_of
from cx_pipeline.settings import Settings


def eleveo_candidates(settings: Settings, legs: pl.DataFrame) -> pl.DataFrame:
    """What can be played of these legs, and of others of their calls.

    Each call is looked up once, by its ids; legs that still last wait for their end.

    Args:
        settings: `eleveo`, and `link_tolerance_s`.
        legs: columns of `ENRICHED_LEG_SCHEMA`; whole calls, as a consultation may have an id of its own.

    Returns:
        LINK_CANDIDATE_SCHEMA; `leg_id` is null where nothing decides of which leg a recording is.

    Raises:
        DestinationUnavailableError: one call could not be looked up: an empty answer would say that it was not recorded.
        ConfigurationError: Eleveo is not set, or refuses us.
        InputError: what it answers is no list of couples.
    """
    site = site_of(settings)
    calls = calls_of(legs.filter(pl.col("end_time").is_not_null()), site.tenant_id, site.id_form)
    matched = search_calls(site, calls, merge_rules(site, settings.link_tolerance_s))
    return candidates_of(zip(calls, matched, strict=True), site.tenant_id)
