"""Reading the list of voice activities over real HTTP."""

import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import polars as pl
import pytest
import stamina
from pydantic import HttpUrl, SecretStr

from cx_pipeline.adapters.ccm.activities import ATTEMPTS, VoiceActivityList
from cx_pipeline.core.errors import ConfigurationError, DestinationUnavailableError, InputError
from cx_pipeline.core.messages.activities import CCM_VOICE_ACTIVITY_SCHEMA
from cx_pipeline.settings import Settings
from cx_pipeline.simulator.ccm.authorisation import TOKEN_PATH, ClientCredentials
from cx_pipeline.simulator.ccm.conversations import conversation_of
from cx_pipeline.simulator.ccm.failures import Failures
from cx_pipeline.simulator.ccm.manager import ManagerOptions
from cx_pipeline.simulator.ccm.running import running_ccm
from cx_pipeline_tests.simulator.ccm.messages import VOICE, message

START, END = datetime(2026, 6, 8, 10, tzinfo=UTC), datetime(2026, 6, 8, 11, tzinfo=UTC)
PATH = "/conversation-manager/activities/voice"


@pytest.fixture(autouse=True)
def _without_waiting():
    """Attempts as many as ever, without the time between them."""
    with stamina.set_testing(True, attempts=ATTEMPTS):
        yield


def settings_for(url, **more):
    return Settings(_env_file=None, ccm_url=HttpUrl(url), **more)


def told_of(running, legs):
    """Tell the reference manager of some legs."""
    with httpx.Client(trust_env=False) as client:
        for number in range(legs):
            client.post(
                running.url + VOICE, json=message("CALL_LEG_STARTED", f"leg-{number}", f"call-{number}")
            ).raise_for_status()


@contextmanager
def answering(*answers):
    """A server that gives these answers in turn, the last one for ever: (code, text, headers). It keeps the paths."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            code, text, headers = answers[min(len(asked), len(answers) - 1)]
            asked.append(self.path)
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def page(*ids, **more):
    return 200, json.dumps({"content": [{"id": each} for each in ids], **more}), {}


@pytest.mark.parametrize("style", ["page", "link", "bare"])
def test_all_pages_of_the_list_are_read_whatever_their_shape(style):
    with running_ccm(ManagerOptions(list_style=style)) as running:
        told_of(running, 7)
        frame = VoiceActivityList(settings_for(running.url), page_size=3).read(START, END)
    assert frame.schema == CCM_VOICE_ACTIVITY_SCHEMA
    assert sorted(frame["leg_id"]) == [f"leg-{number}" for number in range(7)]
    first = frame.filter(pl.col("leg_id") == "leg-0").to_dicts()[0]
    assert first["conversation_id"] == conversation_of("call-0")["conversationId"]
    assert first["channel_session_id"] == conversation_of("call-0")["channelSessionId"]
    assert json.loads(first["raw"])["channel"] == "CISCO_VOICE"


def test_no_activities_are_an_empty_frame():
    with running_ccm() as running:
        assert VoiceActivityList(settings_for(running.url)).read(START, END).is_empty()


def test_the_span_is_asked_for_in_utc_on_a_path_below_the_base():
    with answering(page()) as (url, asked):
        VoiceActivityList(settings_for(url + "/ccm/", ccm_voice_path="/voice?kind=all")).read(START, END)
    query = httpx.URL(asked[0])
    assert query.path == "/ccm/voice"
    assert dict(query.params) == {
        "kind": "all",
        "startTime": "2026-06-08T10:00:00.000Z",
        "endTime": "2026-06-08T11:00:00.000Z",
        "page": "0",
        "size": "500",
    }


def test_a_link_header_leads_to_the_next_page():
    first = page("a")
    linked = (*first[:2], {"Link": f'<{PATH}?page=1&token=x>; rel="next"'})
    with answering(linked, page("b")) as (url, asked):
        assert VoiceActivityList(settings_for(url)).read(START, END)["activity_id"].to_list() == ["a", "b"]
    assert asked[1] == f"{PATH}?page=1&token=x"


@pytest.mark.parametrize(
    "link", ["http://127.0.0.1:1/list", "https://elsewhere.example/list", "//elsewhere.example"]
)
def test_a_link_to_another_server_is_not_followed(link):
    with answering(page("a", next=link)) as (url, asked), pytest.raises(InputError, match="next page"):
        VoiceActivityList(settings_for(url)).read(START, END)
    assert len(asked) == 1


def test_a_list_without_end_is_an_error():
    with (
        answering(page("a", last=False)) as (url, asked),
        pytest.raises(InputError, match="more than 5 pages"),
    ):
        VoiceActivityList(settings_for(url), most_pages=5).read(START, END)
    assert len(asked) == 5


@pytest.mark.parametrize("text", ["", "<html>", '{"error": "x"}', '{"content": [17]}', '{"content": [{}]}'])
def test_an_answer_that_is_no_list_is_an_error_and_never_an_empty_list(text):
    with (
        answering((200, text, {})) as (url, _),
        pytest.raises(InputError, match="conversation manager's list"),
    ):
        VoiceActivityList(settings_for(url)).read(START, END)


def test_a_page_that_cannot_be_read_spoils_the_list():
    with answering(page("a", last=False), (200, "nonsense", {})) as (url, _), pytest.raises(InputError):
        VoiceActivityList(settings_for(url)).read(START, END)


@pytest.mark.parametrize("code", [408, 425, 429, 500, 503])
def test_what_may_pass_is_tried_again(code):
    with answering((code, "", {}), page("a")) as (url, asked):
        assert VoiceActivityList(settings_for(url)).read(START, END).height == 1
    assert len(asked) == 2


def test_what_does_not_pass_is_given_up_after_a_few_attempts():
    with (
        answering((503, "secret text", {})) as (url, asked),
        pytest.raises(DestinationUnavailableError, match="answers 503") as caught,
    ):
        VoiceActivityList(settings_for(url)).read(START, END)
    assert len(asked) == ATTEMPTS
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("code", [301, 400, 403, 404])
def test_a_refusal_is_not_repeated_and_names_the_settings(code):
    with (
        answering((code, "", {"Location": "/other"})) as (url, asked),
        pytest.raises(ConfigurationError, match=f"answers {code}: check CX_CCM_URL and CX_CCM_VOICE_PATH"),
    ):
        VoiceActivityList(settings_for(url)).read(START, END)
    assert len(asked) == 1


def test_nobody_at_the_address_may_pass():
    with answering(page()) as (url, _):
        pass
    with pytest.raises(DestinationUnavailableError, match="ConnectError"):
        VoiceActivityList(settings_for(url)).read(START, END)


@pytest.mark.parametrize("way", ["refuse_rate", "hang_rate"])
def test_a_list_that_is_not_answered_in_time_may_pass(way):
    failures = Failures(**{way: 1.0})
    with running_ccm(ManagerOptions(failures=failures)) as running:
        settings = settings_for(running.url, ccm_read_timeout_s=0.2, ccm_total_timeout_s=0.5)
        with pytest.raises(DestinationUnavailableError, match="does not answer"):
            VoiceActivityList(settings).read(START, END)


def test_a_token_that_runs_out_between_pages_is_renewed():
    secret = SecretStr("s3cret")
    access = ClientCredentials("pipeline", secret)
    answers = (page("a", last=False), (401, "", {}), page("b", last=True))
    with running_ccm(ManagerOptions(access=access)) as issuer, answering(*answers) as (url, asked):
        settings = settings_for(
            url,
            ccm_oauth_token_url=HttpUrl(issuer.url + TOKEN_PATH),
            ccm_oauth_client_id="pipeline",
            ccm_oauth_client_secret=secret,
        )
        assert VoiceActivityList(settings).read(START, END)["activity_id"].to_list() == ["a", "b"]
        assert (len(asked), issuer.ledger()["tokens"]) == (3, 2)


def test_a_token_that_stays_refused_is_told_without_it(tmp_path):
    file = tmp_path / "token"
    file.write_text("old-s3cret")
    with (
        answering((401, "", {})) as (url, asked),
        pytest.raises(DestinationUnavailableError, match="answers 401: check its token") as caught,
    ):
        VoiceActivityList(settings_for(url, ccm_token_file=file)).read(START, END)
    assert len(asked) == ATTEMPTS
    assert "s3cret" not in str(caught.value)


def test_without_a_conversation_manager_nothing_can_be_read():
    with pytest.raises(ConfigurationError, match="CX_CCM_URL is not set"):
        VoiceActivityList(Settings(_env_file=None))
