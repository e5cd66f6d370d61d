"""A recording is played whole and in ranges, by the key of its leg or by its id."""

import httpx
import pytest

from cx_pipeline_tests.adapters.playback.made_recordings import Sealed
from cx_pipeline_tests.gateway.audio.conftest import Stage

AUDIO = bytes(range(256)) * 1000
SIZE = len(AUDIO)


@pytest.fixture(scope="module")
def url(stage: Stage) -> str:
    """The path of a sealed recording of 256,000 bytes."""
    leg = stage.made.leg()
    stage.made.recording(AUDIO, legs=[leg])
    return f"/{leg.key}/recording-file"


@pytest.fixture(scope="module")
def player(stage: Stage) -> httpx.Client:
    """Somebody who may play."""
    return stage.gateway.client("player")


def ranged(player: httpx.Client, url: str, value: str, **headers: str) -> httpx.Response:
    return player.get(url, headers={"Range": value, **headers})


def test_a_recording_is_played_whole(player: httpx.Client, url: str) -> None:
    answer = player.get(url)
    assert (answer.status_code, answer.content) == (200, AUDIO)
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["content-length"] == str(SIZE)
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["vary"] == "Accept"
    assert answer.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=65530-65545", 65_530, 65_546),
        ("bytes=255990-", 255_990, SIZE),
        ("bytes=-10", SIZE - 10, SIZE),
        ("bytes=-999999", 0, SIZE),
        ("bytes=10-999999", 10, SIZE),
        ("Bytes= 5-6", 5, 7),
        ("bytes=5-10,8-20,15-30", 5, 31),
        ("bytes=0-70000", 0, 70_001),
    ],
)
def test_a_range_is_those_very_bytes(
    player: httpx.Client, url: str, asked: str, start: int, end: int
) -> None:
    answer = ranged(player, url, asked)
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert answer.content == AUDIO[start:end]
    assert answer.headers["content-length"] == str(end - start)


def test_several_ranges_are_parts_of_one_answer(player: httpx.Client, url: str) -> None:
    answer = ranged(player, url, "bytes=100000-170000,0-9,-5")
    assert answer.status_code == 206
    kind, _, boundary = answer.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/byteranges"
    assert int(answer.headers["content-length"]) == len(answer.content)
    parts = answer.content.split(f"--{boundary}".encode())
    assert (parts[0], parts[-1]) == (b"", b"--\r\n")
    found = [part.removeprefix(b"\r\n").removesuffix(b"\r\n").partition(b"\r\n\r\n") for part in parts[1:-1]]
    assert [body for _, _, body in found] == [AUDIO[100_000:170_001], AUDIO[:10], AUDIO[-5:]]
    assert [head.split(b"\r\n") for head, _, _ in found] == [
        [b"Content-Type: audio/wav", f"Content-Range: bytes {each}/{SIZE}".encode()]
        for each in ("100000-170000", "0-9", f"{SIZE - 5}-{SIZE - 1}")
    ]


@pytest.mark.parametrize(
    "asked",
    [
        f"bytes={SIZE}-",
        "bytes=999999-9999999",
        "bytes=-0",
        "bytes=" + ",".join(f"{n * 1000}-{n * 1000 + 1}" for n in range(33)),
        "bytes=" + ",".join(["0-"] * 500),
    ],
)
def test_what_lies_outside_or_is_too_much_is_not_satisfiable(
    player: httpx.Client, url: str, asked: str
) -> None:
    answer = ranged(player, url, asked)
    assert (answer.status_code, answer.content) == (416, b"")
    assert answer.headers["content-range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "asked", ["bytes=5-4", "bytes=a-b", "bytes", "bytes=", "lines=0-1", "bytes=٠-٥", "0-5"]
)
def test_a_range_that_cannot_be_read_is_as_none(player: httpx.Client, url: str, asked: str) -> None:
    answer = player.get(url, headers=[(b"range", asked.encode())])
    assert (answer.status_code, len(answer.content)) == (200, SIZE)


def test_a_head_tells_the_size_and_sends_nothing(player: httpx.Client, url: str) -> None:
    answer = player.head(url, headers={"Range": "bytes=0-5"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(SIZE)
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["etag"] == player.get(url).headers["etag"]


def test_what_is_known_by_its_tag_is_not_sent_again(player: httpx.Client, url: str) -> None:
    tag = player.head(url).headers["etag"]
    assert not tag.startswith("W/")
    known = player.get(url, headers={"If-None-Match": f'"other", W/{tag}'})
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", tag)
    assert player.get(url, headers={"If-None-Match": '"other"'}).status_code == 200
    assert player.get(url, headers={"If-Match": '"other"'}).status_code == 412
    assert player.get(url, headers={"If-Match": tag}).status_code == 200


def test_a_range_of_another_version_is_the_whole(player: httpx.Client, url: str) -> None:
    head = player.head(url).headers
    assert ranged(player, url, "bytes=0-9", **{"If-Range": head["etag"]}).status_code == 206
    for other in ('"other"', f"W/{head['etag']}", "Mon, 02 Mar 2020 10:00:00 GMT"):
        answer = ranged(player, url, "bytes=0-9", **{"If-Range": other})
        assert (answer.status_code, len(answer.content)) == (200, SIZE)
    # Written a moment ago, it may change again within the second that the date tells.
    assert ranged(player, url, "bytes=0-9", **{"If-Range": head["last-modified"]}).status_code == 200


def test_a_replaced_recording_keeps_its_link_and_gets_another_tag(stage: Stage, player: httpx.Client) -> None:
    leg = stage.made.leg()
    old = stage.made.recording(b"old", legs=[leg], is_current=False)
    new = stage.made.recording(b"newer", legs=[leg])
    by_key, by_old_id = player.get(f"/{leg.key}/recording-file"), player.get(f"/recordings/{old}/audio")
    assert by_key.content == by_old_id.content == b"newer"
    assert by_key.headers["etag"] == player.get(f"/recordings/{new}/audio").headers["etag"]
    assert new in by_key.headers["content-disposition"]


@pytest.mark.parametrize(
    ("format", "media_type"),
    [("flac", "audio/flac"), ("opus", "audio/ogg; codecs=opus"), ("mp3", "audio/mpeg")],
)
def test_each_format_has_its_type(stage: Stage, player: httpx.Client, format: str, media_type: str) -> None:
    answer = player.get(f"/recordings/{stage.made.recording(format=format)}/audio")
    assert (answer.headers["content-type"], answer.content) == (media_type, b"some audio")


@pytest.mark.parametrize("sealing", ["gcm", "cfb", "none"])
def test_however_it_is_sealed_the_same_bytes_are_heard(
    stage: Stage, player: httpx.Client, sealing: Sealed
) -> None:
    recording_id = stage.made.recording(AUDIO, sealing=sealing)
    assert (
        ranged(player, f"/recordings/{recording_id}/audio", "bytes=65000-135000").content
        == AUDIO[65_000:135_001]
    )


def test_an_empty_recording_has_no_ranges(stage: Stage, player: httpx.Client) -> None:
    path = f"/recordings/{stage.made.recording(b'')}/audio"
    assert (player.get(path).status_code, player.get(path).content) == (200, b"")
    assert ranged(player, path, "bytes=0-").status_code == 416


def test_a_screen_recording_is_played_by_the_key_of_its_leg(stage: Stage, player: httpx.Client) -> None:
    leg = stage.made.leg(number="screen")
    stage.made.screen(b"moving pictures", "2026-03-02/one.mp4", leg=leg)
    answer = ranged(player, f"/{leg.key}/screen-recording-file", "bytes=7-14")
    assert (answer.status_code, answer.content) == (206, b"pictures")
    assert answer.headers["content-type"] == "video/mp4"
