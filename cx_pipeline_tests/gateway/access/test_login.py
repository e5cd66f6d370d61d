"""The login of browsers, against an issuer with real keys over HTTP."""

import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import HttpUrl

from cx_pipeline.core.linking.signing import signed_url
from cx_pipeline_tests.gateway.access.issuing import (
    ALICE,
    BOB,
    NOBODYS,
    Site,
    log_in_at_issuer,
    running_site,
)
from cx_pipeline_tests.gateway.running import LINK_KEY


def query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def test_a_browser_is_led_to_the_login_and_back_to_where_it_was(site: Site) -> None:
    browser = site.browser()
    refused = browser.get("/probe/read?a=1&b=%C3%A4")
    assert refused.status_code == 302
    at_login = browser.get(refused.headers["location"])
    back = browser.get(log_in_at_issuer(at_login.headers["location"], ALICE))
    assert (back.status_code, back.headers["location"]) == (302, "/probe/read?a=1&b=%C3%A4")
    shown = browser.get(back.headers["location"]).json()
    assert (shown["subject"], shown["tenant"], shown["access"]) == ("id-of-alice", "acme", "session")
    assert shown["scopes"] == ["recordings:play", "recordings:read"]
    assert shown["name"] == "alice"


def test_the_request_to_the_issuer_bears_state_nonce_and_challenge_and_none_twice(site: Site) -> None:
    one, two = (query_of(site.browser().get("/login").headers["location"]) for _ in range(2))
    assert one["response_type"] == "code"
    assert one["code_challenge_method"] == "S256"
    assert one["redirect_uri"] == f"{site.gateway.url}/login/callback"
    for name in ("state", "nonce", "code_challenge"):
        assert len(one[name]) >= 32
        assert one[name] != two[name]


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(site: Site) -> None:
    _, answer = site.logged_in(ALICE)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    assert f"max-age={8 * 3600}" in cookie
    assert "; secure" not in cookie  # this gateway is reached by plain HTTP


def test_over_https_the_cookie_is_for_https_and_this_host_only(
    tmp_path: Path, tokens: Mapping[str, str]
) -> None:
    with running_site(tmp_path, tokens, gateway_url=HttpUrl("https://gateway.example")) as site:
        answer = site.browser().get("/login")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-cx_session=")
    assert "; secure" in cookie
    assert query_of(answer.headers["location"])["redirect_uri"] == "https://gateway.example/login/callback"


@pytest.mark.parametrize(
    "trap",
    [
        "https://evil.example/",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/%09/../\n//evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/login?next=/login",
        "/logout",
        "/" + "x" * 3000,
        "",
    ],
)
def test_the_login_leads_to_no_other_site(site: Site, trap: str) -> None:
    _, answer = site.logged_in(ALICE, trap)
    assert (answer.status_code, answer.headers["location"]) == (302, "/calls")


def test_a_way_back_that_this_browser_did_not_begin_is_refused(site: Site) -> None:
    back = log_in_at_issuer(site.browser().get("/login").headers["location"], ALICE)
    other = site.browser()
    assert other.get(back).status_code == 400  # never went to a login
    other.get("/login")
    assert other.get(back).status_code == 400  # went to another one
    assert other.get("/probe/read").status_code == 302


def test_a_way_back_is_good_once(site: Site) -> None:
    browser = site.browser()
    back = log_in_at_issuer(browser.get("/login").headers["location"], ALICE)
    assert browser.get(back).status_code == 302
    assert browser.get(back).status_code == 400


def test_a_code_that_was_used_or_made_up_logs_nobody_in(site: Site) -> None:
    browser = site.browser()
    state = query_of(browser.get("/login").headers["location"])["state"]
    answer = browser.get("/login/callback", params={"state": state, "code": "made-up"})
    assert answer.status_code == 403
    assert "<h1>Login failed</h1>" in answer.text
    assert browser.get("/probe/read").status_code == 302


def test_a_code_of_another_login_does_not_fit_this_ones_verifier(site: Site) -> None:
    mine, theirs = site.browser(), site.browser()
    state = query_of(mine.get("/login").headers["location"])["state"]
    code = query_of(log_in_at_issuer(theirs.get("/login").headers["location"], BOB))["code"]
    assert mine.get("/login/callback", params={"state": state, "code": code}).status_code == 403


def test_a_refusal_of_the_issuer_is_told(site: Site) -> None:
    browser = site.browser()
    state = query_of(browser.get("/login").headers["location"])["state"]
    answer = browser.get("/login/callback", params={"state": state, "error": "access_denied"})
    assert answer.status_code == 403
    assert browser.get("/login/callback", params={"error": "access_denied"}).status_code == 422


def test_whoever_has_no_tenant_is_not_logged_in(site: Site) -> None:
    browser, answer = site.logged_in(NOBODYS)
    assert answer.status_code == 403
    assert browser.get("/probe/read").status_code == 302


def test_a_session_may_what_its_roles_may_and_changes_nothing(site: Site) -> None:
    browser, _ = site.logged_in(BOB)
    assert browser.get("/probe/read").json()["tenant"] == "globex"
    assert browser.get("/probe/play").status_code == 403
    assert browser.post("/probe/read").status_code == 401, "a form of another site could send this"


def test_a_changed_cookie_is_nobodys(site: Site) -> None:
    browser, _ = site.logged_in(ALICE)
    cookie = browser.cookies["cx_session"]
    for changed in (cookie[:-1], "A" + cookie[1:], cookie.replace(".", "..", 1), "null", "", "e30=.x.y"):
        answer = site.gateway.client().get("/probe/read", headers={"Cookie": f"cx_session={changed}"})
        assert answer.status_code == 401


def test_a_session_ends(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    browser, _ = site.logged_in(ALICE)
    assert browser.get("/probe/read").status_code == 200
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 8 * 3600 + 1)
    assert browser.get("/probe/read").status_code in (302, 401)


def test_logging_out_ends_the_session_here_and_leads_to_the_issuers_end(site: Site) -> None:
    browser, _ = site.logged_in(ALICE)
    answer = browser.post("/logout")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(site.issuer.description()["end_session_endpoint"])
    assert browser.get("/probe/read").status_code == 302
    assert "You are logged out" in browser.get("/logged-out").text


def test_another_site_cannot_log_anybody_out(site: Site) -> None:
    browser, _ = site.logged_in(ALICE)
    assert browser.post("/logout", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert browser.get("/logout").status_code == 405
    assert browser.get("/probe/read").status_code == 200


def test_an_expired_link_in_a_browser_leads_to_the_login_without_its_signature(site: Site) -> None:
    expired = signed_url("", "/probe/play/a:1", "acme", int(time.time()) - 1, LINK_KEY.encode())
    answer = site.browser().get(expired + "&t=5")
    assert (answer.status_code, answer.headers["location"]) == (302, "/login?next=/probe/play/a%3A1%3Ft%3D5")
    assert site.gateway.client().get(expired).status_code == 401  # a program is told so


def test_the_session_counts_beside_a_link_where_it_may_as_much(site: Site) -> None:
    mine = signed_url("", "/probe/play/a", "acme", int(time.time()) + 60, LINK_KEY.encode())
    theirs = signed_url("", "/probe/play/a", "globex", int(time.time()) + 60, LINK_KEY.encode())
    browser, _ = site.logged_in(ALICE)
    assert browser.get(mine).json()["access"] == "session"
    assert browser.get(theirs).json()["access"] == "signed"


def test_logins_that_are_begun_and_never_ended_do_not_burst_the_cookie(site: Site) -> None:
    browser = site.browser()
    for _ in range(10):
        begun = browser.get("/login", params={"next": "/calls?" + "x" * 300})
    assert len(begun.headers["set-cookie"]) < 4096
    assert browser.get(log_in_at_issuer(begun.headers["location"], ALICE)).status_code == 302
