"""Reading a message: which model belongs to its intent, and what is wrong with it in words."""

from typing import Any

from pydantic import JsonValue, TypeAdapter, ValidationError

from cx_pipeline.core.errors import InputError
from cx_pipeline.core.messages import models, published
from cx_pipeline.core.messages.models import Message
from cx_pipeline.core.messages.outbox_row import THIRD_PARTY
from cx_pipeline.core.messages.parts import (
    CALL_HOLD,
    CALL_LEG_ENDED,
    CALL_LEG_STARTED,
    CALL_RESUME,
    DESTINATIONS,
    SCREEN_RECORDING,
    VOICE_RECORDING,
    WRAPUP,
    Dialect,
)

_GUIDE: dict[str, type[Message[Any]]] = {
    CALL_LEG_STARTED: Message[models.CallLegStarted],
    CALL_LEG_ENDED: Message[models.CallLegEnded],
    CALL_HOLD: Message[models.HoldChange],
    CALL_RESUME: Message[models.HoldChange],
    WRAPUP: Message[models.WrapUp],
    VOICE_RECORDING: Message[models.VoiceRecording],
    SCREEN_RECORDING: Message[models.ScreenRecording],
}
MODELS: dict[Dialect, dict[str, type[Message[Any]]]] = {
    "guide": _GUIDE,
    "published": {
        **_GUIDE,
        WRAPUP: Message[published.PublishedWrapUp],
        VOICE_RECORDING: Message[published.VoiceRecordingUrl],
        SCREEN_RECORDING: Message[published.ScreenRecordingUrl],
    },
}
"""The model of each intent's message, in each dialect."""

_ANY_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


def parse(text: bytes | str, dialect: Dialect = "guide") -> Message[Any]:
    """Read one message as it came over the wire.

    Raises:
        InputError: it is no JSON, its intent is none of ours, or a field is missing, wrong or unknown; the message
            names the field, never its value.
    """
    intent = _intent(text)
    models_of_dialect = MODELS[dialect]
    if intent not in models_of_dialect:
        raise InputError(f"header.intent must be one of {', '.join(models_of_dialect)}")
    try:
        message = models_of_dialect[intent].model_validate_json(
            text, strict=True, by_alias=True, by_name=False
        )
    except ValidationError as error:
        raise InputError(f"the {intent} message is wrong: {_in_words(error)}") from None
    if DESTINATIONS[intent] == THIRD_PARTY and message.header.channel_session_id is None:
        raise InputError(f"the {intent} message is wrong: header.channelSessionId: Field required")
    return message


def _intent(text: bytes | str) -> str | None:
    try:
        value = _ANY_JSON.validate_json(text)
    except ValidationError:
        raise InputError("a message is a JSON object") from None
    header = value.get("header") if isinstance(value, dict) else None
    intent = header.get("intent") if isinstance(header, dict) else None
    return intent if isinstance(intent, str) else None


def _in_words(error: ValidationError) -> str:
    problems = (
        f"{'.'.join(map(str, problem['loc'])) or 'message'}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False)
    )
    return "; ".join(problems)
