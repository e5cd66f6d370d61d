"""What is not there, not theirs, erased or damaged is not played, and nobody learns more than that."""

import json
import time
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest

from cx_pipeline.adapters.playback import kept_readers
from cx_pipeline.core.linking.signing import recording_path, screen_path, signed_url
from cx_pipeline_tests.gateway.audio.conftest import Stage
from cx_pipeline_tests.gateway.running import LINK_KEY

NOT_FOUND = {"type": "about:blank", "title": "Not found", "status": 404}
KEY = "abc:1005:555:1772445600"


def told(answer: httpx.Response) -> tuple[int, object, Mapping[str, str]]:
    """All that an answer tells, but for its date."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "x-request-id")}
    return answer.status_code, answer.json() if answer.content else None, headers


def test_another_tenants_recording_is_as_one_that_is_not_there(stage: Stage) -> None:
    leg = stage.made.leg()
    recording_id = stage.made.recording(b"private", legs=[leg])
    nowhere = stage.made.new_id()
    stranger = stage.gateway.client("globex")
    for theirs, none in (
        (f"/{leg.key}/recording-file", f"/{nowhere}:1005:555:1772445600/recording-file"),
        (f"/recordings/{recording_id}/audio", f"/recordings/{nowhere}/audio"),
        (f"/recordings/{recording_id}", f"/recordings/{nowhere}"),
        (f"/mixer/recordings/{recording_id}", f"/mixer/recordings/{nowhere}"),
        (f"/mixer/recordings/{recording_id}/download", f"/mixer/recordings/{nowhere}/download"),
        (f"/mixer/jobs/{recording_id}", f"/mixer/jobs/{nowhere}"),
    ):
        assert stage.gateway.client("acme").get(theirs).status_code == 200, theirs
        refused = told(stranger.get(theirs))
        assert refused[:2] == (404, NOT_FOUND)
        assert refused == told(stranger.get(none))
        assert stranger.head(theirs).status_code == 404


def test_who_sees_all_tenants_plays_any_and_is_asked_which_where_two_fit(stage: Stage) -> None:
    ours = stage.made.leg(tenant_id="acme")
    stage.made.recording(b"ours", legs=[ours])
    path = f"/{ours.key}/recording-file"
    theirs = stage.made.leg(tenant_id="globex", call_id=ours.call_id)
    stage.made.recording(b"theirs", legs=[theirs], tenant_id="globex")
    everybody = stage.gateway.client("all")
    assert everybody.get(path).status_code == 409
    alone = stage.made.leg(tenant_id="globex")
    stage.made.recording(b"alone", legs=[alone], tenant_id="globex")
    assert everybody.get(f"/{alone.key}/recording-file").content == b"alone"
    assert stage.gateway.client("acme").get(path).content == b"ours"
    assert stage.gateway.client("globex").get(path).content == b"theirs"


@pytest.mark.parametrize(
    "key",
    [
        "..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%2e%2e%2fsecret", "a%2Fb", "%00", f"{KEY}%00", f"%00{KEY}", "%ff",
        f"..%5c{KEY}", f"../{KEY}", f"%2e%2e/{KEY}", f"%252e%252e%252f{KEY}", f"%0d%0aX:{KEY}", "a" * 5000, ":" * 3000,
        f"{'a:' * 400}:1005:555:1772445600", "%E2%80%AE" + KEY, "%D0%BA%D0%BB%D1%8E%D1%87:1005:555:1772445600", KEY, "::::",
        "abc:1005:555:99999999999999999999", "abc:1005:555:-5", "abc:1005:555:NaN", "'%20OR%201=1;--:1005:555:1772445600",
    ],
)  # fmt: skip
@pytest.mark.parametrize("file", ["recording-file", "screen-recording-file"])
def test_a_key_that_leads_nowhere_or_elsewhere_is_refused_like_any_other(
    stage: Stage, key: str, file: str
) -> None:
    # By a client that leaves the path as it is.
    connection = HTTPConnection(stage.gateway.url.removeprefix("http://"), timeout=30)
    with closing(connection):
        connection.request(
            "GET", f"/{key}/{file}", headers={"Authorization": f"Bearer {stage.gateway.tokens['player']}"}
        )
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())) == (404, NOT_FOUND)


@pytest.mark.parametrize(
    "id", ["..%2f..", "%00", "1", "not-a-uuid", "0" * 32, "{00000000-0000-8000-8000-000000000001}"]
)
def test_an_id_that_is_none_is_not_found(stage: Stage, id: str) -> None:
    client = stage.gateway.client("all")
    for path in (
        f"/recordings/{id}",
        f"/recordings/{id}/audio",
        f"/mixer/jobs/{id}",
        f"/mixer/recordings/{id}/download",
    ):
        assert client.get(path).status_code == 404, path


def test_without_the_scope_nothing_is_played_or_told(stage: Stage) -> None:
    leg = stage.made.leg()
    recording_id = stage.made.recording(b"private", legs=[leg])
    play, meta = f"/{leg.key}/recording-file", f"/recordings/{recording_id}"
    download, job = f"/mixer/recordings/{recording_id}/download", f"/mixer/jobs/{recording_id}"
    for path in (play, meta, download, job, f"{meta}/audio", f"/mixer/recordings/{recording_id}"):
        assert stage.gateway.client(None).get(path).status_code == 401
        assert stage.gateway.client("nothing").get(path).status_code == 403
        assert stage.gateway.client("expired").get(path).status_code == 401
    assert stage.gateway.client("reader").get(play).status_code == 403
    assert stage.gateway.client("player").get(download).status_code == 403
    assert stage.gateway.client("player").get(job).status_code == 403


def test_a_signed_link_plays_what_it_was_made_for_and_nothing_else(stage: Stage) -> None:
    leg, other = stage.made.leg(), stage.made.leg()
    recording_id = stage.made.recording(b"signed", legs=[leg])
    stage.made.recording(b"not signed", legs=[other])
    stage.made.screen(b"screen", "signed.mp4", leg=leg)
    in_a_while = round(time.time()) + 3600

    def link(path: str, tenant: str = "acme", expires_s: int = in_a_while) -> str:
        return signed_url(stage.gateway.url, path, tenant, expires_s, LINK_KEY.encode())

    anybody = stage.gateway.client(None)
    good = link(recording_path(leg.key))
    query = good.partition("?")[2]
    assert anybody.get(good).content == b"signed"
    assert anybody.get(good, headers={"Range": "bytes=2-"}).content == b"gned"
    assert anybody.get(link(screen_path(leg.key))).content == b"screen"
    assert anybody.get(link(recording_path(leg.key), tenant="globex")).status_code == 404
    assert anybody.get(link(recording_path(leg.key), expires_s=in_a_while - 7200)).status_code == 401
    for elsewhere in (recording_path(other.key), screen_path(leg.key), f"/recordings/{recording_id}/audio"):
        assert anybody.get(f"{elsewhere}?{query}").status_code == 401
    assert anybody.get(good.replace("tenant=acme", "tenant=globex")).status_code == 401
    assert anybody.get(good[:-2]).status_code == 401


@pytest.fixture
def is_checked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each read ask whether it still may, not only one every two seconds."""
    monkeypatch.setattr(kept_readers, "CHECKED_FOR_S", 0.0)


@pytest.mark.usefixtures("is_checked_at_once")
def test_an_erased_recording_falls_silent(stage: Stage) -> None:
    player, leg = stage.gateway.client("player"), stage.made.leg()
    recording_id = stage.made.recording(bytes(3_000_000), legs=[leg])
    path = f"/{leg.key}/recording-file"
    assert player.get(path, headers={"Range": "bytes=0-9"}).status_code == 206
    stage.made.erase(recording_id)
    gone = player.get(path, headers={"Range": "bytes=0-9"})
    assert (gone.status_code, gone.json()["title"]) == (410, "Gone")
    assert "destroyed" not in gone.text


@pytest.mark.usefixtures("is_checked_at_once")
def test_an_erased_recording_is_cut_in_mid_stream(stage: Stage) -> None:
    player = stage.gateway.client("player")
    recording_id = stage.made.recording(bytes(20_000_000))
    with player.stream("GET", f"/recordings/{recording_id}/audio") as answer:
        blocks = answer.iter_raw(65_536)
        next(blocks)
        stage.made.erase(recording_id)
        with pytest.raises(httpx.RemoteProtocolError):
            for _ in blocks:
                pass
        assert answer.num_bytes_downloaded < 20_000_000


def flip(file: Path, place: int) -> None:
    """Change one bit of a file."""
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


def test_a_broken_seal_is_told_before_the_first_byte_and_cuts_after_it(stage: Stage) -> None:
    player = stage.gateway.client("player")
    recording_id = stage.made.recording(bytes(1_000_000))
    flip(stage.made.path_of(recording_id), 500_000)
    path = f"/recordings/{recording_id}/audio"
    assert player.get(path, headers={"Range": "bytes=0-99"}).status_code == 206
    damaged = player.get(path, headers={"Range": "bytes=480000-530000"})
    assert (damaged.status_code, damaged.json()["title"]) == (502, "Damaged")
    assert str(stage.gateway.settings.home) not in damaged.text
    with pytest.raises(httpx.RemoteProtocolError):
        player.get(path)


def test_a_file_that_is_gone_or_changed_is_told_without_its_place(stage: Stage) -> None:
    player = stage.gateway.client("player")
    gone, cut = stage.made.recording(b"gone"), stage.made.recording(b"cut")
    stage.made.path_of(gone).unlink()
    stage.made.path_of(cut).write_bytes(b"short")
    assert told(player.get(f"/recordings/{gone}/audio"))[:2] == (404, NOT_FOUND)
    assert player.get(f"/recordings/{cut}/audio").status_code == 502


@pytest.mark.parametrize("state", ["FAILED", "SKIPPED", "MIXING"])
def test_what_is_not_finished_cannot_be_played(stage: Stage, state: str) -> None:
    leg = stage.made.leg()
    recording_id = stage.made.recording(legs=[leg], state=state)
    player = stage.gateway.client("player")
    for path in (
        f"/{leg.key}/recording-file",
        f"/recordings/{recording_id}/audio",
        f"/recordings/{recording_id}",
    ):
        assert player.get(path).status_code == 404


def test_a_discarded_recording_cannot_be_played(stage: Stage) -> None:
    leg = stage.made.leg()
    recording_id = stage.made.recording(legs=[leg], is_current=False)
    player = stage.gateway.client("player")
    assert player.get(f"/{leg.key}/recording-file").status_code == 404
    assert player.get(f"/recordings/{recording_id}/audio").status_code == 404


def test_a_screen_recording_outside_of_its_folder_is_never_opened(stage: Stage, tmp_path: Path) -> None:
    player, leg = stage.gateway.client("player"), stage.made.leg()
    stage.made.screen(b"inside", "linked.mp4", leg=leg)
    root = stage.gateway.settings.screen_root
    assert root is not None
    (tmp_path / "secret").write_bytes(b"outside")
    (root / "linked.mp4").unlink()
    (root / "linked.mp4").symlink_to(tmp_path / "secret")
    assert told(player.get(f"/{leg.key}/screen-recording-file"))[:2] == (404, NOT_FOUND)


def test_a_screen_recording_of_no_known_leg_is_nobodys(stage: Stage) -> None:
    start = 1772445600
    stage.made.screen(b"whose?", "unknown.mp4", dialog_id="unclaimed")
    path = f"/unclaimed:1005:555:{start}/screen-recording-file"
    assert stage.gateway.client("player").get(path).status_code == 404
    assert stage.gateway.client("all").get(path).content == b"whose?"
