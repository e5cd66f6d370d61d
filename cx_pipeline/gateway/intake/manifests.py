"""Manifests that recorders send (guide 19.6.1): judged, their files looked at, stored."""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
from sqlalchemy import Engine

from cx_pipeline.adapters.database.manifests import Manifests
from cx_pipeline.adapters.database.quarantine import InputQuarantine
from cx_pipeline.adapters.freeswitch.manifest_files import refusal
from cx_pipeline.adapters.freeswitch.path_text import path_of_text
from cx_pipeline.adapters.freeswitch.probing import with_files, without_files
from cx_pipeline.adapters.freeswitch.storage_watch import StorageWatch
from cx_pipeline.core.errors import StorageUnavailableError
from cx_pipeline.core.events.tenancy import DEFAULT_TENANT
from cx_pipeline.core.recording.manifest import (
    LARGEST_MANIFEST_BYTES,
    Manifest,
    ManifestRefusedError,
    identified,
    read_manifest,
)
from cx_pipeline.core.recording.schema import FROM_GATEWAY
from cx_pipeline.gateway.access.principal import Principal
from cx_pipeline.gateway.intake.records import Outcome, Record

_STORAGE_TIMEOUT_S = 3.0
_STORAGE_REST_S = 30.0
"""A storage that hung is not asked again for so long: others wait behind it. Its files are looked at by the scan."""
_OUTSIDE = "OUTSIDE_ROOTS: filePath is not below the folders of streams"

Judged = Manifest | ManifestRefusedError


def judge_manifests(documents: Sequence[object], sender: Principal, roots: Sequence[Path]) -> list[Judged]:
    """Each document as a manifest with its id, or why it is refused. Looks at no file."""
    judged = [_judge(document, sender, roots) for document in documents]
    usable = iter(identified([each for each in judged if isinstance(each, Manifest)]))
    return [next(usable) if isinstance(each, Manifest) else each for each in judged]


def _judge(document: object, sender: Principal, roots: Sequence[Path]) -> Judged:
    try:
        told = read_manifest(document, source=FROM_GATEWAY, default_tenant=sender.tenant_id or DEFAULT_TENANT)
    except ManifestRefusedError as refused:
        return refused
    if not sender.sees(told.tenant_id):
        return ManifestRefusedError("OTHER_TENANT: tenantId is not the sender's")
    if not _is_below(told.file_path, roots):
        return ManifestRefusedError(_OUTSIDE)
    return replace(told, is_finished=told.end_time is not None)


def _is_below(file_path: str, roots: Sequence[Path]) -> bool:
    path = os.path.normpath(path_of_text(file_path))
    places = [place for root in roots for place in (os.path.abspath(root), os.path.realpath(root))]  # noqa: PTH100
    return any(path.startswith(f"{place.rstrip('/')}/") for place in places)


class ManifestStore:
    """Puts manifests into the table, and what cannot be used into quarantine. Twice is as once."""

    def __init__(self, engine: Engine, roots: Sequence[Path]) -> None:
        self._roots = roots
        self._manifests = Manifests(engine, attempts=1)
        self._quarantine = InputQuarantine(engine, attempts=1)
        self._storage_rests_until = 0.0

    def store(self, records: Sequence[Record]) -> list[Outcome]:
        """Store the manifests of some records.

        Raises:
            DatabaseUnavailableError: the database does not answer.
            ConfigurationError: the database has not been migrated.
        """
        judged = [judge_manifests(record.documents, record.sender, self._roots) for record in records]
        usable = [each for some in judged for each in some if isinstance(each, Manifest)]
        found = self._looked_at(usable)
        is_outside = found["file_problem"].eq_missing("OUTSIDE_ROOTS")
        outside = set(found.filter(is_outside)["manifest_id"])
        self._manifests.take_in(found.filter(~is_outside))
        return [self._outcome(record, some, outside) for record, some in zip(records, judged, strict=True)]

    def _outcome(self, record: Record, judged: Sequence[Judged], outside: set[str]) -> Outcome:
        refusals = {
            number: each.reason if isinstance(each, ManifestRefusedError) else _OUTSIDE
            for number, each in enumerate(judged)
            if isinstance(each, ManifestRefusedError) or each.manifest_id in outside
        }
        documents = record.documents if refusals else []
        for number, reason in refusals.items():
            self._keep(record.subject, documents[number], reason)
        return Outcome(
            len(judged), stored=len(judged) - len(refusals), quarantined=len(refusals), refusals=refusals
        )

    def _keep(self, subject: str, document: object, reason: str) -> None:
        content = json.dumps(document).encode()[:LARGEST_MANIFEST_BYTES]
        kept = refusal(f"gateway:{subject}", reason, content)
        row = pl.DataFrame({"line_number": [0], "reason": [kept.reason], "row_text": [kept.text]})
        self._quarantine.record(row, file_name=kept.path, file_sha256=kept.sha256)

    def _looked_at(self, manifests: Sequence[Manifest]) -> pl.DataFrame:
        if time.monotonic() >= self._storage_rests_until:
            watch = StorageWatch(_STORAGE_TIMEOUT_S)
            try:
                return watch.run(lambda: with_files(manifests, self._roots, watch))
            except StorageUnavailableError:
                self._storage_rests_until = time.monotonic() + _STORAGE_REST_S
        return without_files(manifests)
