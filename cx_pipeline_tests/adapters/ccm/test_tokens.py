"""Authentication: none, a static token, OAuth2 client credentials; and no secret where it does not belong."""

import asyncio
import json
import logging
import ssl
from pathlib import Path

import certifi
import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from cx_pipeline.adapters.ccm.client import open_client
from cx_pipeline.adapters.ccm.tokens import ClientCredentials, tokens_of
from cx_pipeline.core.errors import ConfigurationError, CxError, DestinationUnavailableError
from cx_pipeline.settings import Settings
from cx_pipeline_tests.adapters.ccm.conftest import Site
from cx_pipeline_tests.adapters.ccm.outbox_content import fill_calls, statuses
from cx_pipeline_tests.adapters.ccm.receiver import OK, Receiver, Reply


def with_oauth(site: Site) -> Site:
    """The site asks for tokens; a message without a valid one is refused."""
    site.options |= {
        "ccm_oauth_token_url": site.receiver.token_url,
        "ccm_oauth_client_id": "cx",
        "ccm_oauth_client_secret": "client-s3cret",
    }
    site.receiver.valid_tokens = set()
    return site


def posted_tokens(site: Site) -> set[str | None]:
    return {post.headers.get("authorization") for post in site.receiver.posts}


def test_a_static_token_goes_with_each_message(site: Site) -> None:
    site.options |= {"ccm_token": "tok-static"}
    fill_calls(site.engine, 3, 2)
    assert site.deliver().delivered == 6
    assert posted_tokens(site) == {"Bearer tok-static"}


def test_a_token_in_a_file_is_read_anew_when_it_is_refused(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("tok-old\n")
    site.options |= {"ccm_token_file": file, "ccm_concurrency": 1}
    site.receiver.valid_tokens = {"tok-old"}
    fill_calls(site.engine, 6, 1)

    def script(post):  # type: ignore[no-untyped-def]
        if len(site.receiver.committed) == 2:
            file.write_text("tok-new\n")
            site.receiver.valid_tokens = {"tok-new"}
        return OK

    site.receiver.script = script
    report = site.deliver()
    assert (report.delivered, report.retried) == (6, 0)
    assert len(site.receiver.posts) == 7


def test_a_static_token_that_is_refused_is_a_transient_failure(site: Site) -> None:
    site.options |= {"ccm_token": "tok-wrong"}
    site.receiver.valid_tokens = {"tok-right"}
    fill_calls(site.engine, 20, 1)
    report = site.deliver()
    assert report.is_stopped
    assert (report.sent, len(site.receiver.posts)) == (10, 10)
    assert statuses(site.engine) == {"WAITING": 20}
    assert report.last_error == "401: token *** has expired"


def test_one_token_is_fetched_for_many_messages(site: Site) -> None:
    with_oauth(site)
    fill_calls(site.engine, 40, 2)
    assert site.deliver().delivered == 80
    assert site.receiver.token_forms == [
        {"grant_type": ["client_credentials"], "client_id": ["cx"], "client_secret": ["client-s3cret"]}
    ]
    assert posted_tokens(site) == {"Bearer tok-s3cret-1"}


def test_a_token_that_expires_on_the_way_is_renewed_once_however_many_wait(site: Site) -> None:
    with_oauth(site)
    fill_calls(site.engine, 60, 2)

    def script(post):  # type: ignore[no-untyped-def]
        if len(site.receiver.committed) == 50:
            site.receiver.valid_tokens = set()
        return OK

    site.receiver.script = script
    report = site.deliver()
    assert (report.delivered, report.retried) == (120, 0)
    assert len(site.receiver.token_forms) == 2
    assert site.receiver.overlaps == []


def test_a_manager_that_refuses_new_tokens_too_is_a_transient_failure_with_one_renewal_a_message(
    site: Site,
) -> None:
    with_oauth(site)
    site.options |= {"ccm_concurrency": 1}
    fill_calls(site.engine, 1, 1)
    site.receiver.token_reply = lambda form: Reply(body='{"access_token": "tok-never"}')
    report = site.deliver()
    assert (report.sent, report.retried) == (1, 1)
    assert (len(site.receiver.posts), len(site.receiver.token_forms)) == (2, 2)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (
            Reply(401, body='{"error": "invalid_client"}'),
            "refuses us \\(401\\): check CX_CCM_OAUTH_TOKEN_URL",
        ),
        (Reply(503), "the token end point answers 503"),
        (Reply(drops=True), "the token end point does not answer"),
        (Reply(body="<html>"), "without an access_token"),
        (Reply(body="[]"), "without an access_token"),
        (Reply(body='{"access_token": 5}'), "without an access_token"),
    ],
)
def test_a_message_is_not_to_blame_when_there_is_no_token(site: Site, reply: Reply, told: str) -> None:
    with_oauth(site)
    site.receiver.token_reply = lambda form: reply
    fill_calls(site.engine, 15, 1)
    report = site.deliver()
    assert report.is_stopped
    assert (report.sent, report.retried, site.receiver.posts) == (10, 10, [])
    assert statuses(site.engine) == {"WAITING": 15}
    with pytest.raises(AssertionError, match=told):
        raise AssertionError(report.last_error)


def test_a_token_is_renewed_shortly_before_it_expires(receiver: Receiver) -> None:
    moment = [0.0]

    async def fetch_at(*moments: float) -> list[str]:
        async with httpx.AsyncClient(trust_env=False) as client:
            tokens = ClientCredentials(
                client, receiver.token_url, "cx", lambda: SecretStr("s"), clock=lambda: moment[0]
            )
            seen = []
            for moment[0] in moments:
                seen.append((await tokens.current()).get_secret_value())
            return seen

    assert asyncio.run(fetch_at(0, 100, 269, 271, 500)) == [
        f"tok-s3cret-{n}" for n in (1, 1, 1, 2, 2)
    ]  # 300 s, renewed 30 s before
    receiver.token_reply = lambda form: Reply(
        body=json.dumps({"access_token": f"t{len(receiver.token_forms)}", "expires_in": 10})
    )
    assert len(set(asyncio.run(fetch_at(0, 8.9, 9.1)))) == 2


def test_many_who_wait_share_one_request_and_its_failure(receiver: Receiver) -> None:
    async def fetch() -> list[object]:
        async with httpx.AsyncClient(trust_env=False) as client:
            tokens = ClientCredentials(client, receiver.token_url, "cx", lambda: SecretStr("s"))
            return await asyncio.gather(*(tokens.current() for _ in range(30)), return_exceptions=True)

    receiver.token_reply = lambda form: Reply(500)
    assert {type(each) for each in asyncio.run(fetch())} == {DestinationUnavailableError}
    assert len(receiver.token_forms) == 2  # one, and its second try
    receiver.token_reply = None
    assert len({token.get_secret_value() for token in asyncio.run(fetch())}) == 1  # type: ignore[attr-defined]
    assert len(receiver.token_forms) == 3


@pytest.mark.parametrize(
    "options",
    [
        {"ccm_token": "t", "ccm_oauth_token_url": "http://127.0.0.1:9/t"},
        {"ccm_oauth_token_url": "http://127.0.0.1:9/t"},
        {"ccm_oauth_token_url": "http://127.0.0.1:9/t", "ccm_oauth_client_id": "cx"},
        {"ccm_oauth_client_id": "cx"},
        {"ccm_token_file": Path("/nowhere/token")},
        {"ccm_ca_file": Path("/nowhere/ca.pem")},
    ],
)
def test_settings_that_cannot_be_used_are_named(site: Site, options: dict[str, object]) -> None:
    site.options |= options
    fill_calls(site.engine, 1, 1)
    with pytest.raises(ConfigurationError, match="CX_CCM_"):
        site.deliver()
    assert site.receiver.posts == []


def test_an_empty_file_holds_no_token(site: Site, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("\n")
    site.options |= {"ccm_token_file": tmp_path / "token"}
    with pytest.raises(ConfigurationError, match="is empty"):
        site.deliver()


def test_the_authorities_of_a_file_are_trusted_beside_the_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = ssl.create_default_context(cafile=certifi.where())
    file = tmp_path / "ca.pem"
    file.write_text(ssl.DER_cert_to_PEM_cert(known.get_ca_certs(binary_form=True)[0]))
    trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusted.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(known.get_ca_certs(binary_form=True)[1]))
    monkeypatch.setattr(ssl, "create_default_context", lambda: trusted)
    open_client(Settings(_env_file=None, ccm_url="https://ccm.example.com", ccm_ca_file=file))
    assert len(trusted.get_ca_certs()) == 2
    assert trusted.verify_mode == ssl.CERT_REQUIRED


def test_no_secret_gets_into_logs_rows_reports_or_errors(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """The worst receiver: it repeats what it was sent, whatever it answers."""
    with_oauth(site)
    site.receiver.script = lambda post: Reply(
        500 if int(post.call) % 2 else 422, body=f"headers were {json.dumps(post.headers)}"
    )
    fill_calls(site.engine, 12, 1)
    with caplog.at_level(logging.DEBUG):
        reports = [site.deliver()]
        site.receiver.valid_tokens = set()
        site.receiver.token_reply = lambda form: Reply(500, body=json.dumps(form))
        site.clock.pass_(minutes=5)
        reports.append(site.deliver())
        site.receiver.token_reply = lambda form: Reply(400, body=json.dumps(form))
        site.clock.pass_(minutes=5)
        reports.append(site.deliver())
    with site.engine.connect() as connection:
        rows = connection.execute(text("SELECT outbox_message::text FROM outbox_message")).scalars().all()
    told = "\n".join([*rows, *map(str, reports), *ours(caplog)])
    assert "headers were" in told
    for secret in ("tok-s3cret", "client-s3cret"):
        assert secret not in told


def ours(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged, but for the wire of httpcore at DEBUG, which no deployment turns on."""
    return [record.getMessage() for record in caplog.records if not record.name.startswith("httpcore")]


def test_the_secrets_of_settings_stay_out_of_their_errors() -> None:
    settings = Settings(_env_file=None, ccm_token="tok-s3cret", ccm_oauth_token_url="http://127.0.0.1:9")

    async def make() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            tokens_of(settings, client)

    with pytest.raises(CxError) as caught:
        asyncio.run(make())
    assert "tok-s3cret" not in str(caught.value)
    assert "tok-s3cret" not in repr(settings)
