"""The numbers that the matching goes by, with the specification's defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

ANY_TENANT = "*"
"""Stands for all tenants that are not named."""


@dataclass(frozen=True, slots=True)
class EnrichmentRules:
    """Tolerances of the matching (specification of enrichment, section 2)."""

    match_slack: timedelta = timedelta(minutes=10)
    """How far from a leg a record may lie to be looked at as its own."""
    try_ages: tuple[timedelta, ...] = tuple(timedelta(minutes=age) for age in (0, 5, 15, 30, 60))
    """At these ages of a leg its record is looked for; after the last one it is PARTIAL without."""
    tie: timedelta = timedelta(seconds=1)
    """Two that differ by no more lie equally near: records tell whole seconds."""
    duration_tolerance: timedelta = timedelta(seconds=5)
    """The talk and hold of a record may differ from the leg's duration by this."""
    overlap_tolerance: timedelta = timedelta(seconds=30)
    """A record that does not overlap its leg must end within this span of the leg's end: call keys are reused."""
    least_overlap: timedelta = timedelta(seconds=2)
    """What counts as an overlap: talk, hold and ring of a record are rounded to seconds."""
    other_extension_tolerance: timedelta = timedelta(seconds=10)
    """A record of an extension that the call does not know must end within this span of the leg's end."""
    least_clear_pairs: int = 5
    """So many legs with one record each, beyond doubt, are needed to tell the offset of a source's clock."""
    outbound_service_identifiers: Mapping[str, str] = field(default_factory=dict)
    """Service identifier of outbound calls by tenant, `*` for all others (guide 17.17)."""

    @property
    def last_try(self) -> timedelta:
        """The age at which a leg without a record is decided."""
        return max(self.try_ages)


DEFAULT_ENRICHMENT_RULES = EnrichmentRules()
