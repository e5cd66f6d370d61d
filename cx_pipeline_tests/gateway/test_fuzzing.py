"""Requests made up of the description of the interface: none is answered by a 500, and all answers are as described."""

import logging
import os
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cx_pipeline_tests.gateway.running import Gateway

REQUESTS = int(os.environ.get("CX_STRESS_REQUESTS", "2"))
"""So many of each operation, of those that fit the description and of those that do not."""
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.mark.stress
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_is_answered_by_a_500_or_otherwise_than_described(
    gateway: Gateway, mode: GenerationMode, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    description = gateway.client().get("/openapi.json").json()
    api = schemathesis.openapi.from_dict(description)
    headers = {"Authorization": f"Bearer {gateway.tokens['all']}"}
    found: set[str] = set()
    for result in api.get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]
        found |= wrong_answers(operation, mode, gateway.url, headers)
    assert sorted(found) == []
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []


def wrong_answers(operation: Any, mode: GenerationMode, url: str, headers: dict[str, str]) -> set[str]:
    """What is wrong with the answers to made-up requests of one operation, each once."""
    found: set[str] = set()

    @hypothesis_settings(
        max_examples=REQUESTS,
        deadline=None,
        database=None,
        derandomize=REQUESTS < 50,  # the same few in each run of `make test`
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        answer = case.call(base_url=url, headers=headers, allow_redirects=False)
        if answer.status_code == 500:
            found.add(f"500: {case.as_curl_command(headers)}")
        try:
            case.validate_response(answer, checks=CHECKS)
        except (Failure, FailureGroup) as failure:
            each = failure.exceptions if isinstance(failure, FailureGroup) else (failure,)
            found.update(f"{operation.label}: {answer.status_code}: {one}" for one in each)

    with suppress(Unsatisfiable):  # nothing can be wrong with a request that has no parts
        ask()
    return found
