"""Frames of the recording side: what recorders left, what is to be done with it, and what came of it."""

import polars as pl

from cx_pipeline.core.events.schema import UTC_MICROSECONDS

MASK = pl.Struct(
    {
        "start_time": UTC_MICROSECONDS,
        "end_time": UTC_MICROSECONDS,
        "masked_by": pl.String(),
        "reason": pl.String(),
    }
)
"""A span that must not be heard. Without an end it lasts to the end of its file."""

RECORDING_MANIFEST_SCHEMA = pl.Schema(
    {
        "manifest_id": pl.String(),
        "tenant_id": pl.String(),
        "source": pl.String(),
        "recording_type": pl.String(),
        "side": pl.String(),
        "call_key": pl.String(),
        "jtapi_id": pl.String(),
        "refci": pl.String(),
        "dialog_id": pl.String(),
        "agent_extension": pl.String(),
        "agent_device": pl.String(),
        "calling_number": pl.String(),
        "called_number": pl.String(),
        "direction": pl.String(),
        "start_time": UTC_MICROSECONDS,
        "end_time": UTC_MICROSECONDS,
        "recorder_id": pl.String(),
        "completion_cause": pl.String(),
        "is_finished": pl.Boolean(),
        "masks": pl.List(MASK),
        "manifest_path": pl.String(),
        "file_path": pl.String(),
        "told_size_bytes": pl.Int64(),
        "told_sample_rate_hz": pl.Int32(),
        "file_problem": pl.String(),
        "file_size_bytes": pl.Int64(),
        "encoding": pl.String(),
        "sample_rate_hz": pl.Int32(),
        "channels": pl.Int32(),
        "frames": pl.Int64(),
        "data_offset_bytes": pl.Int64(),
        "is_header_unfinished": pl.Boolean(),
    }
)
"""One row for each file that a recorder says it left; times by the recorder's clock.

`call_key` has the form of the legs' call keys (`{node}_{gcid}`) where the manifest's text can be read so, else it is that
text. `file_path` is absolute, resolved, and below one of the configured roots. From `file_problem` on: what the file
itself tells. `file_problem` says why it cannot be used (`FILE_PROBLEMS`), null if it can; then `frames` are the whole
frames that are there (also where the header was never finished), `data_offset_bytes` where they begin.
"""

NEAR, FAR, BOTH = "near", "far", "both"
"""Values of `side`: the agent's voice, the other party's, or both in one file (left: this end, right: the other)."""

BIB, SIPREC, EFSWITCH, SCREEN = "BIB", "SIPREC", "EFSWITCH", "SCREEN"
"""Values of `recording_type`."""

FROM_FOLDER, FROM_GATEWAY, FROM_XML_CDR = "folder", "gateway", "xml_cdr"
"""Values of `source`: how the manifest came."""

FILE_PROBLEMS = ("MISSING", "EMPTY", "OUTSIDE_ROOTS", "NOT_AUDIO", "UNREADABLE")
"""Values of `file_problem`. EMPTY: no whole frame. OUTSIDE_ROOTS: the path, or a link in it, leads elsewhere.
NOT_AUDIO: of a format that nobody here reads. UNREADABLE: the storage answered with an error; it may answer later."""

RECORD, SKIP = "RECORD", "SKIP"
"""Values of a rule's and a decision's `action`."""

RECORDING_DECISION_SCHEMA = pl.Schema(
    {
        "leg_id": pl.String(),
        "manifest_id": pl.String(),
        "tenant_id": pl.String(),
        "call_id": pl.String(),
        "root_call_key": pl.String(),
        "agent_extension": pl.String(),
        "start_time": UTC_MICROSECONDS,
        "action": pl.String(),
        "is_built_in": pl.Boolean(),
        "rule_id": pl.String(),
        "rule_name": pl.String(),
        "rule_version": pl.String(),
        "reason": pl.String(),
        "layout": pl.String(),
        "sample_rate_hz": pl.Int32(),
        "hold": pl.String(),
        "hold_fade_ms": pl.Int32(),
        "is_normalised": pl.Boolean(),
        "format": pl.String(),
        "is_encrypted": pl.Boolean(),
        "retention_days": pl.Int32(),
    }
)
"""One row for each leg that ended in the window, and for each file that tells of a call of which there is no leg.

`leg_id` is null for such a file, `manifest_id` for a leg. `rule_version` names the set of rules too. From `layout` on: the
parameters, null where the action is SKIP; `sample_rate_hz` null: as the files have it; `is_encrypted` null: as the
deployment says.
"""

STEREO, MONO, MULTICHANNEL = "stereo", "mono", "multichannel"
"""Values of `layout`."""
HOLD_SILENCE, HOLD_CUT, HOLD_MUSIC = "silence", "cut", "music"
"""Values of `hold`."""
FORMATS = ("wav", "flac", "opus", "mp3")
"""Values of `format`, and the suffixes of the files."""

SEGMENT_MATCH_SCHEMA = pl.Schema(
    {
        "manifest_id": pl.String(),
        "leg_id": pl.String(),
        "method": pl.String(),
        "clock_offset_ms": pl.Int64(),
        "overlap_ms": pl.Int64(),
        "unmatched_reason": pl.String(),
    }
)
"""Which leg a file belongs to: one row for each pair, and one without a leg for each file that belongs to none.

`clock_offset_ms` is what its recorder's clock is ahead of the events' clock, as estimated.
"""

MIXED_RECORDING_SCHEMA = pl.Schema(
    {
        "recording_id": pl.String(),
        "tenant_id": pl.String(),
        "kind": pl.String(),
        "call_id": pl.String(),
        "leg_id": pl.String(),
        "leg_offsets": pl.List(pl.Struct({"leg_id": pl.String(), "offset_ms": pl.Int64()})),
        "manifest_ids": pl.List(pl.String()),
        "state": pl.String(),
        "failure": pl.String(),
        "rule_id": pl.String(),
        "rule_version": pl.String(),
        "start_time": UTC_MICROSECONDS,
        "duration_ms": pl.Int64(),
        "layout": pl.String(),
        "format": pl.String(),
        "sample_rate_hz": pl.Int32(),
        "channels": pl.Int32(),
        "encryption": pl.String(),
        "path": pl.String(),
        "size_bytes": pl.Int64(),
        "sha256": pl.String(),
        "warnings": pl.List(pl.String()),
    }
)
"""One row for each recording of the window, and for each leg that was to be recorded of which there is nothing to mix.

The latter have state FAILED and a `failure` that says why (`NO_MANIFEST`, or the problems of its files). `path` is below
the recordings' root.
"""

OF_LEG, OF_CALL, OF_FILE = "LEG", "CALL", "FILE"
"""Values of `kind`: of one leg, of a whole conference call, of a file without a leg of ours."""

RECEIVED, QUEUED, PROCESSING, RULES_PASSED, SKIPPED = (
    "RECEIVED",
    "QUEUED",
    "PROCESSING",
    "RULES_PASSED",
    "SKIPPED",
)
MIXING, SPLICING, COMPLETED, FAILED = "MIXING", "SPLICING", "COMPLETED", "FAILED"
"""Values of `state`, in the guide's words (19.6.2)."""

NO_KEY = "NO_KEY"
"""`failure` of a recording that is to be sealed and has no key: nothing was tried, and the next run looks again."""
