from typing import Any

import pytest
from pydantic import HttpUrl, SecretStr

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.gateway.access.claims import ClaimsReader, value_at
from cx_pipeline.gateway.access.configuration import require_whole, session_secret
from cx_pipeline.gateway.app import create_app
from cx_pipeline.settings import Settings

ISSUER = HttpUrl("https://keycloak.example/realms/cx")


def settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **given)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"oidc_client_id": "x"}, "CX_OIDC_ISSUER"),
        ({"oidc_issuer": ISSUER}, "CX_OIDC_AUDIENCE"),
        (
            {"oidc_issuer": ISSUER, "oidc_audience": "x", "oidc_scopes_of_roles": {"r": ("recordings:all",)}},
            "recordings:all",
        ),
    ],
)
def test_what_is_half_set_is_told_by_its_name(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        require_whole(settings(**given))


@pytest.mark.parametrize("secret", [None, SecretStr("short")])
def test_a_session_secret_that_is_missing_or_can_be_guessed_is_refused(secret: SecretStr | None) -> None:
    given = settings(oidc_issuer=ISSUER, oidc_client_id="x", session_secret=secret)
    with pytest.raises(ConfigurationError, match="CX_SESSION_SECRET") as refusal:
        session_secret(given)
    assert "short" not in str(refusal.value).replace("shorter", "")
    with pytest.raises(ConfigurationError, match="CX_SESSION_SECRET"):
        create_app(given)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("tenant", "acme"),
        ("realm_access.roles", ["a"]),
        ("https://x.example/tenant", "theirs"),
        ("realm_access.none", None),
        ("tenant.roles", None),
        ("none", None),
    ],
)
def test_claims_are_found_by_name_and_by_path(path: str, value: object) -> None:
    claims = {"tenant": "acme", "realm_access": {"roles": ["a"]}, "https://x.example/tenant": "theirs"}
    assert value_at(claims, path) == value


@pytest.mark.parametrize("roles", ["agent", ["agent", 5, None], {"agent": 1}, 5, None])
def test_roles_in_any_shape_give_only_what_is_known(roles: object) -> None:
    reader = ClaimsReader(settings(oidc_scopes_of_roles={"agent": ("recordings:read",)}))
    claims = {"sub": "x", "tenant": ["acme"], "realm_access": {"roles": roles}, "scope": 5}
    principal = reader.principal(claims, "jwt")
    assert principal.tenant == "acme"
    assert principal.scopes <= {"recordings:read"}
