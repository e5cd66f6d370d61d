"""A rule as it is given in a file or a row: its fields and parameters under all their names, validated one by one."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SerializeAsAny, model_validator

from cx_pipeline.core.events.tenancy import DEFAULT_TENANT
from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline.core.recording.rule_conditions import DEFAULT, Condition, Text
from cx_pipeline.core.recording.rules import BUILT_IN_RULES
from cx_pipeline.core.recording.schema import (
    FORMATS,
    HOLD_CUT,
    HOLD_MUSIC,
    HOLD_SILENCE,
    MONO,
    MULTICHANNEL,
    STEREO,
)

SAMPLE_RATES_HZ = (8_000, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000)
OPUS_RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
_LAYOUTS = (STEREO, MONO, MULTICHANNEL)
_HOLDS = (HOLD_SILENCE, HOLD_CUT, HOLD_MUSIC)
_BITS = 16


def _one_of(*values: Any) -> BeforeValidator:
    """Accept one of the values, or its text in any case."""
    by_text = {str(value).lower(): value for value in values}

    def choose(given: Any) -> Any:
        text = str(given).strip().lower()
        if text not in by_text:
            raise ValueError(f"is none of {', '.join(by_text)}")
        return by_text[text]

    return BeforeValidator(choose)


class GivenParameters(BaseModel):
    """What a rule says of its recordings; what it leaves out is as the tenant's default says.

    The guide's `format: stereo` is a layout.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)
    other_names: ClassVar[dict[str, str]] = {
        "sample_rate": "sample_rate_hz",
        "fade": "hold_fade_ms",
        "fade_ms": "hold_fade_ms",
        "hold_fade": "hold_fade_ms",
        "normalise": "is_normalised",
        "normalised": "is_normalised",
        "normalize": "is_normalised",
        "normalized": "is_normalised",
        "encrypt": "is_encrypted",
        "encrypted": "is_encrypted",
        "retention": "retention_days",
    }
    layout: Annotated[str, _one_of(*_LAYOUTS)] | None = None
    sample_rate_hz: Annotated[int, _one_of(*SAMPLE_RATES_HZ)] | None = None
    hold: Annotated[str, _one_of(*_HOLDS)] | None = None
    hold_fade_ms: Annotated[int, Field(ge=0, le=1000)] | None = None
    is_normalised: bool | None = None
    format: Annotated[str, _one_of(*FORMATS)] | None = None
    bit_depth: Annotated[int, _one_of(_BITS)] | None = Field(default=None, exclude=True)
    """The guide names it; there is but one."""
    is_encrypted: bool | None = None
    retention_days: Annotated[int, Field(ge=1, le=36_500)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _takes_a_format_for_a_layout(cls, values: Any) -> Any:
        given = values.get("format") if isinstance(values, Mapping) else None
        if str(given).strip().lower() not in _LAYOUTS:
            return values
        if "layout" in values:
            raise ValueError(f"format {given} is a layout, and layout stands there, too")
        return {"layout": given, **{name: value for name, value in values.items() if name != "format"}}

    def over(self, base: MixParameters) -> MixParameters:
        """These in place of those of `base`.

        Raises:
            ValueError: together they cannot be had.
        """
        told = {name: value for name, value in self.model_dump().items() if value is not None}
        if "hold" in told and "hold_fade_ms" not in told:
            told["hold_fade_ms"] = 0
        parameters = replace(base, **told)
        if parameters.hold_fade_ms and parameters.hold != HOLD_CUT:
            raise ValueError(f"a fade belongs to hold {HOLD_CUT}, not to hold {parameters.hold}")
        if parameters.format == "opus" and parameters.sample_rate_hz not in {None, *OPUS_RATES_HZ}:
            raise ValueError(f"opus has no rate of {parameters.sample_rate_hz} Hz")
        if parameters.format == "mp3" and parameters.layout == MULTICHANNEL:
            raise ValueError("mp3 has no more than two channels: take another format or layout")
        return parameters


class RuleEntry(BaseModel):
    """One rule as it was given. `condition` is of the kind that `rule_type` names."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, str_strip_whitespace=True, coerce_numbers_to_str=True
    )
    other_names: ClassVar[dict[str, str]] = {
        "id": "rule_id",
        "type": "rule_type",
        "tenant": "tenant_id",
        "enabled": "is_enabled",
    }
    tenant_id: Text = DEFAULT_TENANT
    rule_id: Text
    name: Text = ""
    rule_type: Literal["AGENT", "DN", "TIME", "PERCENTAGE", "ANI", "DURATION", "DEFAULT"]
    condition: SerializeAsAny[Condition]
    action: Literal["RECORD", "SKIP"]
    parameters: GivenParameters = GivenParameters()
    priority: Annotated[int, Field(ge=-(2**31), lt=2**31)] = 0
    version: Annotated[int, Field(ge=1, lt=2**31)] = 1
    is_enabled: bool = True

    @model_validator(mode="after")
    def _has_an_id_of_its_own(self) -> Self:
        if self.rule_id in BUILT_IN_RULES:
            raise ValueError(f"{self.rule_id} is the id of a built-in rule: take another")
        return self

    @property
    def is_default(self) -> bool:
        """Whether it is what the tenant wants where no rule matches."""
        return self.rule_type == DEFAULT

    @property
    def shown_name(self) -> str:
        """Its name, else its id."""
        return self.name or self.rule_id


def snake_case(name: str) -> str:
    """`sampleRate` as `sample_rate`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name.strip()).lower()
