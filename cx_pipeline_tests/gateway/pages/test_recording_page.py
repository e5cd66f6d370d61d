"""The page of a recording over HTTP: what it tells, to whom, and that names in it are only names."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from cx_pipeline.core.linking.signing import recording_path, signed_url
from cx_pipeline.core.recording.mix_plan import PlanWarning
from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline_tests.adapters.playback.made_recordings import MadeRecordings
from cx_pipeline_tests.gateway.pages.conftest import SAMPLE_S, Stage
from cx_pipeline_tests.gateway.pages.recorded_calls import START, RecordedCall, leg_row, talk
from cx_pipeline_tests.gateway.running import LINK_KEY

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'"
FAR_FUTURE_S = 4_000_000_000


def path_of(call: RecordedCall) -> str:
    return f"/recordings/{call.recording_id}"


def data_of(page: str) -> dict[str, Any]:
    """What the page hands to its script."""
    [block] = re.findall(r'<script type="application/json" id="recording-data">(.*?)</script>', page)
    found: dict[str, Any] = json.loads(block)
    return found


def text_of(page: str) -> str:
    """What is read on the page."""
    body = page.partition("<main")[2]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def link_to(stage: Stage, call: RecordedCall) -> str:
    path = recording_path(call.legs[0]["leg_key"])
    return signed_url(stage.gateway.url, path, "acme", FAR_FUTURE_S, LINK_KEY.encode())


def small(stage: Stage, **changed: Any) -> RecordedCall:
    """A short recording of one leg."""
    row = changed.pop("leg", None) or leg_row()
    stage.calls.legs(row)
    return stage.calls.recording([talk(1, [(0, 1)]), talk(1, [(0, 1)], 2)], [row], **changed)


def test_it_tells_who_talked_when_and_what_came_of_it(stage: Stage) -> None:
    page = text_of(stage.page(path_of(stage.samples.transferred)))
    for told in (
        "+4930901820 with Anna Muster (1005)", "Inbound", "Transfer after consultation", "8001", "Invoice explained",
        "Ben Okafor (1017)", "0:37", "WAV, stereo, 8000 Hz", "stored encrypted", "12 seconds", "UTC",
    ):  # fmt: skip
        assert told in page


def test_holds_masks_and_transfers_are_marked_drawn_and_explained_in_words(stage: Stage) -> None:
    html = stage.page(path_of(stage.samples.transferred))
    unit = SAMPLE_S / 60
    kinds = [(mark["kind"], mark["start_ms"], mark["end_ms"]) for mark in data_of(html)["marks"]]
    assert kinds == [
        ("hold", round(25_500 * unit), round(34_500 * unit)),
        ("mask", round(46_200 * unit), round(49_800 * unit)),
        ("transfer", round(59_400 * unit), None),
    ]
    assert html.count('<rect class="hold" x="42.500%" width="15.000%"') == 2  # on both lanes
    page = text_of(html)
    for told in (
        "On hold: the other party waits",
        "Masked: not recorded on purpose",
        "Transfer to Ben Okafor (1017)",
    ):
        assert told in page


def test_a_warning_is_told_in_words_with_what_was_found(stage: Stage) -> None:
    page = text_of(stage.page(path_of(stage.samples.transferred)))
    assert "One side of the talk is missing" in page
    assert "the far end of 1005 is missing for" in page
    assert "clock of recorder recorder-2" in page


def test_a_conference_has_a_lane_for_each_voice_and_says_who_comes_and_goes(stage: Stage) -> None:
    html = stage.page(path_of(stage.samples.conference))
    found = data_of(html)
    assert [channel["role"] for channel in found["channels"]] == ["agent", "other", "agent", "other"]
    assert [mark["kind"] for mark in found["marks"]] == ["join", "conference", "leave"]
    page = text_of(html)
    assert "Chiara Rossi (1023) joins" in page
    assert "Anna Muster (1005) leaves" in page


def test_one_channel_with_all_voices_is_called_so(stage: Stage) -> None:
    row = leg_row()
    stage.calls.legs(row)
    call = stage.calls.recording(
        [talk(1, [(0, 1)])],
        [row],
        channel_names=("near and far 1005",),
        parameters=MixParameters(layout="mono"),
    )
    html = stage.page(path_of(call))
    assert [channel["role"] for channel in data_of(html)["channels"]] == ["both"]
    assert "All voices" in text_of(html)
    assert 'id="channels"' not in html


@pytest.mark.parametrize("format", ["flac", "opus", "mp3"])
def test_other_formats_have_their_page_and_picture(stage: Stage, format: str) -> None:
    call = small(stage, parameters=MixParameters(format=format))
    found = data_of(stage.page(path_of(call)))
    assert found["mediaType"].startswith("audio/")
    peaks = stage.gateway.client("all").get(found["peaksUrl"]).json()
    assert len(peaks["channels"]) == 2
    assert max(peaks["channels"][0]["peak"]) > 10


def test_the_picture_comes_by_the_recordings_own_address_and_is_made_once(stage: Stage) -> None:
    call = small(stage)
    client = stage.gateway.client("player")
    first = client.get(f"{path_of(call)}/peaks")
    assert first.status_code == 200
    assert first.json()["durationMs"] == 1000
    assert first.json()["channels"][0]["speech"][0][0] < 300
    stage.calls.settings.recordings_folder.joinpath("acme").rename(
        stage.calls.settings.recordings_folder / "away"
    )
    try:
        again = client.get(f"{path_of(call)}/audio", params={"view": "peaks"})
    finally:
        stage.calls.settings.recordings_folder.joinpath("away").rename(
            stage.calls.settings.recordings_folder / "acme"
        )
    assert again.content == first.content
    assert stage.gateway.client("reader").get(f"{path_of(call)}/peaks").status_code == 403
    assert stage.gateway.client("globex").get(f"{path_of(call)}/peaks").status_code == 404


def test_names_and_texts_from_outside_are_text_and_nothing_else(stage: Stage) -> None:
    row = leg_row(
        agent_name=EVIL, customer_identifier=EVIL, wrap_up=EVIL, service_identifier=EVIL, transferred_to=EVIL
    )
    call = small(
        stage,
        leg=row,
        markers=[("TRANSFER", 0.5, f"to {EVIL}")],
        warnings=(PlanWarning("one_sided", EVIL), PlanWarning("<b>new</b>", EVIL)),
    )
    for html in (
        stage.page(path_of(call)),
        stage.page("/calls", **{"from": "2026-03-02", "to": "2026-03-02"}),
    ):
        assert "alert(1)&lt;/script&gt;" in html
        assert "<script>" not in html
        assert "<img src=x" not in html
        assert "<b>new" not in html
        scripts = re.findall(r"<script[^>]*>", html)
        assert all('src="/static/' in script or "application/json" in script for script in scripts)
        assert "style=" not in html
    assert EVIL in data_of(stage.page(path_of(call)))["marks"][0]["text"]


def test_download_is_offered_only_to_who_may(stage: Stage) -> None:
    path = path_of(stage.samples.transferred)
    assert "/download" in stage.page(path, "acme")
    assert "/download" not in stage.page(path, "player")


def test_who_may_read_but_not_play_sees_the_facts_without_a_player(stage: Stage) -> None:
    html = stage.page(path_of(stage.samples.transferred), "reader")
    assert "<audio" not in html
    assert "but not play it" in html
    assert "Invoice explained" in html


def test_another_tenants_recording_and_none_at_all_get_the_same_answer(stage: Stage) -> None:
    theirs = stage.answer(path_of(stage.samples.transferred), "globex")
    nobodys = stage.answer("/recordings/00000000-0000-8000-8000-999999999999", "globex")
    assert (theirs.status_code, theirs.content) == (404, nobodys.content)


def test_a_signed_link_followed_by_a_browser_is_the_page_that_plays_itself(stage: Stage) -> None:
    link = link_to(stage, stage.samples.transferred)
    html = stage.page(link, None)
    [source] = re.findall(r'<audio id="audio" src="([^"]+)"', html)
    assert source.replace("&amp;", "&") == link.removeprefix(stage.gateway.url)
    client = stage.gateway.client()
    assert client.get(source.replace("&amp;", "&"), headers={"Range": "bytes=0-3"}).content == b"RIFF"
    assert client.get(data_of(html)["peaksUrl"]).json()["durationMs"] == SAMPLE_S * 1000
    # It opens this recording and nothing else.
    assert "/calls" not in html
    assert "/recordings/" not in html
    assert "Ben Okafor" in html


def test_other_legs_are_links_where_they_are_recorded(stage: Stage) -> None:
    first = leg_row(agent_name="Dora First")
    second = leg_row(agent_name="Emil Second", agent_extension="1018", call_id=first["call_id"], leg_number=2)
    stage.calls.legs(first, second)
    voices = [talk(1, [(0, 1)]), talk(1, [])]
    one, two = (stage.calls.recording(voices, [each]) for each in (first, second))
    assert f'<a href="{path_of(two)}">Emil Second</a>' in stage.page(path_of(one))
    assert f'<a href="{path_of(one)}">Dora First</a>' in stage.page(path_of(two))


def test_a_recording_that_was_made_anew_tells_of_its_earlier_version(stage: Stage) -> None:
    row = leg_row()
    stage.calls.legs(row)
    voices = [talk(1, [(0, 1)]), talk(1, [])]
    old, new = (stage.calls.recording(voices, [row]) for _ in range(2))
    page = stage.page(path_of(new))
    assert "An earlier one" in page
    # Links to the earlier one lead to the one that counts.
    assert f"{path_of(new)}" in page or data_of(stage.page(path_of(old)))["durationMs"] == 1000


def test_a_recording_without_a_leg_or_description_still_has_its_page(stage: Stage) -> None:
    made = MadeRecordings(stage.calls.settings, stage.engine)
    html = stage.page(f"/recordings/{made.recording()}")
    assert "an unknown agent" in text_of(html)
    assert data_of(html)["marks"] == []
    assert [channel["role"] for channel in data_of(html)["channels"]] == ["agent", "other"]


def test_holds_of_the_events_are_marked_where_the_recorder_says_nothing(stage: Stage) -> None:
    made = MadeRecordings(stage.calls.settings, stage.engine)
    hold = {
        "start_time": (START + timedelta(seconds=0.25)).isoformat(),
        "end_time": (START + timedelta(seconds=0.5)).isoformat(),
        "duration_ms": 250,
        "is_synthetic": False,
    }
    row = leg_row(hold_segments=[hold])
    stage.calls.legs(row)
    recording_id = made.recording(start_time=START, call_id=row["call_id"], leg_id=row["leg_id"])
    marks = data_of(stage.page(f"/recordings/{recording_id}"))["marks"]
    assert [(mark["kind"], mark["start_ms"], mark["end_ms"]) for mark in marks] == [("hold", 250, 500)]


def test_the_screen_of_a_leg_is_shown_beside_its_voice(stage: Stage) -> None:
    made = MadeRecordings(stage.calls.settings, stage.engine)
    leg = made.leg()
    made.screen(b"video", "20260302/x.mp4", leg=leg)
    html = stage.page(f"/recordings/{made.recording(legs=[leg])}")
    [source] = re.findall(r'<video class="screen" src="([^"]+)"', html)
    assert stage.gateway.client("player").get(source).content == b"video"


def test_pages_are_not_kept_and_let_nothing_in_from_elsewhere(stage: Stage) -> None:
    headers = stage.answer(path_of(stage.samples.transferred)).headers
    assert headers["cache-control"] == "no-store"
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert "Accept" in headers["vary"]
