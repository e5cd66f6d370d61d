"""Manifests with what their files tell."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from cx_pipeline.adapters.database.manifests import FOUND_MANIFEST_SCHEMA, PROBE_SCHEMA, PROBED_COLUMNS
from cx_pipeline.adapters.freeswitch.path_text import path_of_text, text_of_path
from cx_pipeline.adapters.freeswitch.storage_watch import StorageWatch
from cx_pipeline.adapters.freeswitch.stream_files import StreamFacts, probe
from cx_pipeline.core.recording.manifest import Manifest, manifest_frame

_ELSEWHERE = ("MISSING", "OUTSIDE_ROOTS")


def with_files(manifests: Sequence[Manifest], roots: Sequence[Path], watch: StorageWatch) -> pl.DataFrame:
    """The manifests with their files looked at, `FOUND_MANIFEST_SCHEMA`; paths are real where the file is there."""
    looked_at = [_looked_at(each.file_path, each.manifest_path, roots, watch) for each in manifests]
    told = manifest_frame(
        [replace(each, file_path=path) for each, (path, _) in zip(manifests, looked_at, strict=True)]
    )
    return told.hstack(_columns([facts for _, facts in looked_at])).select(FOUND_MANIFEST_SCHEMA.names())


def without_files(manifests: Sequence[Manifest]) -> pl.DataFrame:
    """The manifests, `FOUND_MANIFEST_SCHEMA`, with their files to be looked at another time: `UNREADABLE` for now."""
    unknown = [StreamFacts(file_problem="UNREADABLE")] * len(manifests)
    return manifest_frame(manifests).hstack(_columns(unknown)).select(FOUND_MANIFEST_SCHEMA.names())


def looked_at_again(rows: pl.DataFrame, roots: Sequence[Path], watch: StorageWatch) -> pl.DataFrame:
    """The files of `rows` (`PROBE_SCHEMA`) looked at again, in the same form."""
    looked_at = [
        _looked_at(path, manifest_path, roots, watch)
        for path, manifest_path in rows.select("file_path", "manifest_path").iter_rows()
    ]
    paths = pl.Series("file_path", [path for path, _ in looked_at], pl.String)
    probed = _columns([facts for _, facts in looked_at])
    return rows.select("manifest_id", paths, "manifest_path").hstack(probed).select(PROBE_SCHEMA.names())


def _looked_at(
    file_path: str, manifest_path: str | None, roots: Sequence[Path], watch: StorageWatch
) -> tuple[str, StreamFacts]:
    """Where the file is, and what it tells.

    A recorder's path may be another one here, where its storage is mounted elsewhere: then the file of that name
    beside the manifest is it.
    """
    with watch.operation(f"open {file_path}"):
        facts = probe(file_path, roots)
        if facts.file_problem in _ELSEWHERE and manifest_path is not None:
            folder = path_of_text(manifest_path).rpartition("/")[0]
            beside = f"{folder}/{file_path.rpartition('/')[2]}"
            found = probe(beside, roots)
            if found.file_problem not in _ELSEWHERE:
                return found.real_path or text_of_path(beside), found
    return facts.real_path or file_path, facts


def _columns(facts: Sequence[StreamFacts]) -> pl.DataFrame:
    return pl.DataFrame(
        {name: [getattr(each, name) for each in facts] for name in PROBED_COLUMNS},
        schema={name: FOUND_MANIFEST_SCHEMA[name] for name in PROBED_COLUMNS},
    )
