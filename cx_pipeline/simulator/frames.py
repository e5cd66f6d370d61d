"""From reports and shares to the two frames: events as reported, and true legs."""

from collections.abc import Iterable
from typing import Any

import polars as pl

from cx_pipeline.core.events.schema import UTC_MICROSECONDS
from cx_pipeline.simulator.line_journal import OPEN_END, Talk
from cx_pipeline.simulator.reports import MS, Report
from cx_pipeline.simulator.true_legs import Ledger, Share

HOLD_SEGMENT = pl.Struct({"start_time": UTC_MICROSECONDS, "end_time": UTC_MICROSECONDS})
HEARD = pl.Struct({"party": pl.String(), "start_time": UTC_MICROSECONDS, "end_time": UTC_MICROSECONDS})
"""A party that is heard on a talk: an agent by extension, or `outside`."""
TALK = pl.Struct(
    {
        "start_time": UTC_MICROSECONDS,
        "end_time": UTC_MICROSECONDS,
        "call_key": pl.String(),
        "connection_id": pl.String(),
        "terminal": pl.String(),
        "heard": pl.List(HEARD),
    }
)
"""One line of the agent's through to somebody, without a break; its end is null while it lasts.

`call_key` is that of the call that the line is on (a consult may have its own), `connection_id` the one under which the
events tell of the line, null where they do not.
"""
COMPLETED, IN_PROGRESS = "COMPLETED", "IN_PROGRESS"

TRUE_LEG_SCHEMA = pl.Schema(
    {
        "tenant_id": pl.String(),
        "call_number": pl.Int64(),
        "scenario": pl.String(),
        "source": pl.String(),
        "root_call_key": pl.String(),
        "call_keys": pl.List(pl.String()),
        "first_fact_time": UTC_MICROSECONDS,
        "leg_number": pl.Int32(),
        "agent_extension": pl.String(),
        "status": pl.String(),
        "call_type": pl.String(),
        "direction": pl.String(),
        "start_reason": pl.String(),
        "end_reason": pl.String(),
        "rona_reason": pl.String(),
        "ring_time": UTC_MICROSECONDS,
        "start_time": UTC_MICROSECONDS,
        "end_time": UTC_MICROSECONDS,
        "duration_ms": pl.Int64(),
        "held_ms": pl.Int64(),
        "hold_segments": pl.List(HOLD_SEGMENT),
        "is_answered": pl.Boolean(),
        "is_reportable": pl.Boolean(),
        "is_artefact": pl.Boolean(),
        "consult_source": pl.String(),
        "consult_target": pl.String(),
        "consult_result": pl.String(),
        "transferred_from": pl.String(),
        "transferred_to": pl.String(),
        "conference_id": pl.String(),
        "participants": pl.List(pl.String()),
        "other_party": pl.String(),
        "service_number": pl.String(),
        "has_lost_event": pl.Boolean(),
        "has_skew": pl.Boolean(),
        "talks": pl.List(TALK),
    }
)
"""One row for each true leg. The key for comparison is tenant, agent extension, root call key and start time.

`service_number` is what the customer of an inbound call dialled, whether the events show it or not.
"""

REPORT_SCHEMA = pl.Schema(
    {name: pl.Int64() if name == "time" else pl.String() for name in Report._fields},
)


def report_frame(reports: list[Report]) -> pl.DataFrame:
    """Reports as a frame, `time` in microseconds since 1970."""
    columns = zip(*reports, strict=True) if reports else ((),) * len(REPORT_SCHEMA)
    return pl.DataFrame(
        [
            pl.Series(name, values, dtype=dtype)
            for (name, dtype), values in zip(REPORT_SCHEMA.items(), columns, strict=True)
        ]
    )


def true_leg_frame(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    """Rows of `true_leg_rows` as a frame."""
    return pl.DataFrame(rows, schema=TRUE_LEG_SCHEMA, orient="row")


def true_leg_rows(
    call: dict[str, Any],
    ledger: Ledger,
    talks: Iterable[Talk] = (),
    *,
    first_fact: int,
    has_lost_event: bool,
    has_skew: bool,
) -> list[tuple[Any, ...]]:
    """The rows of one call's true legs; `call` gives the columns that all of them share."""
    participants = sorted(ledger.agents) + sorted(ledger.others)
    talks_of = _by_share(talks, ledger.shares)
    return [
        (
            call["tenant_id"],
            call["call_number"],
            call["scenario"],
            call["source"],
            call["root_call_key"],
            call["call_keys"],
            first_fact,
            number,
            *_share_columns(share, ledger.direction),
            share.consult_source,
            share.consult_target,
            share.consult_result,
            share.transferred_from,
            share.transferred_to,
            f"{call['root_call_key']}_CONF" if share.is_in_conference else None,
            participants,
            ledger.other_party,
            call["service_number"],
            has_lost_event,
            has_skew,
            [_talk_value(talk) for talk in talks_of[share]],
        )
        for number, share in enumerate((share for share in ledger.shares if share.is_seen), 1)
    ]


def _by_share(talks: Iterable[Talk], shares: list[Share]) -> dict[Share, list[Talk]]:
    """The talks of each share; one that lies in none (a line that no source shows) goes to the share before it."""
    found: dict[Share, list[Talk]] = {share: [] for share in shares}
    for talk in sorted(talks, key=lambda talk: talk.start):
        own = [share for share in shares if share.agent.extension == talk.extension]
        begun = [share for share in own if share.start_time <= talk.start] or own[:1]
        if begun:
            found[begun[-1]].append(talk)
    return found


def _talk_value(talk: Talk) -> dict[str, Any]:
    return {
        "start_time": talk.start,
        "end_time": _known(talk.end),
        "call_key": talk.call_key,
        "connection_id": talk.connection_id,
        "terminal": talk.terminal,
        "heard": [
            {"party": voice.party, "start_time": voice.start, "end_time": _known(voice.end)}
            for voice in talk.others
        ],
    }


def _known(end: int) -> int | None:
    return None if end >= OPEN_END else end


def _share_columns(share: Share, direction: str) -> tuple[Any, ...]:
    """Columns from `agent_extension` to `is_artefact`."""
    start, end = share.start_time, share.ended_at
    is_answered = share.talked_at is not None
    holds = [{"start_time": begin, "end_time": finish} for begin, finish in share.holds]
    held = sum(finish - begin for begin, finish in share.holds if finish is not None)
    return (
        share.agent.extension,
        IN_PROGRESS if end is None else COMPLETED,
        share.call_type,
        direction,
        share.start_reason,
        share.end_reason,
        share.rona_reason,
        share.rang_at,
        start,
        end,
        None if end is None else (end - start) // MS,
        held // MS,
        holds,
        is_answered,
        is_answered and not share.is_artefact,
        share.is_artefact,
    )
