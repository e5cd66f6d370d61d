"""The search for calls over HTTP: a page for people, JSON for programs, and what is missing shown as missing."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from cx_pipeline.adapters.database.call_search import SearchTooLongError
from cx_pipeline.adapters.recording_rules.loading import load_rules
from cx_pipeline.gateway.pages import calls_page, rules
from cx_pipeline_tests.gateway.pages.conftest import Stage
from cx_pipeline_tests.gateway.pages.recorded_calls import leg_row, talk

DAY = datetime(2026, 4, 1, tzinfo=UTC)


def found(stage: Stage, token: str = "all", **params: str) -> dict[str, Any]:
    answer = stage.gateway.client(token, headers={"Accept": "application/json"}).get("/calls", params=params)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def day(number: int) -> dict[str, str]:
    """The query of a day that only one test uses."""
    start = DAY + timedelta(days=number)
    return {"from": f"{start:%Y-%m-%d}", "to": f"{start:%Y-%m-%d}"}


def at(number: int, minute: int = 0, **otherwise: Any) -> dict[str, Any]:
    start = DAY + timedelta(days=number, minutes=minute)
    return leg_row(start_time=start, end_time=start + timedelta(minutes=1), **otherwise)


def states(document: dict[str, Any]) -> list[str]:
    return [call["recording"]["state"] for call in document["calls"]]


def test_each_leg_of_the_last_day_is_shown_with_its_recordings_state(stage: Stage) -> None:
    document = found(stage, "acme")
    assert states(document) == [
        "in_progress", "waiting", "missing", "missing", "playable", "missing", "not_due", "playable", "playable",
        "missing",
    ]  # fmt: skip
    html = stage.page("/calls", "acme")
    recording_id = stage.samples.transferred.recording_id
    assert f'href="/recordings/{recording_id}"' in html
    for told in (
        "Missing: nothing says why",
        "Not made yet",
        "still going on",
        "Not answered",
        "10 call legs",
    ):
        assert told in html


def test_only_what_lacks_its_recording_is_asked_for_by_missing(stage: Stage) -> None:
    assert set(states(found(stage, missing="1"))) == {"missing"}
    assert len(found(stage, missing="1")["calls"]) == 4


def test_a_rule_that_left_a_leg_out_is_named(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.calls.legs(at(1, tenant_id="initech", service_identifier="9999"), at(1, 1, tenant_id="initech"))
    _add_rule(stage, "initech", "no-9999", "The doctor's line", {"numbers": ["9999"]})
    monkeypatch.setattr(rules, "KEPT_S", 0.0)
    document = found(stage, **day(1))
    assert states(document) == ["missing", "excluded"]
    assert document["calls"][1]["recording"]["ruleId"] == "no-9999"
    assert "Left out by rule no-9999 (The doctor&#39;s line)" in stage.page("/calls", **day(1))
    assert states(found(stage, missing="1", **day(1))) == ["missing"]


def _add_rule(stage: Stage, tenant: str, rule_id: str, name: str, condition: dict[str, Any]) -> None:
    statement = text(
        "INSERT INTO recording_rule (tenant_id, rule_id, name, rule_type, condition, action) "
        "VALUES (:tenant, :rule, :name, 'DN', CAST(:condition AS jsonb), 'SKIP')"
    )
    with stage.engine.begin() as connection:
        values = {"tenant": tenant, "rule": rule_id, "name": name, "condition": json.dumps(condition)}
        connection.execute(statement, values)
    assert load_rules(stage.gateway.settings, stage.engine).problem is None  # as the pipeline does


def test_what_rules_leave_out_never_makes_a_page_of_the_missing_short(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls_page, "PAGE_ROWS", 3)
    monkeypatch.setattr(rules, "KEPT_S", 0.0)
    _add_rule(stage, "hooli", "no-8001", "None", {"numbers": ["8001"]})
    stage.calls.legs(
        *(at(2, n, tenant_id="hooli", service_identifier="8001" if n % 4 else "8044") for n in range(24))
    )
    pages, url = [], "/calls?" + "&".join(f"{k}={v}" for k, v in {**day(2), "missing": "1"}.items())
    client = stage.gateway.client("all", headers={"Accept": "application/json"})
    while url:
        document = client.get(url).json()
        pages.append([call["startTime"] for call in document["calls"]])
        url = document["next"]
    assert [len(page) for page in pages if page] == [3, 3]
    assert len({start for page in pages for start in page}) == 6


def test_pages_follow_each_other_in_the_browser_too(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_page, "PAGE_ROWS", 2)
    stage.calls.legs(*(at(3, n, wrap_up=f"leg {n}") for n in range(5)))
    html, seen = stage.page("/calls", **day(3)), []
    for _ in range(3):
        seen += re.findall(r'data-label="Wrap-up">leg (\d)<', html)
        older = re.findall(r'href="([^"]+)" rel="next"', html)
        if older:
            html = stage.page(older[0].replace("&amp;", "&"))
    assert seen == ["4", "3", "2", "1", "0"]
    assert "Newest" in html


def test_a_search_without_a_result_says_what_it_looked_for(stage: Stage) -> None:
    html = stage.page("/calls", agent="Nobody <i>", number="+4999", type="CONFERENCE", wrap_up="x", **day(4))
    assert "Nothing found" in html
    assert "agent Nobody &lt;i&gt;; a number that begins or ends with +4999; type CONFERENCE" in html
    assert found(stage, **day(4)) == {
        "from": "2026-04-05T00:00:00Z", "to": "2026-04-06T00:00:00Z", "calls": [], "next": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("params", "where"),
    [
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-13-01"}, "to"),
        ({"from": "2026-04-02", "to": "2026-04-01"}, "to"),
        ({"from": "2020-01-01", "to": "2026-01-01"}, "from"),
        ({"from": "9999-12-31"}, "from"),
        ({"number": "12"}, "number"),
        ({"number": "'; DROP TABLE"}, "number"),
        ({"type": "MEETING"}, "type"),
        ({"missing": "maybe"}, "missing"),
        ({"page": "AAAA"}, "page"),
        ({"page": "W10"}, "page"),
        ({"agent": "a\0b"}, "agent"),
        ({"wrap_up": "x" * 101}, "wrap_up"),
    ],
    ids=str,
)
def test_what_cannot_be_understood_is_told_and_nothing_is_searched(
    stage: Stage, params: dict[str, str], where: str
) -> None:
    answer = stage.gateway.client("all").get("/calls", params=params)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["where"] for error in answer.json()["errors"]] == [f"query.{where}"]
    page = stage.answer("/calls", **params)
    assert page.status_code == 422
    assert "This cannot be searched for" in page.text


def test_a_search_that_takes_too_long_asks_for_a_shorter_time(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_long(*_: object) -> None:
        raise SearchTooLongError("the search for calls took more than 10 s")

    monkeypatch.setattr(stage.gateway.app.state.pages.search, "legs", too_long)
    params = {"agent": "Anna"}
    page = stage.answer("/calls", **params)
    assert (page.status_code, "ask for a shorter time" in page.text) == (503, True)
    assert (
        "ask for a shorter time" in stage.gateway.client("all").get("/calls", params=params).json()["detail"]
    )


def test_tenants_find_their_own_calls_only(stage: Stage) -> None:
    stage.calls.legs(at(5, tenant_id="globex", wrap_up="secret of globex"))
    assert found(stage, "acme", **day(5))["calls"] == []
    assert len(found(stage, "globex", **day(5))["calls"]) == 1
    assert "secret of globex" not in stage.page("/calls", "acme", **day(5))


def test_it_needs_the_scope(stage: Stage) -> None:
    assert stage.gateway.client("listener").get("/calls").status_code == 403
    assert stage.gateway.client().get("/calls").status_code == 401


def test_a_leg_whose_recording_failed_says_why(stage: Stage) -> None:
    row = at(6)
    stage.calls.legs(row)
    call = stage.calls.recording([talk(1, []), talk(1, [])], [row])
    with stage.engine.begin() as connection:
        statement = text(
            "UPDATE recording SET state = 'FAILED', failure = 'FILE_EMPTY', path = NULL WHERE recording_id = :id"
        )
        connection.execute(statement, {"id": call.recording_id})
    document = found(stage, **day(6))
    assert document["calls"][0]["recording"]["text"] == "Failed: the recorder's file is empty"
    assert states(found(stage, missing="true", **day(6))) == ["failed"]


def test_the_start_leads_to_the_search(stage: Stage) -> None:
    answer = stage.answer("/")
    assert (answer.status_code, answer.headers["location"]) == (302, "/calls")


def test_styles_and_scripts_are_kept_for_ever_under_the_version_of_their_content(stage: Stage) -> None:
    html = stage.page("/calls")
    addresses = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', html))
    assert {address.rpartition("/")[2] for address in addresses} == {"mark.svg", "pages.css", "times.js"}
    client = stage.gateway.client()
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert client.get(address, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    [style] = [address for address in addresses if address.endswith(".css")]
    old = client.get("/static/0123456789abcdef/pages.css")
    assert old.content == client.get(style).content
    assert "immutable" not in old.headers["cache-control"]


@pytest.mark.parametrize(
    "path", ["/static/x/nothing.css", "/static/x/..%2froutes.py", "/static/x/__init__.py", "/static/x/%2e%2e"]
)
def test_nothing_but_static_files_is_served_as_such(stage: Stage, path: str) -> None:
    assert stage.gateway.client("all").get(path).status_code == 404
