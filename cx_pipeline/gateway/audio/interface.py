"""What the description of the interface (OpenAPI) says of the answers of this room."""

from typing import Any

from cx_pipeline.gateway.problems import PROBLEM_TYPE

Answers = dict[int | str, dict[str, Any]]

_PROBLEM = {"content": {PROBLEM_TYPE: {"schema": {"type": "object"}}}}
_BYTES = {"schema": {"type": "string", "format": "binary"}}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, **_PROBLEM}


_REFUSALS: Answers = {
    401: _problem("Nobody is known by what was shown."),
    403: _problem("The scope is missing."),
    404: _problem("There is none, or none that you may know of."),
    409: _problem("Recordings of several tenants fit."),
    503: _problem("What is needed does not answer: try again later."),
}


def _bytes_of(*media_types: str) -> Answers:
    content = dict.fromkeys(media_types, _BYTES)
    return {
        200: {"description": "The whole file.", "content": content},
        206: {
            "description": "The ranges that were asked for.",
            "content": {**content, "multipart/byteranges": _BYTES},
        },
        304: {"description": "What you have is still the same."},
        410: _problem("It was erased."),
        412: {"description": "It is not what the conditions of the request want."},
        416: {"description": "Nothing of what was asked for lies within the file."},
        502: _problem("The stored file is damaged."),
        **_REFUSALS,
    }


AUDIO_ANSWERS = _bytes_of("audio/wav", "audio/flac", "audio/ogg", "audio/mpeg")
LINKED_AUDIO_ANSWERS: Answers = {
    **AUDIO_ANSWERS,
    200: {
        "description": "The whole file; its page for a browser that goes there.",
        "content": {**AUDIO_ANSWERS[200]["content"], "text/html": {"schema": {"type": "string"}}},
    },
}
VIDEO_ANSWERS = _bytes_of("video/mp4")
METADATA_ANSWERS: Answers = {
    200: {
        "description": "What is known of it.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "text/html": {"schema": {"type": "string"}},
        },
    },
    **_REFUSALS,
}
JSON_ANSWERS: Answers = {
    200: {
        "description": "What is known of it.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    },
    **_REFUSALS,
}
