"""What all assets of windows have in common, so that each says only what is its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from cx_pipeline.orchestration.metadata import OWNERS, described, lineage_of


@dataclass(frozen=True, slots=True)
class Windowed:
    """How a deployment's assets are cut: its windows, and how many of them a run of a backfill computes."""

    partitions: dg.PartitionsDefinition
    backfill_policy: dg.BackfillPolicy | None

    def asset(
        self,
        body: Callable[..., Any],
        *,
        group: str,
        kinds: set[str],
        checks: Sequence[dg.AssetCheckSpec],
        deps: Sequence[str] = (),
        lineage: str | None = None,
        may_be_missing: bool = False,
    ) -> dg.AssetsDefinition:
        """The asset of a body: named as it is, described by its docstring and by the registry of frames.

        Args:
            body: computes it.
            group: where it stands on the lineage page.
            kinds: what it is made with.
            checks: what is checked of it.
            deps: what it reads, or has to wait for.
            lineage: the asset of whose columns its own are made, where that is known.
            may_be_missing: it may end without one, as what fails a blocking check is not materialised.
        """
        name = body.__name__
        return dg.asset(
            partitions_def=self.partitions,
            backfill_policy=self.backfill_policy,
            deps=list(deps),
            group_name=group,
            kinds=kinds,
            owners=OWNERS,
            metadata={**described(name), **(lineage_of(name, lineage) if lineage else {})},
            output_required=not may_be_missing,
            check_specs=list(checks),
        )(body)
