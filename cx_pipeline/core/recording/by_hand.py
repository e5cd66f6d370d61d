"""Plans made of manifests alone, without legs: `cx-pipeline mix`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from cx_pipeline.core.errors import InputError
from cx_pipeline.core.recording.composing import Subject, composed, finished
from cx_pipeline.core.recording.mix_plan import MixPlan
from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline.core.recording.schema import OF_FILE
from cx_pipeline.core.recording.unattached import share_of_files

Row = Mapping[str, Any]


def calls_of_manifests(manifests: pl.DataFrame) -> tuple[pl.DataFrame, ...]:
    """The manifests of each call, in the order of their starts: one call key, dialog or refci joins them.

    A file that tells neither is a call of its own.
    """
    rows = manifests.sort("start_time", "manifest_id").to_dicts()
    parent = list(range(len(rows)))

    def root(number: int) -> int:
        while parent[number] != number:
            number = parent[number]
        return number

    first: dict[tuple[str, str, str], int] = {}
    for number, row in enumerate(rows):
        for name in ("call_key", "dialog_id", "refci"):
            if row[name] is not None:
                known = first.setdefault((row["tenant_id"], name, row[name]), number)
                one, other = sorted((root(known), root(number)))
                parent[other] = one
    groups: dict[int, list[str]] = {}
    for number, row in enumerate(rows):
        groups.setdefault(root(number), []).append(row["manifest_id"])
    return tuple(
        manifests.filter(pl.col("manifest_id").is_in(group)).sort("start_time", "manifest_id")
        for group in groups.values()
    )


def plan_by_hand(manifests: pl.DataFrame, parameters: MixParameters) -> MixPlan:
    """The plan of one call's files: its origin is the earliest start.

    Each extension is an agent of its own. Where an agent's files leave a second or more out, that counts as a hold.

    Raises:
        InputError: none of the files can be used.
    """
    rows = manifests.sort("start_time", "manifest_id").to_dicts()
    by_agent: dict[str, list[Row]] = {}
    for row in rows:
        by_agent.setdefault(_agent_of(row, rows), []).append(row)
    shares = [share_of_files(group, {}, is_gap_a_hold=True) for group in by_agent.values()]
    usable = tuple(
        sorted((each for each in shares if each is not None), key=lambda each: (each.start_us, each.agent))
    )
    draft = composed(
        Subject(
            kind=OF_FILE,
            owner="",
            tenant_id=rows[0]["tenant_id"] if rows else "",
            call_id=next((row["call_key"] for row in rows if row["call_key"] is not None), None),
            shares=usable,
            parameters=parameters,
        )
    )
    if draft is None:
        told = ", ".join(f"{row['file_path']} ({row['file_problem']})" for row in rows)
        raise InputError(f"there is nothing to mix: no file can be used: {told or 'none was given'}")
    return finished([draft])[0]


def _agent_of(row: Row, rows: Sequence[Row]) -> str:
    """The extension of a file; where it does not tell, that of its sibling, else of the only agent there is."""
    if row["agent_extension"] is not None:
        return str(row["agent_extension"])
    told = [other for other in rows if other["agent_extension"] is not None]
    siblings = [other for other in told if row["refci"] is not None and other["refci"] == row["refci"]]
    agents = {str(other["agent_extension"]) for other in siblings or told}
    return agents.pop() if len(agents) == 1 else ""
