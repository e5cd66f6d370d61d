import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from cx_pipeline.adapters.storage.frame_store import TEMPORARY_SUFFIX, FrameMark, FrameStore
from cx_pipeline.core.errors import ConfigurationError, InputError, SchemaError
from cx_pipeline.core.frames import QUARANTINED_EVENTS, frame_path
from cx_pipeline.core.windows import Window

TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
WINDOW = Window(TEN, TEN + timedelta(hours=1))
MARK = FrameMark(high_water=7, is_open=True)


def quarantined(*reasons):
    return pl.DataFrame(
        {"reason": reasons, "event_time": TEN, "global_call_id": None, "row": "{}"},
        schema=QUARANTINED_EVENTS.schema,
    )


@pytest.fixture
def store(tmp_path):
    return FrameStore(tmp_path / "storage")


def test_a_frame_comes_back_as_it_was_stored_with_its_mark(store):
    receipt = store.write(quarantined("B", "A"), QUARANTINED_EVENTS, WINDOW, MARK)
    stored = store.read(QUARANTINED_EVENTS, WINDOW)
    assert stored.frame.equals(quarantined("A", "B"))
    assert stored.mark == MARK
    assert (receipt.rows, receipt.is_kept, receipt.size_bytes) == (2, True, receipt.path.stat().st_size)


def test_equal_frames_give_equal_bytes_whatever_the_order_of_their_rows(store):
    first = store.write(quarantined("A", "B"), QUARANTINED_EVENTS, WINDOW, MARK).path.read_bytes()
    again = store.write(quarantined("B", "A"), QUARANTINED_EVENTS, WINDOW, MARK).path.read_bytes()
    assert first == again


def test_an_older_computation_never_replaces_a_newer_one(store):
    store.write(quarantined("NEW"), QUARANTINED_EVENTS, WINDOW, FrameMark(8, is_open=False))
    receipt = store.write(quarantined("OLD"), QUARANTINED_EVENTS, WINDOW, MARK)
    assert not receipt.is_kept
    assert store.read(QUARANTINED_EVENTS, WINDOW).frame["reason"].to_list() == ["NEW"]


def test_a_window_that_was_never_computed_is_an_error_not_an_empty_frame(store):
    with pytest.raises(
        InputError, match="quarantined_events for the window 2026-03-02-10:00: materialise it first"
    ):
        store.read(QUARANTINED_EVENTS, WINDOW)


def test_a_frame_with_other_types_is_refused_and_leaves_nothing_behind(store):
    with pytest.raises(SchemaError):
        store.write(pl.DataFrame({"reason": [1]}), QUARANTINED_EVENTS, WINDOW, MARK)
    assert list(store.paths()) == []


def test_a_file_of_somebody_else_is_not_read_as_a_frame(store):
    path = store.root / frame_path(QUARANTINED_EVENTS.name, WINDOW)
    path.parent.mkdir(parents=True)
    quarantined("A").write_parquet(path)
    with pytest.raises(InputError, match="was not written by this program"):
        store.read(QUARANTINED_EVENTS, WINDOW)


def test_a_storage_root_that_cannot_be_written_is_told_with_the_setting(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="CX_STORAGE_ROOT"):
        FrameStore(tmp_path / "file").write(quarantined("A"), QUARANTINED_EVENTS, WINDOW, MARK)


def test_maintenance_removes_old_files_that_nothing_names_and_no_others(store):
    named = store.write(quarantined("A"), QUARANTINED_EVENTS, WINDOW, MARK).path
    other = Window(TEN, TEN + timedelta(minutes=30))
    unnamed = store.write(quarantined("A"), QUARANTINED_EVENTS, other, MARK).path
    old_part = named.with_name(f".killed{TEMPORARY_SUFFIX}")
    young_part = named.with_name(f".writing{TEMPORARY_SUFFIX}")
    for path in (old_part, young_part):
        path.write_bytes(b"")
    now = datetime.now(UTC)
    for path in (named, unnamed, old_part):
        os.utime(path, times=((now - timedelta(days=2)).timestamp(),) * 2)
    removed = store.remove_unnamed(
        frozenset({frame_path(QUARANTINED_EVENTS.name, WINDOW)}), now - timedelta(days=1)
    )
    assert set(removed) == {unnamed, old_part}
    assert set(store.paths()) == {named, young_part}


WRITER = """
import sys
from datetime import datetime, timedelta, UTC
from pathlib import Path
import polars as pl
from cx_pipeline.adapters.storage.frame_store import FrameMark, FrameStore
from cx_pipeline.core.frames import QUARANTINED_EVENTS
from cx_pipeline.core.windows import Window
start = datetime(2026, 3, 2, 10, tzinfo=UTC)
window = Window(start, start + timedelta(hours=1))
store = FrameStore(Path(sys.argv[1]))
for mark in range(1_000_000):
    frame = pl.DataFrame(
        {"reason": [str(mark)] * 20_000, "event_time": start, "global_call_id": None, "row": "{}"},
        schema=QUARANTINED_EVENTS.schema,
    )
    store.write(frame, QUARANTINED_EVENTS, window, FrameMark(mark, False))
    print(mark, flush=True)
"""


def test_a_writer_killed_at_any_moment_leaves_a_whole_frame(store):
    for wait in (0.0, 0.003, 0.011, 0.02):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(store.root)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            written = int(writer.stdout.readline())
            time.sleep(wait)
            writer.send_signal(signal.SIGKILL)
        stored = store.read(QUARANTINED_EVENTS, WINDOW)
        assert stored.frame.height == 20_000
        assert stored.frame["reason"].unique().to_list() == [str(stored.mark.high_water)]
        assert stored.mark.high_water >= written
        store.write(
            quarantined("A"), QUARANTINED_EVENTS, WINDOW, FrameMark(stored.mark.high_water, is_open=False)
        )
        (store.root / frame_path(QUARANTINED_EVENTS.name, WINDOW)).unlink()
