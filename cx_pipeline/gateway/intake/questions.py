"""The question whether a call that begins is to be recorded, and its answer (guide 19.4.4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from cx_pipeline.core.directory import Directory
from cx_pipeline.core.events.tenancy import DEFAULT_TENANT
from cx_pipeline.core.recording.call_facts import CallFacts
from cx_pipeline.core.recording.evaluation import Answer
from cx_pipeline.core.recording.manifest_fields import (
    AGENT_EXTENSION,
    CALLED_NUMBER,
    CALLING_NUMBER,
    TENANT,
    direction_of,
)
from cx_pipeline.core.recording.manifest_values import ManifestRefusedError, told_moment, told_text
from cx_pipeline.core.recording.schema import RECORD
from cx_pipeline.gateway.access.principal import Principal


@dataclass(frozen=True, slots=True)
class Question:
    """What a recorder tells of a call that begins."""

    tenant_id: str
    agent_extension: str | None
    calling_number: str | None
    called_number: str | None
    direction: str | None
    start_time: datetime | None

    def of_call(self, directory: Directory) -> CallFacts:
        """What of it will not change.

        A number inside the house may turn out to be that of a consult, and the call's own id to be that of a part of
        another call: both are left out. The service is known where the directory has its number.
        """
        services = _numbers(directory.service_numbers, "number", self.tenant_id)
        is_inbound = self.direction == "INBOUND"
        return CallFacts(
            tenant_id=self.tenant_id,
            agent_extension=self.agent_extension,
            dialled_number=self.called_number if is_inbound and self.called_number in services else None,
            other_number=self._outside_number(directory),
            start_time=self.start_time,
        )

    def _outside_number(self, directory: Directory) -> str | None:
        sides = {"INBOUND": self.calling_number, "OUTBOUND": self.called_number}
        number = sides.get(self.direction or "")
        if number is None or len(number) <= len(self.agent_extension or ""):
            return None  # as short as an extension: it may be one, whatever the directory knows
        is_inside = number in _numbers(directory.agents, "extension", self.tenant_id)
        is_inside = is_inside or _is_in_ranges(number, directory.ranges, self.tenant_id)
        return None if is_inside else number


def question_of(document: Mapping[str, object], asker: Principal) -> Question:
    """The facts in a question (guide 19.4.4, `lua/cx/rules.lua`).

    Raises:
        ManifestRefusedError: a field cannot be read, or the tenant is not the asker's.
    """
    told = told_text(document, TENANT)
    if told is not None and not asker.sees(told):
        raise ManifestRefusedError("OTHER_TENANT: tenantId is not the asker's")
    tenant_id = told or asker.tenant_id or DEFAULT_TENANT
    return Question(
        tenant_id=tenant_id,
        agent_extension=told_text(document, AGENT_EXTENSION),
        calling_number=told_text(document, CALLING_NUMBER),
        called_number=told_text(document, CALLED_NUMBER),
        direction=direction_of(document),
        start_time=told_moment(document, ("timestamp", "start_time", "startTime")),
    )


def answer_document(answer: Answer) -> dict[str, object]:
    """The answer as the guide has it (`record`, `quality`), and what our scripts and people read beside it."""
    parameters = answer.parameters
    return {
        "record": answer.action == RECORD,
        "quality": parameters.layout,
        "action": answer.action,
        "isFinal": answer.is_final,
        "ruleId": answer.rule_id,
        "ruleName": answer.rule_name,
        "ruleVersion": answer.rule_version,
        "reason": answer.reason,
        "format": parameters.format,
        "sampleRate": parameters.sample_rate_hz,
    }


def _numbers(entries: pl.DataFrame, column: str, tenant_id: str) -> frozenset[str]:
    return frozenset(entries.filter(pl.col("tenant_id") == tenant_id)[column].drop_nulls())


def _is_in_ranges(number: str, ranges: pl.DataFrame, tenant_id: str) -> bool:
    if not (number.isascii() and number.isdigit() and len(number) <= 18):
        return False
    within = (pl.col("first_extension") <= int(number)) & (pl.col("last_extension") >= int(number))
    return not ranges.filter((pl.col("tenant_id") == tenant_id) & within).is_empty()
