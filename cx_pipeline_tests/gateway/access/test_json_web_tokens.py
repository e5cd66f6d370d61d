"""JWTs: believed when the issuer signed them, for us, and they are good now; else not."""

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from cx_pipeline.adapters.access import issuer as issuer_module
from cx_pipeline.gateway.access.json_web_tokens import LEEWAY_S
from cx_pipeline.gateway.problems import PROBLEM_TYPE
from cx_pipeline.simulator.oidc.issuer import DISCOVERY_PATH, KEYS_PATH
from cx_pipeline_tests.gateway.access.issuing import (
    ALICE,
    AUDIENCE,
    BOB,
    CLIENT_ID,
    NOBODYS,
    Site,
    free_port,
    settings_beside,
)
from cx_pipeline_tests.gateway.probes import add_probes
from cx_pipeline_tests.gateway.running import running_gateway


@cache
def another_key() -> RSAKey:
    return RSAKey.generate_key(2048)


def encoded(fields: Mapping[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=").decode()


def good_claims(site: Site, **changed: Any) -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": site.issuer.url,
        "sub": "x",
        "aud": AUDIENCE,
        "tenant": "acme",
        "exp": now + 300,
        "realm_access": {"roles": ["supervisor"]},
        **changed,
    }


def test_an_access_token_of_the_issuer_is_let_in_with_the_scopes_of_its_roles(site: Site) -> None:
    answer = site.ask("/probe/play", site.issuer.access_token(ALICE, AUDIENCE))
    assert answer.json() == {
        "subject": "id-of-alice",
        "tenant": "acme",
        "scopes": ["recordings:play", "recordings:read"],
        "access": "jwt",
        "name": "alice",
    }


def test_roles_decide_what_it_may(site: Site) -> None:
    token = site.issuer.access_token(BOB, AUDIENCE)
    assert site.ask("/probe/read", token).json()["tenant"] == "globex"
    assert site.ask("/probe/play", token).status_code == 403


def test_scopes_of_the_token_count_and_unknown_ones_do_not(site: Site) -> None:
    token = site.issuer.access_token(BOB, AUDIENCE, scope="openid events:write root", realm_access=None)
    answer = site.gateway.client().post("/probe/write", headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["scopes"] == ["events:write"]


def test_one_of_several_audiences_is_enough(site: Site) -> None:
    assert site.ask("/probe/read", site.issuer.access_token(ALICE, AUDIENCE, aud=["x", AUDIENCE])).is_success


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "http://127.0.0.1/realms/other"},
        {"iss": None},
        {"aud": "another"},
        {"aud": CLIENT_ID},
        {"aud": None},
        {"aud": []},
        {"aud": {"cx-gateway": 1}},
        {"exp": int(time.time()) - LEEWAY_S - 5},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": 1e400},
        {"nbf": int(time.time()) + LEEWAY_S + 600},
        {"iat": int(time.time()) + LEEWAY_S + 600},
        {"sub": None},
        {"typ": "ID"},
        {"typ": "Refresh"},
        {"nonce": "of a login"},
    ],
)
def test_a_token_whose_claims_are_wrong_is_refused(site: Site, changed: dict[str, Any]) -> None:
    answer = site.ask("/probe/read", site.issuer.access_token(ALICE, AUDIENCE, **changed))
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert set(answer.json()) == {"type", "title", "status"}, "why is for nobody to know"


def test_a_clock_that_is_a_little_off_does_no_harm(site: Site) -> None:
    now = int(time.time())
    token = site.issuer.access_token(ALICE, AUDIENCE, exp=now - 5, nbf=now + 5, iat=now + 5)
    assert site.ask("/probe/read", token).is_success


def test_a_token_of_another_key_under_the_same_name_is_refused(site: Site) -> None:
    other = another_key()
    header = {"alg": "RS256", "kid": site.issuer.signing_key.kid}
    token = jwt.encode(header, good_claims(site), other, algorithms=["RS256"])
    assert site.ask("/probe/read", token).status_code == 401


def test_a_token_without_a_signature_is_refused(site: Site) -> None:
    for algorithm in ("none", "None", "NONE", ""):
        token = f"{encoded({'alg': algorithm})}.{encoded(good_claims(site))}."
        assert site.ask("/probe/read", token).status_code == 401
    head, body, _ = site.issuer.access_token(ALICE, AUDIENCE).split(".")
    assert site.ask("/probe/read", f"{head}.{body}.").status_code == 401


def test_the_public_key_is_no_secret_for_hmac(site: Site) -> None:
    public = site.issuer.signing_key.as_pem(private=False)
    body = encoded(good_claims(site))
    for key in (public, public.strip(), json.dumps(site.issuer.public_keys()["keys"][0]).encode()):
        head = encoded({"alg": "HS256", "kid": site.issuer.signing_key.kid})
        signature = hmac.digest(key, f"{head}.{body}".encode(), hashlib.sha256)
        token = f"{head}.{body}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}"
        assert site.ask("/probe/read", token).status_code == 401


def test_a_key_that_a_token_brings_along_is_not_used(site: Site) -> None:
    own = ECKey.generate_key("P-256")
    header = {"alg": "ES256", "jwk": own.as_dict(private=False), "jku": "http://127.0.0.1:1/keys"}
    token = jwt.encode(header, good_claims(site), own, algorithms=["ES256"])
    assert site.ask("/probe/read", token).status_code == 401


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_token_that_was_changed_is_refused(site: Site, place: int) -> None:
    parts = site.issuer.access_token(ALICE, AUDIENCE).split(".")
    middle = len(parts[place]) // 2
    other = "A" if parts[place][middle] != "A" else "B"
    parts[place] = parts[place][:middle] + other + parts[place][middle + 1 :]
    assert site.ask("/probe/read", ".".join(parts)).status_code == 401


@pytest.mark.parametrize(
    "text",
    [
        "ey..",
        "eyJ.eyJ.eyJ",
        f"{encoded({'alg': 'RS256', 'crit': ['x'], 'x': 1})}.e30.AA",
        f"{urlsafe_b64encode(b'[1]').decode()}.e30.AA",
        "ey" + "J" * 20_000 + ".e30.AA",
        f"{encoded({'alg': ['RS256']})}.e30.AA",
        f"{encoded({'alg': 'RS256', 'kid': {'a': 1}})}.e30.AA",
    ],
)
def test_what_only_looks_like_a_token_is_refused(site: Site, text: str) -> None:
    assert site.ask("/probe/read", text).status_code == 401


def test_a_token_that_names_no_tenant_may_nothing(site: Site) -> None:
    answer = site.ask("/probe/read", site.issuer.access_token(NOBODYS, AUDIENCE))
    assert answer.status_code == 403
    assert "tenant" in answer.json()["detail"]


def test_a_token_of_a_new_key_is_believed_and_made_up_keys_do_not_flood_the_issuer(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert site.ask("/probe/read", site.issuer.access_token(ALICE, AUDIENCE)).is_success
    monkeypatch.setattr(issuer_module, "ASK_AGAIN_S", 0.0)
    site.issuer.turn_keys()
    assert site.ask("/probe/read", site.issuer.access_token(ALICE, AUDIENCE)).is_success
    monkeypatch.setattr(issuer_module, "ASK_AGAIN_S", 3600.0)
    asked_before = site.issuer.asked[KEYS_PATH]
    own = another_key()
    for number in range(20):
        token = jwt.encode({"alg": "RS256", "kid": f"made-up-{number}"}, good_claims(site), own, ["RS256"])
        assert site.ask("/probe/read", token).status_code == 401
    assert site.issuer.asked[KEYS_PATH] == asked_before
    assert site.issuer.asked[DISCOVERY_PATH] == 1


def test_without_the_issuer_jwts_wait_and_static_tokens_go_on(
    tmp_path: Path, tokens: Mapping[str, str], site: Site
) -> None:
    settings = settings_beside(f"http://127.0.0.1:{free_port()}/realms/cx", tmp_path, tokens)
    with running_gateway(settings, tokens, add_probes) as alone:
        token = site.issuer.access_token(ALICE, AUDIENCE)
        answer = alone.client().get("/probe/read", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.headers["content-type"]) == (503, PROBLEM_TYPE)
        assert int(answer.headers["retry-after"]) > 0
        assert alone.client("reader").get("/probe/read").is_success
        assert alone.client().get("/login").status_code == 503
