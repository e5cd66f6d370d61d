"""The outbox as the planner sees it, in memory: what was written, newest of each slot, by the rules of its table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from cx_pipeline.core.messages.building import DEFAULTS, Conversation, MessageOptions
from cx_pipeline.core.messages.digests import digests, legs_without_messages
from cx_pipeline.core.messages.outbox_row import OutboxRow
from cx_pipeline.core.messages.planning import plan
from cx_pipeline_tests.core.messages.enriched_legs import legs


@dataclass
class OutboxState:
    rows: list[OutboxRow] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)

    def tick(
        self,
        *present: dict[str, Any],
        vanished: Iterable[str] = (),
        conversations: Mapping[str, Conversation] | None = None,
        options: MessageOptions = DEFAULTS,
    ) -> list[OutboxRow]:
        """Plan for the legs that are there now and write the plan."""
        frame = legs(*present)
        known = pl.DataFrame(
            {"leg_id": list(self.digests), "digest": list(self.digests.values())},
            schema={"leg_id": pl.String, "digest": pl.String},
        )
        new = digests(frame, options).join(known, on=["leg_id", "digest"], how="anti")
        changed = frame.join(new, on="leg_id", how="semi", maintain_order="left")
        gone = [*vanished, *(set(legs_without_messages(frame)) & set(self.digests))]
        planned = plan(changed, self.newest(), gone, conversations or {}, options)
        self.rows += planned
        self.digests |= dict(new.select("leg_id", "digest").rows())
        for leg_id in set(gone) - set(changed["leg_id"]):
            self.digests.pop(leg_id, None)
        return planned

    def newest(self) -> list[OutboxRow]:
        slots: dict[tuple[str, str, int], OutboxRow] = {}
        for row in self.rows:
            slots[row.leg_id, row.intent, row.ordinal] = row
        return list(slots.values())
