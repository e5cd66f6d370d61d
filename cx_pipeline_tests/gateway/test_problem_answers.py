"""Whatever goes wrong is a problem document, and tells nothing of our inside."""

from collections.abc import Iterator, Mapping

import pytest

from cx_pipeline.gateway.problems import PROBLEM_TYPE
from cx_pipeline_tests.gateway.probes import FAILURES, SECRET_PLACE, add_probes
from cx_pipeline_tests.gateway.running import AWAY, Gateway, gateway_settings_in, running_gateway


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, tokens: Mapping[str, str]) -> Iterator[Gateway]:
    settings = gateway_settings_in(tmp_path_factory.mktemp("door"), AWAY, tokens)
    with running_gateway(settings, tokens, add_probes) as running:
        yield running


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("problem", 409),
        ("database", 503),
        ("storage", 503),
        ("input", 400),
        ("configuration", 500),
        ("seal", 500),
        ("root", 500),
        ("unknown", 500),
    ],
)
def test_each_failure_is_a_problem_without_our_inside(door: Gateway, kind: str, status: int) -> None:
    answer = door.client().get(f"/probe/fails/{kind}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM_TYPE)
    assert answer.json()["status"] == status
    for inside in (SECRET_PLACE, "secret", "Traceback", type(FAILURES[kind]).__name__):
        assert inside not in answer.text
    if status == 503:
        assert int(answer.headers["retry-after"]) > 0


def test_what_nobody_foresaw_is_in_the_log_with_its_trace(
    door: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    door.client().get("/probe/fails/unknown")
    (told,) = [record for record in caplog.records if record.exc_info]
    assert told.name == "cx_pipeline.gateway.problem_answers"
    assert told.getMessage() == "GET /probe/fails/{kind} failed"


def test_a_problem_tells_its_detail(door: Gateway) -> None:
    assert door.client().get("/probe/fails/problem").json() == {
        "type": "about:blank",
        "title": "There already",
        "status": 409,
        "detail": "Take another name.",
    }


@pytest.mark.parametrize("content", [b"", b"{", b'["a s3cret value"]', b"\xff\xfe", b'{"a":1}'])
def test_a_body_that_does_not_fit_is_told_where_and_never_shown(door: Gateway, content: bytes) -> None:
    answer = door.client().post(
        "/probe/parsed", content=content, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == PROBLEM_TYPE
    assert "s3cret" not in answer.text
    if answer.status_code == 422:
        assert all(error["where"].startswith("body") and error["what"] for error in answer.json()["errors"])


@pytest.mark.parametrize("path", ["/nothing-here", "/probe/play/", "/docs", "/redoc", "/%2e%2e/etc/passwd"])
def test_what_is_not_there_is_a_problem_as_well(door: Gateway, path: str) -> None:
    answer = door.client().get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM_TYPE)


def test_a_wrong_method_is_told_with_those_that_are_right(door: Gateway) -> None:
    answer = door.client().delete("/healthz")
    assert (answer.status_code, answer.headers["content-type"]) == (405, PROBLEM_TYPE)
    assert "GET" in answer.headers["allow"]


def test_every_answer_tells_browsers_to_be_careful(door: Gateway) -> None:
    for path in ("/healthz", "/nothing-here", "/probe/fails/unknown", "/openapi.json"):
        headers = door.client().get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'self'; ")
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers
