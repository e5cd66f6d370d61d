"""The description of the interface, made true: what FastAPI cannot know of access, problems and limits is added."""

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from cx_pipeline.gateway.access.dependencies import Needs
from cx_pipeline.gateway.problems import PROBLEM_TYPE

BEARER, SESSION, SIGNATURE = "bearer", "session", "signedLink"
_READING = ("get", "head")
_PROBLEM_SCHEMA = {"$ref": "#/components/schemas/Problem"}
_PROBLEM = {
    "title": "Problem",
    "description": "What is wrong with a request (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"where": {"type": "string"}, "what": {"type": "string"}},
            },
        },
    },
}
_OF_ALL = {
    "400": "What was sent cannot be used",
    "408": "The request did not come in time",
    "413": "The request is too large",
    "429": "Too many requests; Retry-After says when to come again",
    "431": "The head of the request is too large",
    "500": "Something went wrong inside",
    "503": "What this needs is away at the moment; Retry-After says when to come again",
}
_OF_ACCESS = {"401": "Nothing was shown that lets anybody in", "403": "Not allowed to who asks"}
_OF_VALIDATION = {"422": "The request does not fit this description"}
_OF_PATHS = {"404": "Not there, or not theirs"}
_FASTAPIS_OWN = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description of the application; made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=(
                "Takes in what recorders and listeners tell, and serves recordings. Errors are problem documents. "
                "What is not there and what is another tenant's get the same answer."
            ),
            routes=app.routes,
        )
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        for name in _FASTAPIS_OWN:
            schemas.pop(name, None)
        schemas["Problem"] = _PROBLEM
        components["securitySchemes"] = _security_schemes()
        for method, path, needs in _operations(app):
            operation = document["paths"].get(path, {}).get(method)
            if operation is not None:
                _complete(operation, method, path, needs)
        app.openapi_schema = document
    return app.openapi_schema


def _operations(app: FastAPI) -> Iterator[tuple[str, str, Needs | None]]:
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        needs = next(_needs_of(dependant), None) if isinstance(dependant, Dependant) else None
        for method in route.methods or ():
            yield method.lower(), route.path_format or "", needs


def _needs_of(dependant: Dependant) -> Iterator[Needs]:
    if isinstance(dependant.call, Needs):
        yield dependant.call
    for each in dependant.dependencies:
        yield from _needs_of(each)


def _complete(operation: dict[str, Any], method: str, path: str, needs: Needs | None) -> None:
    told = dict(_OF_ALL)
    if operation.get("parameters") or operation.get("requestBody"):
        told |= _OF_VALIDATION
    if "{" in path:
        told |= _OF_PATHS
    if needs is not None:
        told |= _OF_ACCESS
        operation["security"] = _security(needs, method)
        operation["description"] = f"{operation.get('description', '')}\n\nScope: `{needs.scope}`.".strip()
    responses = operation.setdefault("responses", {})
    # FastAPI describes its own shape of a failed validation, which none of our answers has.
    if _speaks_of_fastapis_errors(responses.get("422")):
        del responses["422"]
    if needs is not None and method == "get":
        responses.setdefault("302", {"description": "A browser that must log in first is led there"})
    told |= {status: "" for status in responses if status.startswith(("4", "5"))}
    for status, description in told.items():
        response = responses.setdefault(status, {"description": description})
        response.setdefault("content", {}).setdefault(PROBLEM_TYPE, {"schema": _PROBLEM_SCHEMA})
        if status in ("429", "503"):
            response.setdefault("headers", {})["Retry-After"] = {"schema": {"type": "integer"}}


def _speaks_of_fastapis_errors(response: Mapping[str, Any] | None) -> bool:
    return response is not None and "HTTPValidationError" in str(response)


def _security(needs: Needs, method: str) -> list[dict[str, list[str]]]:
    ways: list[dict[str, list[str]]] = [{BEARER: []}]
    if method in _READING:
        ways.append({SESSION: []})
    if needs.is_signed_accepted:
        ways.append({SIGNATURE: []})
    return ways


def _security_schemes() -> dict[str, Any]:
    return {
        BEARER: {
            "type": "http",
            "scheme": "bearer",
            "description": "A static token, or a JWT of the issuer that the gateway knows.",
        },
        SESSION: {
            "type": "apiKey",
            "in": "cookie",
            "name": "cx_session",
            "description": "A browser that logged in. Reads only. Over HTTPS the name begins with `__Host-`.",
        },
        SIGNATURE: {
            "type": "apiKey",
            "in": "query",
            "name": "signature",
            "description": "A signed link, with `tenant` and `expires` beside: good for its own path until it expires.",
        },
    }
