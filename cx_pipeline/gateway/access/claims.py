"""Who a token's claims speak of, and what they may: as the settings say where it stands."""

from collections.abc import Iterable, Mapping
from typing import Any

from cx_pipeline.gateway.access.principal import SCOPES, Access, Principal
from cx_pipeline.gateway.problems import Problem
from cx_pipeline.settings import Settings

_LONGEST_NAME = 200


class ClaimsReader:
    """Makes principals of claims."""

    def __init__(self, settings: Settings) -> None:
        self._tenant_claim = settings.oidc_tenant_claim
        self._roles_claim = settings.oidc_roles_claim
        self._scopes_of_roles = settings.oidc_scopes_of_roles

    def principal(self, claims: Mapping[str, Any], access: Access) -> Principal:
        """Who the claims speak of.

        Raises:
            Problem: 403, they name no tenant.
        """
        tenant = value_at(claims, self._tenant_claim)
        if isinstance(tenant, list) and len(tenant) == 1:
            (tenant,) = tenant
        if not isinstance(tenant, str) or not tenant:
            raise Problem(403, "Not allowed", f"The token names no tenant in its claim {self._tenant_claim}.")
        subject = str(claims.get("sub", ""))[:_LONGEST_NAME]
        name = claims.get("name") or claims.get("preferred_username") or subject
        return Principal(subject, tenant, self._scopes(claims), access, str(name)[:_LONGEST_NAME])

    def _scopes(self, claims: Mapping[str, Any]) -> frozenset[str]:
        scope = claims.get("scope")
        told = scope.split() if isinstance(scope, str) else []
        by_role = (
            each
            for role in _texts(value_at(claims, self._roles_claim))
            for each in self._scopes_of_roles.get(role, ())
        )
        return frozenset({*told, *by_role}) & SCOPES


def value_at(claims: Mapping[str, Any], path: str) -> Any:
    """The claim of that name, else the one that the dots lead to; None if there is none.

    A name may hold dots itself (`https://example.com/tenant`), so the whole of it is looked for first.
    """
    if path in claims:
        return claims[path]
    value: Any = claims
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return value.split()
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
