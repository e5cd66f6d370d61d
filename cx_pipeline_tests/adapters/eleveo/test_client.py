"""The client against a fake Eleveo over HTTP, with each way in which one fails."""

import asyncio
import io
import logging
import traceback
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote_plus

import pytest

from cx_pipeline.adapters.eleveo import client as client_module
from cx_pipeline.adapters.eleveo.client import EleveoClient, open_eleveo
from cx_pipeline.adapters.eleveo.connections import site_of
from cx_pipeline.adapters.eleveo.sessions import REFUSED_FOR_S, EleveoSessions
from cx_pipeline.core.errors import ConfigurationError, CxError, DestinationUnavailableError, InputError
from cx_pipeline.settings import Settings
from cx_pipeline.simulator.eleveo.behaviour import Behaviour, EndPoint, Way
from cx_pipeline.simulator.eleveo.running import RunningEleveo
from cx_pipeline.simulator.eleveo.sound import file_of
from cx_pipeline_tests.adapters.eleveo.conftest import HELD, PASSWORD, START, couple, settings_of

T = TypeVar("T")
END = START + timedelta(seconds=10)


def ask(
    settings: Settings,
    work: Callable[[EleveoClient], Awaitable[T]],
    sessions: EleveoSessions | None = None,
) -> T:
    async def asked() -> T:
        async with open_eleveo(site_of(settings), sessions) as client:
            return await work(client)

    return asyncio.run(asked())


def search(settings: Settings, call_id: str = "7/1") -> list[str]:
    couples, unreadable = ask(settings, lambda client: client.couples(call_id, START, END))
    assert unreadable == 0
    return [each.couple_id for each in couples]


def fetch(settings: Settings, sid: str = "1_7-1") -> bytes:
    target = io.BytesIO(b"what was there before, and is longer than nothing" * 10_000)
    ask(settings, lambda client: client.download(sid, target))
    return target.getvalue()


def test_a_call_s_couples_are_found_by_its_id(eleveo: RunningEleveo, settings: Settings) -> None:
    assert search(settings) == ["1", "2", "3"]
    assert search(settings, "8/1") == []
    assert eleveo.seen.searched == ["7/1", "8/1"]


@pytest.mark.parametrize("audio_format", ["wav", "mp3"])
def test_a_couple_s_file_comes_byte_by_byte(
    eleveo: RunningEleveo, settings: Settings, audio_format: Any
) -> None:
    eleveo.behaviour.audio_format = audio_format
    assert fetch(settings) == file_of(HELD[0], audio_format)


@pytest.mark.parametrize(
    ("behaviour", "requests"),
    [
        (Behaviour(page_size=10), 3),
        (Behaviour(page_size=10, tells_total=False, lists="couples"), 4),
        (Behaviour(knows_pages=False), 1),
        (Behaviour(knows_pages=False, tells_total=False), 2),
    ],
)
def test_all_pages_are_read(
    eleveo: RunningEleveo, settings: Settings, behaviour: Behaviour, requests: int
) -> None:
    eleveo.begin_anew([couple(n, "1_7", n / 10, n / 10 + 1) for n in range(1, 26)], behaviour)
    assert len(search(settings)) == 25
    assert eleveo.seen.requests["search"] == requests


@pytest.mark.parametrize("end_point", ["login", "search", "token", "download"])
@pytest.mark.parametrize("way", ["error", "throttle", "drop"])
def test_what_may_pass_is_tried_again(
    eleveo: RunningEleveo, settings: Settings, end_point: EndPoint, way: Way
) -> None:
    eleveo.behaviour.plan(end_point, way, way)
    assert fetch(settings) == file_of(HELD[0], "wav")
    assert search(settings) == ["1", "2", "3"]


@pytest.mark.parametrize("end_point", ["login", "search"])
def test_what_does_not_pass_is_an_error_that_may_pass(
    eleveo: RunningEleveo, settings: Settings, end_point: EndPoint
) -> None:
    eleveo.behaviour.plan(end_point, "error", "error", "error")
    with pytest.raises(DestinationUnavailableError, match="503"):
        search(settings)
    assert eleveo.seen.requests[end_point] == 3


def test_an_eleveo_that_is_not_there_is_an_error_that_may_pass(eleveo: RunningEleveo, tmp_path: Path) -> None:
    settings = settings_of(eleveo, tmp_path, url="http://127.0.0.1:9")
    with pytest.raises(DestinationUnavailableError, match="ConnectError"):
        search(settings)


def test_no_answer_ends_at_the_read_timeout_and_a_slow_one_at_the_total(
    eleveo: RunningEleveo, tmp_path: Path
) -> None:
    eleveo.behaviour.plan("search", "hang", "hang", "hang")
    with pytest.raises(DestinationUnavailableError, match="ReadTimeout"):
        search(settings_of(eleveo, tmp_path, read_timeout_s=0.1))
    eleveo.behaviour.plan("download", "drip")
    with pytest.raises(
        DestinationUnavailableError, match=r"more than 0\.6 s for the download of couple 1_7-1"
    ):
        fetch(settings_of(eleveo, tmp_path, total_timeout_s=0.6))


def test_a_slow_answer_within_the_timeouts_is_waited_for(eleveo: RunningEleveo, settings: Settings) -> None:
    eleveo.behaviour.answer_s = 0.15
    assert search(settings) == ["1", "2", "3"]


def test_a_download_that_is_cut_off_is_begun_anew_and_holds_nothing_of_the_first(
    eleveo: RunningEleveo, settings: Settings
) -> None:
    eleveo.behaviour.plan("download", "cut")
    assert fetch(settings) == file_of(HELD[0], "wav")


@pytest.mark.parametrize("told_by", ["redirect", "page", "status"])
@pytest.mark.parametrize("end_point", ["search", "token", "download"])
def test_a_session_that_ends_in_mid_work_is_begun_anew_once(
    eleveo: RunningEleveo, settings: Settings, end_point: EndPoint, told_by: Any
) -> None:
    eleveo.behaviour.over_is_told_by = told_by
    eleveo.behaviour.plan(end_point, "end_session")
    if end_point == "search":
        assert search(settings) == ["1", "2", "3"]
    else:
        assert fetch(settings) == file_of(HELD[0], "wav")
    assert eleveo.seen.requests["login"] == 2


def test_a_session_is_used_by_who_comes_later(eleveo: RunningEleveo, settings: Settings) -> None:
    sessions = EleveoSessions(site_of(settings))
    for _ in range(3):
        ask(settings, lambda client: client.couples("7/1", START, END), sessions)
    assert eleveo.seen.requests["login"] == 1


def test_many_who_want_a_session_at_once_log_in_once(eleveo: RunningEleveo, tmp_path: Path) -> None:
    settings = settings_of(eleveo, tmp_path, concurrency=8)
    eleveo.behaviour.login_s = 0.05

    async def many(client: EleveoClient) -> list[Any]:
        return await asyncio.gather(*(client.couples("7/1", START, END) for _ in range(8)))

    assert len(ask(settings, many)) == 8
    assert eleveo.seen.requests["login"] == 1


def test_a_server_that_forgets_each_session_at_once_is_not_asked_for_ever(
    eleveo: RunningEleveo, settings: Settings
) -> None:
    eleveo.behaviour.session_requests = 0
    with pytest.raises(DestinationUnavailableError, match="though the login succeeded"):
        search(settings)
    assert eleveo.seen.requests["login"] <= 6


@pytest.mark.parametrize("told_by", ["xml", "page", "redirect", "status"])
def test_wrong_credentials_are_refused_for_good_and_not_tried_again_at_once(
    eleveo: RunningEleveo, tmp_path: Path, told_by: Any
) -> None:
    settings = settings_of(eleveo, tmp_path, password="wrong")
    eleveo.behaviour.wrong_login_is_told_by = told_by
    now = [0.0]
    sessions = EleveoSessions(site_of(settings), clock=lambda: now[0])
    for passed_s, logins in ((0, 1), (REFUSED_FOR_S / 2, 1), (REFUSED_FOR_S, 2)):
        now[0] = passed_s
        with pytest.raises(ConfigurationError, match="refuses the login of 'middleware'"):
            ask(settings, lambda client: client.couples("7/1", START, END), sessions)
        assert eleveo.seen.requests["login"] == logins


@pytest.mark.parametrize("told_by", ["status", "xml"])
def test_an_unknown_couple_is_told_as_such(eleveo: RunningEleveo, settings: Settings, told_by: Any) -> None:
    eleveo.behaviour.unknown_sid_is_told_by = told_by
    with pytest.raises(InputError, match="no couple 1_9-9"):
        fetch(settings, "1_9-9")


@pytest.mark.parametrize("path", ["/nowhere", "/callrec/loginservlet"])
def test_a_wrong_path_is_a_wrong_setting_and_no_empty_answer(
    eleveo: RunningEleveo, tmp_path: Path, path: str
) -> None:
    with pytest.raises(CxError) as caught:
        search(settings_of(eleveo, tmp_path, search_path=path))
    assert not isinstance(caught.value, DestinationUnavailableError)
    assert "CX_ELEVEO" in str(caught.value)


def test_nonsense_is_an_error_and_no_empty_answer(eleveo: RunningEleveo, settings: Settings) -> None:
    eleveo.behaviour.plan("search", "nonsense")
    with pytest.raises(InputError, match="no JSON"):
        search(settings)


def test_a_login_page_where_couples_were_asked_for_is_no_empty_answer(
    eleveo: RunningEleveo, settings: Settings
) -> None:
    eleveo.behaviour.plan("search", *SIX_PAGES)
    with pytest.raises(DestinationUnavailableError, match="asks to log in"):
        search(settings)


def test_a_file_longer_than_credible_is_refused(
    eleveo: RunningEleveo, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MOST_COUPLE_BYTES", 10_000)
    with pytest.raises(InputError, match="longer than"):
        fetch(settings)


def test_a_password_may_stand_in_a_file_that_changes(eleveo: RunningEleveo, tmp_path: Path) -> None:
    file = tmp_path / "password"
    settings = settings_of(eleveo, tmp_path, password=None, password_file=file)
    with pytest.raises(ConfigurationError, match="password_file of CX_ELEVEO"):
        search(settings)
    file.write_text(PASSWORD + "\n")
    assert search(settings) == ["1", "2", "3"]


@pytest.mark.parametrize("change", [{"ca_file": "nothing.pem"}, {"url": "http://user:word@127.0.0.1:9"}])
def test_settings_that_cannot_be_used_are_refused(
    eleveo: RunningEleveo, tmp_path: Path, change: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match="CX_ELEVEO"):
        search(settings_of(eleveo, tmp_path, **change))


SIX_PAGES: list[Way] = ["page"] * 6
FAILURES: list[tuple[EndPoint, Way]] = [
    ("login", "error"), ("login", "drop"), ("login", "page"), ("search", "hang"), ("token", "error"),
    ("token", "nonsense"), ("download", "drop"), ("download", "cut"), ("download", "page"), ("download", "end_session"),
]  # fmt: skip


def test_no_credential_session_or_token_shows_in_a_log_an_error_or_an_address(
    eleveo: RunningEleveo, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = settings_of(eleveo, tmp_path, read_timeout_s=0.1)
    shown = [repr(settings), repr(site_of(settings))]
    for end_point, way in FAILURES:
        eleveo.behaviour.planned.clear()
        eleveo.behaviour.plan(end_point, *[way] * 6)
        shown += _errors_of(settings)
    told = "\n".join([caplog.text, *shown])
    secrets = {PASSWORD, quote_plus(PASSWORD), "s3cret", *eleveo.seen.issued}
    assert "httpcore" in caplog.text
    assert "HTTP Request: GET" in caplog.text
    assert "JSESSIONID=***" in caplog.text
    assert len(secrets) > 10
    assert [secret for secret in secrets if secret in told] == []
    assert eleveo.seen.credentials_in_addresses == eleveo.seen.sessions_in_cookies == 0


def _errors_of(settings: Settings) -> list[str]:
    """Do all that can be done; what the error shows, with all that hangs on it."""

    async def work(client: EleveoClient) -> None:
        await client.couples("7/1", START, END)
        await client.download("1_7-1", io.BytesIO())

    try:
        ask(settings, work)
    except CxError as error:
        hanging = [error, error.__context__, error.__cause__]
        addresses = [repr(getattr(getattr(each, "_request", None), "url", None)) for each in hanging]
        return [*map(repr, hanging), *map(str, hanging), *addresses, *traceback.format_exception(error)]
    return []
