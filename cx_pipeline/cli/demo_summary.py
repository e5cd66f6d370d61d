"""The demo's figures: what the tables have of its hour, held against what truly happened."""

import time

import polars as pl
from sqlalchemy import Engine

from cx_pipeline.adapters.database.call_tables import count_quarantined, read_calls, read_legs
from cx_pipeline.adapters.intake.ingestion import FileReport
from cx_pipeline.cli.demo_links import LinkOutcome
from cx_pipeline.cli.demo_recorders import RecordingOutcome
from cx_pipeline.cli.demo_site import LONGEST_DEMO, DemoSite
from cx_pipeline.cli.demo_systems import Outcome
from cx_pipeline.cli.rendering.demo_report import DemoSummary, calls_by_type
from cx_pipeline.simulator.comparison import Comparison, compare
from cx_pipeline.simulator.live.end_to_link import EndToLink


def summarised(
    engine: Engine,
    site: DemoSite,
    reports: list[FileReport],
    told: Outcome,
    heard: RecordingOutcome,
    followed: LinkOutcome,
    live: EndToLink | None,
    begun: float,
) -> tuple[Comparison, DemoSummary]:
    """Hold what the tables have of this hour against what truly happened."""
    start = site.plan.start
    calls = read_calls(engine, site.tenants).filter(
        pl.col("start_time").is_between(start, start + LONGEST_DEMO)
    )
    legs = read_legs(engine, site.tenants).join(calls, on="call_id", how="semi", maintain_order="left")
    comparison = compare(site.true_legs, legs)
    by_intake = sum(report.quarantined for report in reports)
    summary = DemoSummary(
        events=sum(report.rows for report in reports),
        duplicates=sum(report.duplicates for report in reports),
        quarantined=by_intake + count_quarantined(engine, site.tenants),
        legs=legs.height,
        legs_true=comparison.true,
        legs_matching=comparison.matched,
        seconds=round(time.monotonic() - begun, 1),
        calls=calls.height,
        calls_by_type=calls_by_type(calls),
        windows=len(site.windows),
        enriched=told.enriched,
        partial=told.partial,
        pending=told.pending,
        ambiguous=told.ambiguous,
        wrong_matches=told.wrong_matches,
        messages=told.messages,
        delivered=told.delivered,
        retried=told.retried,
        dead=told.dead,
        ledger_once=told.ledger_once,
        order_violations=told.order_violations,
        recordings=heard.recordings,
        excluded=heard.excluded,
        lost=heard.lost,
        audio_hours=heard.audio_hours,
        mix_seconds=heard.mix_seconds,
        max_offset_error_ms=heard.comparison.max_offset_error_ms,
        swapped_channels=heard.comparison.swapped_channels,
        links=followed.links,
        wrong_links=followed.wrong + (live.wrong_links if live else 0),
        links_playing=followed.playing,
        live_links=live.links if live else 0,
        live_links_missing=live.missing if live else 0,
        end_to_link_p50_s=live.p50_s if live else None,
        end_to_link_p95_s=live.p95_s if live else None,
    )
    return comparison, summary
