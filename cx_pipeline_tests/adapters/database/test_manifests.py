"""The table of manifests: taken in twice, from several ways, read by time, numbered in the order of commits."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.locks import MANIFEST_INTAKE_LOCK
from cx_pipeline.adapters.database.manifests import (
    FOUND_MANIFEST_SCHEMA,
    PROBE_SCHEMA,
    PROBED_COLUMNS,
    ManifestCounts,
    Manifests,
)
from cx_pipeline.core.recording.manifest import Manifest, manifest_frame, parse_manifest
from cx_pipeline.core.recording.schema import RECORDING_MANIFEST_SCHEMA

START = datetime(2026, 6, 8, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def manifest(
    name: str = "a_near", *, is_finished: bool = True, source: str = "folder", **told: Any
) -> Manifest:
    payload = {
        "call_id": "1/291",
        "file_path": f"/streams/{name}.wav",
        "start_time": START.isoformat(),
        "end_time": (START + 5 * MINUTE).isoformat(),
        "recorder_id": "fs1",
        "recording_type": "BIB",
        **told,
    }
    return parse_manifest(
        payload, is_finished=is_finished, source=source, manifest_path=f"/streams/{name}.json"
    )


def found(*manifests: Manifest, **facts: Any) -> pl.DataFrame:
    told = dict.fromkeys(PROBED_COLUMNS) | {"frames": 8000, "sample_rate_hz": 8000} | facts
    return (
        manifest_frame(manifests)
        .with_columns(pl.lit(value, FOUND_MANIFEST_SCHEMA[name]).alias(name) for name, value in told.items())
        .select(FOUND_MANIFEST_SCHEMA.names())
    )


def day(store: Manifests) -> pl.DataFrame:
    return store.between(START - timedelta(hours=12), START + timedelta(hours=12))


def test_what_was_taken_in_comes_back_as_it_was(engine: Engine) -> None:
    masks = [{"from": START.isoformat(), "by": "1005", "reason": "card"}]
    rows = found(manifest(masked=masks, ani="+1800", direction="in"), manifest("b_far"))
    assert Manifests(engine).take_in(rows) == ManifestCounts(new=2)
    read = day(Manifests(engine))
    assert read.schema == RECORDING_MANIFEST_SCHEMA
    assert read.sort("manifest_id").equals(rows.select(RECORDING_MANIFEST_SCHEMA.names()).sort("manifest_id"))
    assert read["call_key"].to_list() == ["291_1", "291_1"] or read["call_key"].to_list() == [
        "1_291",
        "1_291",
    ]


def test_the_same_again_changes_nothing_and_gets_no_new_number(engine: Engine) -> None:
    store = Manifests(engine)
    store.take_in(found(manifest()))
    mark = store.read(START, START).high_water
    assert store.take_in(found(manifest(), manifest())) == ManifestCounts(unchanged=2)
    assert store.read(START, START).high_water == mark


def test_a_finished_manifest_replaces_an_unfinished_one_whichever_comes_first(engine: Engine) -> None:
    store, unfinished, finished = Manifests(engine), manifest(is_finished=False, end_time=None), manifest()
    assert unfinished.manifest_id == finished.manifest_id
    store.take_in(found(unfinished))
    mark = store.read(START, START).high_water
    assert store.take_in(found(finished)) == ManifestCounts(changed=1)
    assert store.read(START, START).high_water > mark
    assert store.take_in(found(unfinished)) == ManifestCounts(unchanged=1)
    assert day(store)["is_finished"].to_list() == [True]


def test_the_recorders_own_file_counts_for_more_than_what_was_sent(engine: Engine) -> None:
    store = Manifests(engine)
    masks = [{"from": START.isoformat()}]
    store.take_in(found(manifest(source="gateway")))
    store.take_in(found(manifest(masked=masks)))
    store.take_in(found(manifest(source="gateway")))
    assert day(store)["source"].to_list() == ["folder"]
    assert day(store)["masks"].list.len().to_list() == [1]


def test_a_file_that_two_tell_of_is_one_row_and_the_recorder_is_believed(engine: Engine) -> None:
    store = Manifests(engine)
    told_otherwise = manifest(source="xml_cdr", start_time=(START + MINUTE).isoformat(), recorder_id=None)
    store.take_in(found(told_otherwise, manifest()))
    assert day(store)["source"].to_list() == ["folder"]
    only_that_minute = store.between(START + timedelta(minutes=2), START + timedelta(minutes=3))
    assert only_that_minute["source"].to_list() == ["folder"]


def test_two_tenants_may_name_one_file_and_neither_hides_the_others(engine: Engine) -> None:
    store = Manifests(engine)
    store.take_in(found(manifest(tenant_id="a"), manifest(tenant_id="b")))
    assert sorted(day(store)["tenant_id"]) == ["a", "b"]


def test_what_overlaps_is_read_and_what_has_no_end_lasts_as_long_as_its_frames(engine: Engine) -> None:
    store = Manifests(engine)
    store.take_in(found(manifest("told")))
    store.take_in(found(manifest("untold", end_time=None, is_finished=False), frames=8000 * 120))
    store.take_in(found(manifest("missing", end_time=None), frames=None, sample_rate_hz=None))

    def names(first: timedelta, last: timedelta) -> set[str]:
        return {path.split("/")[-1] for path in store.between(START + first, START + last)["file_path"]}

    assert names(-MINUTE, timedelta()) == {"told.wav", "untold.wav", "missing.wav"}
    assert names(MINUTE, MINUTE) == {"told.wav", "untold.wav"}
    assert names(2.5 * MINUTE, 3 * MINUTE) == {"told.wav"}
    assert names(6 * MINUTE, 7 * MINUTE) == set()
    assert names(-2 * MINUTE, -MINUTE) == set()


def test_rows_come_sorted_by_start_and_id(engine: Engine) -> None:
    store = Manifests(engine)
    store.take_in(
        found(*(manifest(f"f{n}", start_time=(START + (n % 3) * MINUTE).isoformat()) for n in range(30)))
    )
    read = day(store)
    assert read.equals(read.sort("start_time", "manifest_id"))


def test_only_what_may_tell_more_is_looked_at_again_and_not_at_once(engine: Engine) -> None:
    store = Manifests(engine)
    store.take_in(found(manifest("fine")))
    store.take_in(found(manifest("missing"), file_problem="MISSING"))
    store.take_in(found(manifest("foreign"), file_problem="OUTSIDE_ROOTS"))
    store.take_in(found(manifest("crashed"), is_header_unfinished=True))
    store.take_in(found(manifest("growing", is_finished=False)))
    later = datetime.now(UTC) + MINUTE

    def names(**options: Any) -> set[str]:
        rows = store.to_look_at_again(START, START, **{"probed_before": later, "limit": 10, **options})
        assert rows.schema == PROBE_SCHEMA
        return {path.split("/")[-1] for path in rows["file_path"]}

    assert names() == {"missing.wav", "crashed.wav", "growing.wav"}
    assert len(names(limit=2)) == 2
    assert names(probed_before=later - 10 * MINUTE) == set()


def test_a_probe_that_tells_something_new_gets_a_new_number(engine: Engine) -> None:
    store = Manifests(engine)
    store.take_in(found(manifest(), file_problem="MISSING", frames=None))
    again = store.to_look_at_again(START, START, probed_before=datetime.now(UTC) + MINUTE, limit=9)
    mark = store.read(START, START).high_water
    assert store.note_probes(again) == 0
    assert store.read(START, START).high_water == mark
    assert store.note_probes(again.with_columns(file_problem=pl.lit(None, pl.String), frames=800)) == 1
    assert store.read(START, START).high_water > mark
    assert day(store).select("file_problem", "frames").row(0) == (None, 800)


def test_manifests_are_numbered_by_one_at_a_time_until_its_commit(engine: Engine) -> None:
    store, waiting = (
        Manifests(engine),
        text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"),
    )
    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as other:
            other.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MANIFEST_INTAKE_LOCK})
            storing = pool.submit(store.take_in, found(manifest()))
            while not other.execute(waiting).scalar_one():
                assert not storing.done()
            assert store.read(START, START).high_water == 0
        assert storing.result(timeout=60) == ManifestCounts(new=1)
    assert store.read(START, START).high_water > 0


def test_which_ids_are_known_is_told(engine: Engine) -> None:
    store, known, other = Manifests(engine), manifest("a").manifest_id, manifest("b").manifest_id
    store.take_in(found(manifest("a")))
    assert store.known_of([known, other]) == {known}
