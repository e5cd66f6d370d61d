"""A live site at work: everything at its time, each thing once, through a real door."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pydantic import SecretStr

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.simulator.live.actions import EventHeard
from cx_pipeline.simulator.live.door import open_door
from cx_pipeline.simulator.live.playing import Played, Player
from cx_pipeline.simulator.live.recorder_files import leave_file
from cx_pipeline.simulator.live.site import LiveSite, files_left
from cx_pipeline_tests.simulator.live.sites import RecordingDoor, Time, to_be_played


class Gateway(ThreadingHTTPServer):
    """Takes everything, but for the first request, and notes it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.answers = [503]
        self.taken: list[tuple[str, str | None, bytes]] = []

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Taking(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Gateway

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.answers.pop(0) if self.server.answers else 202
        if status == 202:
            self.server.taken.append((self.path, self.headers.get("Authorization"), body))
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


@contextmanager
def gateway() -> Iterator[Gateway]:
    server = Gateway()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def played(site: LiveSite, folder: Path, door: Any, time: Time) -> Played:
    own = to_be_played(site, folder / "staging")
    return Player(door, folder / "streams", clock=time, sleep=time.sleep).play(own)


def test_everything_goes_through_the_gateway_once_and_in_order(site: LiveSite, tmp_path: Path) -> None:
    time = Time(site.plan.begins)
    with gateway() as server, open_door(server.url, SecretStr("secret")) as door:
        done = played(site, tmp_path, door, time).done
    lines = [line for path, _, body in server.taken if path == "/events" for line in body.splitlines()]
    assert lines == [action.line for action in site.actions if isinstance(action, EventHeard)]
    assert {token for _, token, _ in server.taken} == {"Bearer secret"}
    told = [json.loads(body)["filePath"] for path, _, body in server.taken if path == "/mixer/sip-data"]
    streams = (tmp_path / "streams").resolve()
    assert told == [str(streams / action.order.path) for action in files_left(site) if action.is_told]
    for path, kind in {
        "/call-ended": "CallEnded",
        "/recorders/heartbeat": "RecorderBeat",
        "/listeners/heartbeat": "ListenerBeat",
    }.items():
        assert sum(taken == path for taken, _, _ in server.taken) == done[kind] > 0


def test_each_action_is_done_at_its_time_and_what_is_past_at_once(site: LiveSite, tmp_path: Path) -> None:
    time = Time(site.plan.begins)
    at: list[datetime] = []

    class Noting(RecordingDoor):
        def tell_events(self, lines: Sequence[bytes]) -> None:
            at.extend([time.now] * len(lines))

    report = played(site, tmp_path, Noting(), time)
    due = [action.due for action in site.actions if isinstance(action, EventHeard)]
    late = [moment - max(wanted, site.plan.begins) for moment, wanted in zip(at, due, strict=True)]
    assert timedelta() <= min(late)
    assert max(late) < timedelta(milliseconds=1)
    assert report.behind == 0
    assert time.now >= site.plan.ends


def test_who_is_slow_falls_behind_and_says_so(site: LiveSite, tmp_path: Path) -> None:
    time = Time(site.plan.begins)

    class Slow(RecordingDoor):
        def tell(self, path: str, document: Mapping[str, Any]) -> None:
            time.sleep(2)

    report = played(site, tmp_path, Slow(), time)
    assert report.behind > 0
    assert report.most_behind_s > 2


def test_files_stand_whole_in_the_folder_with_manifests_that_name_them(
    site: LiveSite, tmp_path: Path
) -> None:
    report = played(site, tmp_path, RecordingDoor(), Time(site.plan.begins))
    streams = (tmp_path / "streams").resolve()
    found = {path.relative_to(streams).as_posix() for path in streams.rglob("*") if path.is_file()}
    names = {action.order.path for action in files_left(site)}
    assert found == names | {name.removesuffix(".wav") + ".json" for name in names}
    assert set(report.files_at) == names
    for name in names:
        manifest = json.loads((streams / name).with_suffix(".json").read_text())
        assert manifest["filePath"] == str(streams / name)
        assert manifest["fileSize"] == (streams / name).stat().st_size > 44


def test_events_are_told_before_the_files_that_are_due_with_them(site: LiveSite, tmp_path: Path) -> None:
    door = RecordingDoor()
    played(site, tmp_path, door, Time(site.plan.ends + timedelta(seconds=10)))
    kinds = [kind for kind, _ in door.told]
    assert kinds.index("/mixer/sip-data") > max(place for place, kind in enumerate(kinds) if kind == "event")


def test_a_gateway_that_refuses_ends_it_at_once(site: LiveSite, tmp_path: Path) -> None:
    with gateway() as server, open_door(server.url, None) as door:
        server.answers = [403]
        with pytest.raises(ConfigurationError, match="403"):
            door.tell("/call-ended", {})
        server.answers = [403]
        with pytest.raises(ConfigurationError, match="403"):
            door.tell_events([b"{}"])


def test_a_file_that_is_not_there_is_named(site: LiveSite, tmp_path: Path) -> None:
    order = next(iter(files_left(site))).order
    with pytest.raises(ConfigurationError, match=Path(order.path).stem):
        leave_file(order, tmp_path / "nowhere", tmp_path / "streams")
