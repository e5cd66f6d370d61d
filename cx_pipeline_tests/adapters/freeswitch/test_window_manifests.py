"""The manifests of a window: everything that recorders left around it, by whatever way it is told."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cx_pipeline.adapters.freeswitch import window_manifests
from cx_pipeline.adapters.freeswitch.window_manifests import WindowManifests, read_window_manifests
from cx_pipeline.core.errors import SourceUnavailableError, StorageUnavailableError
from cx_pipeline.core.windows import Window
from cx_pipeline.settings import Settings
from cx_pipeline_tests.adapters.freeswitch.fusionpbx import FusionPbx
from cx_pipeline_tests.adapters.freeswitch.recorder import START, record, wav

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
WINDOW = Window(START, START + HOUR)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "streams").mkdir()
    return tmp_path / "streams"


def read(engine: Engine, root: Path, now: datetime | None = None, **options: Any) -> WindowManifests:
    settings = Settings(stream_roots=(root,), **options)
    return read_window_manifests(settings, engine, WINDOW, now or datetime.now(UTC))


def names(found: WindowManifests) -> list[str]:
    return [Path(path).stem for path in found.manifests["file_path"]]


def at(start: datetime, minutes: float = 1) -> dict[str, str]:
    return {"start_time": start.isoformat(), "end_time": (start + minutes * MINUTE).isoformat()}


def test_a_window_gets_what_overlaps_it_from_the_longest_call_before_to_a_slack_after(
    engine: Engine, root: Path
) -> None:
    record(root, "within", **at(START + 5 * MINUTE))
    record(root, "hours_before", **at(START - 11 * HOUR))
    record(root, "too_early", **at(START - 13 * HOUR))
    record(root, "in_the_slack", **at(START + HOUR + 0.5 * MINUTE))
    record(root, "too_late", **at(START + HOUR + 2 * MINUTE))
    found = read(engine, root)
    assert names(found) == ["hours_before", "within", "in_the_slack"]
    assert found.high_water == 5
    assert found.figures["manifests_new"] == 5


def test_what_is_given_is_a_function_of_the_table(engine: Engine, root: Path) -> None:
    for number in range(20):
        record(root, f"f{number}", **at(START + (number * 7 % 5) * MINUTE))
    first = read(engine, root)
    again = read(engine, root)
    assert first.manifests.equals(again.manifests)
    assert first.manifests.equals(first.manifests.sort("start_time", "manifest_id"))
    assert (again.high_water, again.figures.get("manifests_new", 0)) == (first.high_water, 0)


def test_a_file_that_comes_later_than_its_manifest_is_found_when_looked_at_again(
    engine: Engine, root: Path
) -> None:
    file = record(root, "late").with_name("late.wav")
    file.unlink()
    first = read(engine, root)
    assert first.manifests["file_problem"].to_list() == ["MISSING"]
    file.write_bytes(wav(800, told_frames=0))
    later = read(engine, root, now=datetime.now(UTC) + MINUTE)
    assert later.manifests.select("file_problem", "frames", "is_header_unfinished").rows() == [
        (None, 800, True)
    ]
    assert later.figures["files_that_told_more"] == 1
    assert later.high_water > first.high_water
    file.write_bytes(wav(1600))
    last = read(engine, root, now=datetime.now(UTC) + MINUTE)
    assert last.manifests.select("frames", "is_header_unfinished").rows() == [(1600, False)]
    settled = read(engine, root, now=datetime.now(UTC) + MINUTE)
    assert settled.figures["files_looked_at_again"] == 0


def test_files_of_fusionpbx_are_found_by_its_call_records(
    engine: Engine, database_url: SecretStr, root: Path
) -> None:
    pbx = FusionPbx(engine, database_url)
    dialog = root / "a:b:1005:+1800:1780912800.wav"
    for file in (root / "consult.wav", dialog):
        file.write_bytes(wav(80))
    pbx.call(1, START, START + MINUTE, root / "consult.wav")
    pbx.call(2, START + MINUTE, START + 2 * MINUTE, dialog)
    pbx.call(3, START + MINUTE, START + 2 * MINUTE, dialog)  # the other channel of the same call
    pbx.call(4, START, START + MINUTE, Path("/etc/passwd"))
    pbx.call(5, START, START + MINUTE, root / "nobody's.wav", domain_name="other.example")
    options = {"fusionpbx_url": database_url, "fusionpbx_tenants": {"acme.example": "acme"}}
    found = read(engine, root, now=START + 2 * HOUR, **options)
    rows = found.manifests.select(
        "file_path", "source", "tenant_id", "dialog_id", "agent_extension", "file_problem"
    )
    assert set(rows.rows()) == {
        ("/etc/passwd", "xml_cdr", "acme", "00000000-0000-4000-8000-000000000004", None, "OUTSIDE_ROOTS"),
        (str(dialog), "xml_cdr", "acme", "a:b", "1005", None),
        (str(root / "consult.wav"), "xml_cdr", "acme", "00000000-0000-4000-8000-000000000001", None, None),
    }
    assert rows.height == 3
    assert (found.figures["call_records_read"], found.figures["quarantined"]) == (5, 1)
    again = read(engine, root, now=START + 2 * HOUR, **options)
    assert again.manifests.equals(found.manifests)
    assert again.figures.get("call_records_read", 0) == 0
    assert again.figures.get("quarantined", 0) == 0


def test_only_the_newest_call_records_are_read_again(
    engine: Engine, database_url: SecretStr, root: Path
) -> None:
    pbx = FusionPbx(engine, database_url)
    for minute in range(0, 50, 10):
        pbx.call(minute, START, START + minute * MINUTE, root / f"{minute}.wav")
    first = read(engine, root, now=START + 45 * MINUTE, fusionpbx_url=database_url)
    assert first.figures["call_records_read"] == 5
    pbx.call(99, START, START + 44 * MINUTE, root / "late.wav")
    second = read(engine, root, now=START + 46 * MINUTE, fusionpbx_url=database_url)
    assert (second.figures["call_records_read"], second.figures["manifests_new"]) == (2, 1)
    assert len(names(second)) == 6


def test_a_manifest_of_the_same_file_counts_before_the_call_record(
    engine: Engine, database_url: SecretStr, root: Path
) -> None:
    pbx = FusionPbx(engine, database_url)
    record(root, "both", recording_type="EFSWITCH", side="both", masked=[{"from": START.isoformat()}])
    pbx.call(1, START + MINUTE, START + 2 * MINUTE, root / "both.wav")
    found = read(engine, root, now=START + 2 * HOUR, fusionpbx_url=database_url)
    assert found.manifests["source"].to_list() == ["folder"]
    assert found.manifests["masks"].list.len().to_list() == [1]


def test_a_fusionpbx_that_is_away_is_an_error_after_the_folders_were_read(engine: Engine, root: Path) -> None:
    record(root, "a")
    url = SecretStr("postgresql://x:y@127.0.0.1:1/fusionpbx")
    with pytest.raises(SourceUnavailableError):
        read(engine, root, fusionpbx_url=url)
    assert names(read(engine, root)) == ["a"]


def test_a_storage_that_is_not_mounted_is_an_error(engine: Engine, root: Path) -> None:
    root.rmdir()
    with pytest.raises(StorageUnavailableError, match="mounted"):
        read(engine, root)


def test_folders_of_manifests_may_lie_elsewhere_than_the_streams(
    engine: Engine, root: Path, tmp_path: Path
) -> None:
    record(tmp_path / "manifests", "a", file_path=str(root / "a.wav"))
    (root / "a.wav").write_bytes(wav(10))
    found = read(engine, root, manifest_folders=(tmp_path / "manifests",))
    assert found.manifests.select("file_path", "file_problem").rows() == [(str(root / "a.wav"), None)]


def test_nothing_set_is_nothing_read(engine: Engine) -> None:
    found = read_window_manifests(Settings(), engine, WINDOW, datetime.now(UTC))
    assert (found.manifests.height, found.high_water) == (0, 0)


def test_runs_of_several_windows_scan_one_after_the_other(
    engine: Engine, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(root, "a")
    under_way, most = [0], [0]
    bring = window_manifests._bring_up_to_date

    def counted(*arguments: Any) -> None:
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        bring(*arguments)
        under_way[0] -= 1

    monkeypatch.setattr(window_manifests, "_bring_up_to_date", counted)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: names(read(engine, root)), range(3)))
    assert found == [["a"]] * 3
    assert most == [1]
    with engine.connect() as connection:
        held = connection.execute(
            text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        ).scalar_one()
    assert held == 0
