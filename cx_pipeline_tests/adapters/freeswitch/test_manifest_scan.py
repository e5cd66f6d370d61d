"""The scan of folders: everything is read once, nothing is listed or opened without need, and no fault is silent."""

import errno
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.manifests import Manifests
from cx_pipeline.adapters.database.scanned_folders import ScannedFolders
from cx_pipeline.adapters.freeswitch import manifest_intake, stream_files
from cx_pipeline.adapters.freeswitch.manifest_scan import ManifestScan, ScanOptions
from cx_pipeline.adapters.freeswitch.storage_watch import StorageWatch
from cx_pipeline.core.errors import StorageUnavailableError
from cx_pipeline_tests.adapters.freeswitch.recorder import START, payload, record, settle, wav

HOURS = timedelta(hours=1)


class Site:
    """A folder of streams, and scans of it."""

    def __init__(self, engine: Engine, root: Path) -> None:
        self.engine, self.root, self.now = engine, root, datetime.now(UTC)
        root.mkdir(exist_ok=True)
        self.listed: list[str] = []

    def scan(self, *, scandir: Callable[[str], Any] = os.scandir, **options: Any) -> Counter[str]:
        def counted(path: str) -> Any:
            self.listed.append(path)
            return scandir(path)

        chosen = {"folders": (self.root,), "roots": (self.root,), "abandon_after": 4 * HOURS} | options
        scan = ManifestScan(self.engine, ScanOptions(**chosen), self.now, StorageWatch(), counted)
        self.listed = []
        scan.run()
        return scan.figures

    def manifests(self) -> pl.DataFrame:
        return Manifests(self.engine).between(START - 24 * HOURS, START + 24 * HOURS)

    def names(self) -> set[str]:
        return {Path(path).name for path in self.manifests()["file_path"]}

    def quarantined(self) -> list[tuple[str, str]]:
        query = text("SELECT file_name, reason FROM quarantined_input ORDER BY id")
        with self.engine.connect() as connection:
            return [(name, reason) for name, reason in connection.execute(query)]


@pytest.fixture
def site(engine: Engine, tmp_path: Path) -> Site:
    return Site(engine, tmp_path / "streams")


def test_what_a_recorder_left_is_in_the_table_with_what_its_file_tells(site: Site) -> None:
    manifest = record(site.root / "20260608", "a_near")
    assert site.scan()["manifests_new"] == 1
    row = site.manifests().row(0, named=True)
    assert row["file_path"] == str(manifest.with_name("a_near.wav"))
    assert row["manifest_path"] == str(manifest)
    assert (row["call_key"], row["side"], row["source"], row["is_finished"]) == (
        "1_291",
        "near",
        "folder",
        True,
    )
    assert (row["encoding"], row["frames"], row["sample_rate_hz"], row["channels"]) == (
        "PCM_16",
        8000,
        8000,
        1,
    )
    assert (row["file_problem"], row["data_offset_bytes"], row["is_header_unfinished"]) == (None, 44, False)


def test_a_folder_that_did_not_change_is_not_listed_again(site: Site) -> None:
    for day in ("20260607", "20260608"):
        for number in range(3):
            record(site.root / day, f"{day}_{number}_near")
        settle(site.root / day)
    settle(site.root)
    first = site.scan()
    assert (first["folders_listed"], first["manifests_opened"]) == (3, 6)
    again = site.scan()
    assert site.listed == []
    assert (again["folders_seen"], again["folders_listed"], again["manifests_opened"]) == (3, 0, 0)
    record(site.root / "20260608", "new_near")
    third = site.scan()
    assert site.listed == [str(site.root / "20260608")]
    assert (third["manifests_opened"], third["manifests_new"]) == (1, 1)


def test_a_folder_that_changed_just_now_counts_as_changed_again(site: Site) -> None:
    record(site.root, "a")
    site.now = datetime.now(UTC)
    site.scan()
    site.now += timedelta(seconds=1)
    assert site.scan()["folders_listed"] == 1
    site.now += timedelta(seconds=60)
    assert site.scan()["folders_listed"] == 1
    assert site.scan()["folders_listed"] == 0


def test_thousands_of_known_files_are_not_opened_for_a_new_one(site: Site) -> None:
    folder = site.root / "20260608"
    for number in range(1500):
        record(folder, f"{number}_near", audio=b"")
    site.scan()
    record(folder, "new_near")
    figures = site.scan()
    assert (figures["manifests_opened"], figures["manifests_new"]) == (1, 1)
    assert site.manifests().height == 1501


def test_an_unfinished_manifest_waits_until_it_is_abandoned(site: Site) -> None:
    part = record(site.root, "a_near", ending=".json.part", audio=wav(4000, told_frames=0), end_time=None)
    settle(site.root)
    assert site.scan()["unfinished_waiting"] == 1
    site.now += 3 * HOURS
    assert site.scan()["folders_listed"] == 0
    site.now += 1.5 * HOURS
    assert site.scan()["manifests_new"] == 1
    row = site.manifests().row(0, named=True)
    assert (row["is_finished"], row["end_time"], row["frames"], row["is_header_unfinished"]) == (
        False,
        None,
        4000,
        True,
    )
    manifest_id = row["manifest_id"]
    record(site.root, "a_near", audio=wav(8000))
    part.unlink()
    assert site.scan()["manifests_changed"] == 1
    row = site.manifests().row(0, named=True)
    assert (row["manifest_id"], row["is_finished"], row["frames"]) == (manifest_id, True, 8000)


def test_a_manifest_that_makes_no_sense_is_quarantined_once_and_read_again_when_it_changes(
    site: Site,
) -> None:
    good = record(site.root, "a")
    bad = site.root / "b.json"
    bad.write_text("{")
    for _ in range(3):
        site.scan()
        site.now += timedelta(minutes=2)
    assert [(name, reason[:8]) for name, reason in site.quarantined()] == [(str(bad), "NOT_JSON")]
    assert site.names() == {"a.wav"}
    (site.root / "b.wav").write_bytes(wav())
    bad.write_text(json.dumps(payload(site.root / "b.wav")))
    site.scan()
    assert site.names() == {"a.wav", "b.wav"}
    assert len(site.quarantined()) == 1
    assert good.exists()


def test_equal_rubbish_in_two_places_is_told_twice(site: Site) -> None:
    site.root.joinpath("a.json").write_text("")
    site.root.joinpath("b.json").write_text("")
    assert site.scan()["quarantined"] == 2


def test_a_manifest_whose_file_has_a_problem_stays_with_it(site: Site, tmp_path: Path) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(wav())
    record(site.root, "empty", audio=wav(0))
    record(site.root, "text", audio=b"no audio at all, but some words")
    record(site.root, "missing").with_name("missing.wav").unlink()
    record(site.root, "outside", file_path=str(secret))
    record(site.root, "dots", file_path=f"{site.root}/../secret.wav")
    (site.root / "link.wav").symlink_to(secret)
    (site.root / "link.json").write_text(json.dumps(payload(site.root / "link.wav")))
    site.root.joinpath("outside.wav").unlink()
    site.root.joinpath("dots.wav").unlink()
    site.scan()
    problems = {Path(row["manifest_path"]).stem: row["file_problem"] for row in site.manifests().to_dicts()}
    assert problems == {
        "empty": "EMPTY",
        "text": "NOT_AUDIO",
        "missing": "MISSING",
        "outside": "OUTSIDE_ROOTS",
        "dots": "OUTSIDE_ROOTS",
        "link": "OUTSIDE_ROOTS",
    }
    assert site.manifests()["frames"].drop_nulls().to_list() == [0]


def test_a_file_that_lies_beside_its_manifest_is_found_though_its_recorder_calls_the_place_otherwise(
    site: Site,
) -> None:
    record(site.root / "20260608", "a_near", file_path="/var/vrs/recordings/streams/20260608/a_near.wav")
    site.scan()
    row = site.manifests().row(0, named=True)
    assert (row["file_path"], row["file_problem"]) == (str(site.root / "20260608" / "a_near.wav"), None)


def test_links_to_folders_are_not_followed_and_counted(site: Site, tmp_path: Path) -> None:
    record(tmp_path / "elsewhere", "x")
    record(site.root, "a")
    (site.root / "out").symlink_to(tmp_path / "elsewhere")
    (site.root / "loop").symlink_to(site.root)
    (site.root / "itself").symlink_to(site.root / "itself")
    figures = site.scan()
    assert (figures["linked_folders"], figures["folders_listed"]) == (2, 1)
    assert site.names() == {"a.wav"}


def test_a_linked_manifest_is_read_within_the_folders_and_refused_beyond_them(
    site: Site, tmp_path: Path
) -> None:
    outside = record(tmp_path / "elsewhere", "x")
    (site.root / "x.json").symlink_to(outside)
    inside = record(site.root / "day", "y")
    (site.root / "z.json").symlink_to(inside)
    site.scan()
    assert site.names() == {"y.wav"}
    assert [(Path(name).name, reason.split(":")[0]) for name, reason in site.quarantined()] == [
        ("x.json", "OUTSIDE_ROOTS")
    ]


def test_what_is_no_plain_file_is_refused_without_waiting_for_it(site: Site) -> None:
    os.mkfifo(site.root / "pipe.json")
    os.mkfifo(site.root / "pipe.wav")
    (site.root / "folder.json").mkdir()
    (site.root / "a.json").write_text(json.dumps(payload(site.root / "pipe.wav")))
    (site.root / "b.json").write_text(json.dumps(payload("/dev/zero")))
    site.scan()
    assert {row["file_problem"] for row in site.manifests().to_dicts()} == {"NOT_AUDIO", "OUTSIDE_ROOTS"}
    assert [reason.split(":")[0] for _, reason in site.quarantined()] == ["NOT_AUDIO"]


def test_names_that_are_not_utf_8_are_read_like_others_and_known_again(site: Site) -> None:
    folder = site.root / os.fsdecode(b"\xff\\day")
    record(folder, os.fsdecode(b"\xe9_near"), file_path="x.wav")
    (folder / "x.wav").write_bytes(wav())
    settle(folder)
    settle(site.root)
    assert site.scan()["manifests_new"] == 1
    row = site.manifests().row(0, named=True)
    assert row["file_problem"] is None
    assert "not-utf-8:" in row["file_path"]
    with stream_files.open_stream(row["file_path"], [site.root]) as file:
        assert file.read() == wav()
    figures = site.scan()
    assert (figures["folders_seen"], figures["folders_listed"]) == (2, 0)


def test_a_folder_that_vanishes_is_forgotten(site: Site) -> None:
    manifest = record(site.root / "day", "a")
    site.scan()
    manifest.unlink()
    manifest.with_name("a.wav").unlink()
    (site.root / "day").rmdir()
    site.scan()
    with site.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM scanned_file")).scalar_one() == 0
        assert connection.execute(text("SELECT count(*) FROM scanned_folder")).scalar_one() == 1


def refusing(site: Site, name: str, code: int) -> Callable[[str], Any]:
    def scandir(path: str) -> Any:
        if path == str(site.root / name):
            raise OSError(code, os.strerror(code), path)
        return os.scandir(path)

    return scandir


def test_a_folder_that_vanishes_while_it_is_listed_is_no_fault(site: Site) -> None:
    record(site.root / "gone", "a")
    record(site.root / "there", "b")
    site.scan(scandir=refusing(site, "gone", errno.ENOENT))
    assert site.names() == {"b.wav"}


def test_a_folder_that_may_not_be_read_is_told_and_counted_and_read_when_it_may(site: Site) -> None:
    record(site.root / "closed", "a")
    record(site.root / "open", "b")
    for _ in range(2):
        figures = site.scan(scandir=refusing(site, "closed", errno.EACCES))
        assert figures["folders_unreadable"] == 1
    assert [(name, reason[:10]) for name, reason in site.quarantined()] == [
        (str(site.root / "closed"), "UNREADABLE")
    ]
    assert site.names() == {"b.wav"}
    site.scan()
    assert site.names() == {"a.wav", "b.wav"}


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.ENOTCONN])
def test_a_storage_that_fails_is_an_error_after_the_rest_was_stored(site: Site, code: int) -> None:
    record(site.root / "ill", "a")
    record(site.root / "well", "b")
    with pytest.raises(StorageUnavailableError, match="ill"):
        site.scan(scandir=refusing(site, "ill", code))
    assert site.names() == {"b.wav"}
    site.scan()
    assert site.names() == {"a.wav", "b.wav"}


def test_a_root_that_is_not_there_is_an_error(site: Site, tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailableError, match="see whether its storage is mounted"):
        site.scan(folders=(tmp_path / "not mounted",))


def test_a_manifest_that_the_storage_does_not_give_leaves_its_folder_unread(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(site.root, "a")
    record(site.root, "b")
    settle(site.root)
    read = manifest_intake.read_manifest_file

    def failing(path: str, roots: Any) -> Any:
        if path.endswith("a.json"):
            raise StorageUnavailableError(f"{path} cannot be read: stale")
        return read(path, roots)

    with monkeypatch.context() as patch:
        patch.setattr(manifest_intake, "read_manifest_file", failing)
        with pytest.raises(StorageUnavailableError, match="stale"):
            site.scan()
    assert site.names() == {"b.wav"}
    figures = site.scan()
    assert figures["manifests_opened"] == 1
    assert site.names() == {"a.wav", "b.wav"}


@pytest.mark.parametrize("step", ["note_files", "note_folder"])
def test_a_scan_that_is_cut_off_after_a_write_is_made_up_for_by_the_next(
    site: Site, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    record(site.root / "day", "a")
    (site.root / "day" / "b.json").write_text("rubbish")

    def cut_off(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ScannedFolders, step, cut_off)
        with pytest.raises(KeyboardInterrupt):
            site.scan()
    mark = Manifests(site.engine).read(START, START).high_water
    site.scan()
    assert site.names() == {"a.wav"}
    assert len(site.quarantined()) == 1
    assert Manifests(site.engine).read(START, START).high_water == max(mark, 1)


def test_a_manifest_that_may_not_be_read_is_told_once_and_tried_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(site.root, "a")
    settle(site.root)
    opened = stream_files._opened

    def closed(name: str, roots: Any) -> Any:
        if name.endswith(".json"):
            raise PermissionError(errno.EACCES, "Permission denied", name)
        return opened(name, roots)

    with monkeypatch.context() as patch:
        patch.setattr(stream_files, "_opened", closed)
        site.scan()
    assert [reason.split(":")[0] for _, reason in site.quarantined()] == ["UNREADABLE"]
    site.now += timedelta(minutes=11)
    site.scan()
    assert site.names() == {"a.wav"}


def test_a_manifest_larger_than_it_may_be_is_not_read_whole(site: Site) -> None:
    (site.root / "a.json").write_text(json.dumps(payload("/x", note="x" * 10 * 1024 * 1024)))
    site.scan()
    assert [reason.split(":")[0] for _, reason in site.quarantined()] == ["TOO_LONG"]


def test_a_folder_mounted_below_itself_is_gone_through_once(site: Site) -> None:
    record(site.root / "day", "a")
    scans: Iterator[Path] = iter([site.root, site.root / "day"])
    figures = site.scan(folders=tuple(scans))
    assert figures["folders_seen"] == 2
