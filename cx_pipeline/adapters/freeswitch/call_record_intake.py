"""FusionPBX's call records on their way into the table of manifests."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import polars as pl
from sqlalchemy import Engine

from cx_pipeline.adapters.database.manifests import Manifests
from cx_pipeline.adapters.database.quarantine import InputQuarantine
from cx_pipeline.adapters.database.xml_cdr_hours import XmlCdrHours
from cx_pipeline.adapters.freeswitch.manifest_files import Refusal, refusal
from cx_pipeline.adapters.freeswitch.probing import with_files
from cx_pipeline.adapters.freeswitch.storage_watch import StorageWatch
from cx_pipeline.adapters.freeswitch.xml_cdr import Row, XmlCdr
from cx_pipeline.core.recording.call_record_spans import HOUR, spans_to_read
from cx_pipeline.core.recording.manifest import Manifest, ManifestRefusedError, identified
from cx_pipeline.core.recording.manifest_call_record import read_call_record
from cx_pipeline.core.windows import window_of
from cx_pipeline.settings import Settings


class CallRecordIntake:
    """Reads the records of a span, those only that were not read before, and stores what they tell of files."""

    def __init__(
        self, engine: Engine, settings: Settings, watch: StorageWatch, figures: Counter[str]
    ) -> None:
        self._manifests, self._hours = Manifests(engine), XmlCdrHours(engine)
        self._quarantine = InputQuarantine(engine)
        self._settings, self._watch, self._figures = settings, watch, figures

    def take_in(self, source: XmlCdr, first: datetime, last: datetime, now: datetime) -> None:
        """Store the files of calls that ended in `[first, last]`, as far as FusionPBX knows by `now`.

        Raises:
            SourceUnavailableError, SourceRefusedError: FusionPBX was not read; hours that were stay noted.
            DatabaseUnavailableError: the database does not answer.
        """
        for span in spans_to_read(first, min(last, now), self._hours.read_at(_hour_of(first), last)):
            for rows in source.read(span.start, span.end):
                self._figures["call_records_read"] += len(rows)
                self._store(rows, self._settings.stream_roots)
            self._hours.note([_hour_of(span.start)], now)

    def _store(self, rows: Sequence[Row], roots: Sequence[Path]) -> None:
        told = [_told_by(row, self._settings.fusionpbx_tenants) for row in rows]
        manifests = identified([each for each in told if isinstance(each, Manifest)])
        known = self._manifests.known_of([manifest.manifest_id for manifest in manifests])
        new = [manifest for manifest in manifests if manifest.manifest_id not in known]
        counts = self._manifests.take_in(with_files(new, roots, self._watch))
        self._figures["manifests_new"] += counts.new
        for each in (each for each in told if isinstance(each, Refusal)):
            kept = pl.DataFrame({"line_number": [0], "reason": [each.reason], "row_text": [each.text]})
            self._figures["quarantined"] += self._quarantine.record(
                kept, file_name=each.path, file_sha256=each.sha256
            )


def _told_by(row: Row, tenants: Mapping[str, str]) -> Manifest | Refusal:
    try:
        return read_call_record(row, tenants)
    except ManifestRefusedError as refused:
        path = f"v_xml_cdr {row.get('xml_cdr_uuid')}"
        return refusal(path, refused.reason, json.dumps(row, default=str).encode())


def _hour_of(moment: datetime) -> datetime:
    return window_of(moment, HOUR).start
