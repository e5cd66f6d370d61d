"""The registry of frames: what each asset stores for a window. Writer, reader, checks and documentation come from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from cx_pipeline.core.calls.schema import CALL_SCHEMA, LEG_SCHEMA, QUARANTINE_SCHEMA
from cx_pipeline.core.column_descriptions import (
    ACTIVITY_COLUMNS,
    CALL_COLUMNS,
    EVENT_COLUMNS,
    LEG_COLUMNS,
    MESSAGE_COLUMNS,
    QUARANTINE_COLUMNS,
)
from cx_pipeline.core.enrichment.column_descriptions import ENRICHED_LEG_COLUMNS, RECORD_COLUMNS
from cx_pipeline.core.enrichment.schema import CISCO_RECORD_SCHEMA, ENRICHED_LEG_SCHEMA
from cx_pipeline.core.errors import SchemaError
from cx_pipeline.core.events.schema import RAW_WINDOW_SCHEMA
from cx_pipeline.core.linking.column_descriptions import LINK_COLUMNS
from cx_pipeline.core.linking.schema import RECORDING_LINK_SCHEMA
from cx_pipeline.core.messages.activities import CCM_VOICE_ACTIVITY_SCHEMA
from cx_pipeline.core.messages.schema import MAY_BE_NULL, OUTBOX_MESSAGE_SCHEMA
from cx_pipeline.core.recording.column_descriptions import (
    DECISION_COLUMNS,
    MANIFEST_COLUMNS,
    RECORDING_COLUMNS,
)
from cx_pipeline.core.recording.schema import (
    MIXED_RECORDING_SCHEMA,
    RECORDING_DECISION_SCHEMA,
    RECORDING_MANIFEST_SCHEMA,
)
from cx_pipeline.core.windows import Window


@dataclass(frozen=True, slots=True)
class FrameContract:
    """One asset's frame: its columns, their meaning, and the order of its rows (a total one, so that bytes repeat)."""

    name: str
    schema: pl.Schema
    descriptions: Mapping[str, str]
    sort_by: tuple[str, ...]
    required: tuple[str, ...] = ()
    """Columns that are never null."""
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Columns of the upstream frame from which a column is made, where that is known."""

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with this contract's columns in its order, sorted.

        Raises:
            SchemaError: a column is missing or has another type.
        """
        wrong = [problem for problem in self.schema_problems(frame) if not problem.startswith("unknown")]
        if wrong:
            raise SchemaError(f"the frame {self.name} cannot be stored: {'; '.join(wrong)}")
        chosen = frame.select(self.schema.names())
        # A sorted copy of an hour's events is half a gigabyte: not where they are sorted already.
        return (
            chosen
            if self._is_sorted(chosen)
            else chosen.sort(self.sort_by, nulls_last=True, maintain_order=True)
        )

    def _is_sorted(self, frame: pl.DataFrame) -> bool:
        keys = frame.select(self.sort_by)
        if sum(keys.null_count().row(0)):
            return False
        in_order = pl.lit(value=True)
        for name in reversed(self.sort_by):
            this, following = pl.col(name), pl.col(name).shift(-1)
            in_order = (this < following) | ((this == following) & in_order)
        return keys.height < 2 or bool(keys.select(in_order.head(keys.height - 1).all()).item())

    def schema_problems(self, frame: pl.DataFrame) -> list[str]:
        """What is wrong with the frame's columns and types, in words; empty if nothing is."""
        missing = [f"column {name} is missing" for name in self.schema if name not in frame.schema]
        other = [
            f"column {name} is {frame.schema[name]}, not {dtype}"
            for name, dtype in self.schema.items()
            if name in frame.schema and frame.schema[name] != dtype
        ]
        unknown = [f"unknown column {name}" for name in frame.schema if name not in self.schema]
        return missing + other + unknown

    def problems(self, frame: pl.DataFrame) -> list[str]:
        """What is wrong with the frame: columns, types, and nulls where there must be none."""
        present = [name for name in self.required if name in frame.schema]
        nulls = frame.select(pl.col(present).null_count()).row(0, named=True) if present else {}
        return self.schema_problems(frame) + [f"{n} nulls in {name}" for name, n in nulls.items() if n]


RAW_JTAPI_EVENTS = FrameContract(
    name="raw_jtapi_events",
    schema=RAW_WINDOW_SCHEMA,
    descriptions=EVENT_COLUMNS,
    sort_by=("event_time", "event_id"),
    required=("event_id", "arrival_sequence", "tenant_id", "source", "event_time", "in_window"),
)

CALL_LEGS = FrameContract(
    name="call_legs",
    schema=LEG_SCHEMA,
    descriptions=LEG_COLUMNS,
    sort_by=("tenant_id", "call_id", "leg_number", "leg_id"),
    required=(
        "leg_id",
        "leg_key",
        "call_id",
        "tenant_id",
        "leg_number",
        "agent_extension",
        "status",
        "call_type",
    ),
    sources={
        "leg_id": ("call_key", "event_time", "extension"),
        "leg_key": ("call_key", "event_time", "extension"),
        "call_id": ("tenant_id", "call_key", "previous_call_key", "link_id", "event_time"),
        "tenant_id": ("tenant_id",),
        "root_call_key": ("call_key", "previous_call_key", "link_id"),
        "agent_extension": ("extension", "calling_extension", "called_extension"),
        "agent_terminal": ("terminal", "calling_terminal", "called_terminal"),
        "connection_id": ("connection_id",),
        "jtapi_id": ("jtapi_id",),
        "call_type": ("event_name", "event_code", "feature_reason", "event_time"),
        "direction": ("event_name", "event_code", "direction", "event_time"),
        "rona_reason": ("cause", "feature_reason"),
        "ring_time": ("event_time",),
        "start_time": ("event_time",),
        "end_time": ("event_time",),
        "duration_ms": ("event_time",),
        "held_ms": ("event_time",),
        "hold_segments": ("event_time",),
        "has_clock_skew": ("event_time", "received_at"),
        "participants": ("extension", "calling_extension", "called_extension"),
        "other_party": ("extension", "calling_extension", "called_extension"),
        "evidence": ("event_id", "event_time", "event_name", "extension", "call_key"),
    },
)

CALLS = FrameContract(
    name="calls",
    schema=CALL_SCHEMA,
    descriptions=CALL_COLUMNS,
    sort_by=("tenant_id", "start_time", "call_id"),
    required=("call_id", "tenant_id", "root_call_key", "status", "last_fact_time"),
    sources={
        "call_id": ("tenant_id", "call_key", "previous_call_key", "link_id", "event_time"),
        "tenant_id": ("tenant_id",),
        "root_call_key": ("call_key", "previous_call_key", "link_id"),
        "call_keys": ("call_key", "previous_call_key", "link_id"),
        "start_time": ("event_time",),
        "end_time": ("event_time",),
        "last_fact_time": ("event_time",),
        "participants": ("extension", "calling_extension", "called_extension"),
    },
)

QUARANTINED_EVENTS = FrameContract(
    name="quarantined_events",
    schema=QUARANTINE_SCHEMA,
    descriptions=QUARANTINE_COLUMNS,
    sort_by=("event_time", "reason", "global_call_id", "row"),
    required=("reason", "row"),
    sources={"event_time": ("event_time",), "global_call_id": ("global_call_id",)},
)

RAW_CISCO_CALL_DETAILS = FrameContract(
    name="raw_cisco_call_details",
    schema=CISCO_RECORD_SCHEMA,
    descriptions=RECORD_COLUMNS,
    sort_by=("ended_at", "record_id"),
    required=("record_id", "source"),
)

ENRICHED_CALL_LEGS = FrameContract(
    name="enriched_call_legs",
    schema=ENRICHED_LEG_SCHEMA,
    descriptions=ENRICHED_LEG_COLUMNS,
    sort_by=CALL_LEGS.sort_by,
    required=(*CALL_LEGS.required, "origin", "cx_call_id", "enrichment_status", "is_decided"),
    sources={
        **{name: (name,) for name in ENRICHED_LEG_SCHEMA if name in LEG_SCHEMA},
        "cx_call_id": ("call_id",),
        "enrichment_status": ("status", "end_time"),
        "enrichment_tries": ("end_time",),
        "is_decided": ("status", "end_time"),
        "customer_identifier": ("other_party", "direction"),
        "service_identifier": ("tenant_id", "direction"),
        "agent_id": ("tenant_id", "agent_extension", "start_time"),
        "agent_name": ("tenant_id", "agent_extension", "start_time"),
        "match_distance_ms": ("end_time",),
        "has_duration_mismatch": ("duration_ms",),
        "has_extension_mismatch": ("agent_extension",),
    },
)

RAW_CCM_VOICE_ACTIVITIES = FrameContract(
    name="raw_ccm_voice_activities",
    schema=CCM_VOICE_ACTIVITY_SCHEMA,
    descriptions=ACTIVITY_COLUMNS,
    sort_by=("start_time", "activity_id"),
    required=("activity_id", "raw"),
)

RAW_RECORDING_MANIFESTS = FrameContract(
    name="raw_recording_manifests",
    schema=RECORDING_MANIFEST_SCHEMA,
    descriptions=MANIFEST_COLUMNS,
    sort_by=("start_time", "manifest_id"),
    required=("manifest_id", "tenant_id", "source", "side", "start_time", "file_path", "is_finished"),
)

RECORDING_DECISIONS = FrameContract(
    name="recording_decisions",
    schema=RECORDING_DECISION_SCHEMA,
    descriptions=DECISION_COLUMNS,
    sort_by=("tenant_id", "call_id", "leg_id", "manifest_id"),
    required=("tenant_id", "action", "is_built_in", "rule_id", "rule_version"),
    sources={
        "leg_id": ("leg_id",),
        "tenant_id": ("tenant_id",),
        "call_id": ("call_id",),
        "root_call_key": ("root_call_key",),
        "agent_extension": ("agent_extension",),
        "start_time": ("start_time",),
        "action": ("agent_extension", "is_answered", "is_reportable", "start_time", "duration_ms"),
    },
)

MIXED_RECORDINGS = FrameContract(
    name="mixed_recordings",
    schema=MIXED_RECORDING_SCHEMA,
    descriptions=RECORDING_COLUMNS,
    sort_by=("tenant_id", "call_id", "leg_id", "recording_id"),
    required=("recording_id", "tenant_id", "kind", "state"),
)

RECORDING_LINKS = FrameContract(
    name="recording_links",
    schema=RECORDING_LINK_SCHEMA,
    descriptions=LINK_COLUMNS,
    sort_by=("start_time", "activity_id", "kind"),
    required=("link_id", "kind", "activity_id", "state"),
)

_CONTRACTS = (
    RAW_JTAPI_EVENTS,
    CALL_LEGS,
    CALLS,
    QUARANTINED_EVENTS,
    RAW_CISCO_CALL_DETAILS,
    ENRICHED_CALL_LEGS,
    RAW_CCM_VOICE_ACTIVITIES,
    RAW_RECORDING_MANIFESTS,
    RECORDING_DECISIONS,
    MIXED_RECORDINGS,
    RECORDING_LINKS,
)
FRAMES = {contract.name: contract for contract in _CONTRACTS}
"""Every frame that the pipeline stores, by the name of its asset."""

OUTBOX_MESSAGES = FrameContract(
    name="outbox_message",
    schema=OUTBOX_MESSAGE_SCHEMA,
    descriptions=MESSAGE_COLUMNS,
    sort_by=("sequence",),
    required=tuple(name for name in OUTBOX_MESSAGE_SCHEMA if name not in MAY_BE_NULL),
)

TABLES = {"cim_messages": OUTBOX_MESSAGES}
"""Assets that are rows of a table and no frame, by their name."""


def frame_path(name: str, window: Window) -> str:
    """Where a window's frame lies below the storage root: `call_legs/2026-01-31/2026-01-31T23-00Z_60min.parquet`.

    The length stands in the name, so that frames of another grid of windows are told apart, never mistaken.
    """
    minutes = int(window.length.total_seconds()) // 60
    return f"{name}/{window.start:%Y-%m-%d}/{window.start:%Y-%m-%dT%H-%M}Z_{minutes}min.parquet"
