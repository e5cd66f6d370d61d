"""What requests of the intake look like, for the description of the interface."""

from typing import Any

_ANY_OBJECT = {"type": "object", "additionalProperties": True}
_ONE_OR_MORE = {"oneOf": [_ANY_OBJECT, {"type": "array", "items": _ANY_OBJECT, "minItems": 1}]}


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}}


EVENTS = _body(
    {
        "application/x-ndjson": {"schema": {"type": "string"}},
        "application/json": {"schema": _ONE_OR_MORE},
    }
)
DOCUMENTS = _body({"application/json": {"schema": _ONE_OR_MORE}})
DOCUMENT = _body({"application/json": {"schema": _ANY_OBJECT}})
CONTROL = _body(
    {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {
                    "agent": {"type": "string", "minLength": 1, "maxLength": 128},
                    "reason": {"type": "string", "minLength": 1, "maxLength": 200},
                },
                "required": ["agent", "reason"],
            }
        }
    }
)
