"""Calls looked up in Eleveo: what it recorded of each, joined to legs."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from cx_pipeline.adapters.eleveo.client import EleveoClient, open_eleveo
from cx_pipeline.adapters.eleveo.sessions import EleveoSessions
from cx_pipeline.core.linking.eleveo import Couple, MergeRules
from cx_pipeline.core.linking.eleveo_matching import AROUND, MatchedLeg, OurCall, matched_legs
from cx_pipeline.system_settings import EleveoSettings

_log = logging.getLogger(__name__)


def merge_rules(site: EleveoSettings, tolerance_s: float) -> MergeRules:
    """The rules by which couples are joined, as the settings have them."""
    return MergeRules(
        start_reasons=dict(site.start_reasons),
        end_reasons=dict(site.end_reasons),
        tolerance=timedelta(seconds=tolerance_s),
    )


def search_calls(
    site: EleveoSettings,
    calls: Sequence[OurCall],
    rules: MergeRules,
    sessions: EleveoSessions | None = None,
) -> list[list[MatchedLeg]]:
    """The recorded legs of each call, so many calls at once as the settings allow.

    Raises:
        DestinationUnavailableError: one call could not be looked up, so that nothing is known of all.
        ConfigurationError, InputError: it will not be asked so, or answers nonsense.
    """
    if not calls:
        return []
    answers = asyncio.run(_searched(site, calls, sessions))
    matched = [matched_legs(call, couples, rules) for call, (couples, _) in zip(calls, answers, strict=True)]
    _tell(matched, sum(unreadable for _, unreadable in answers))
    return matched


async def _searched(
    site: EleveoSettings, calls: Sequence[OurCall], sessions: EleveoSessions | None
) -> list[tuple[list[Couple], int]]:
    gate = asyncio.Semaphore(site.concurrency)
    async with open_eleveo(site, sessions) as client:
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(_of_call(client, call, gate)) for call in calls]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


async def _of_call(client: EleveoClient, call: OurCall, gate: asyncio.Semaphore) -> tuple[list[Couple], int]:
    start, end = call.span
    couples: list[Couple] = []
    unreadable = 0
    for wanted in call.wanted_ids:
        async with gate:
            found, strange = await client.couples(wanted, start - AROUND, end + AROUND)
        couples += found
        unreadable += strange
    return couples, unreadable


def _tell(matched: Sequence[Sequence[MatchedLeg]], unreadable: int) -> None:
    notes = Counter(note for call in matched for each in call for note in each.recorded.notes)
    if unreadable:
        notes["UNREADABLE"] = unreadable
    if notes:
        told = ", ".join(f"{note} {count}" for note, count in sorted(notes.items()))
        _log.warning("Eleveo's couples are not all plain: %s", told)
