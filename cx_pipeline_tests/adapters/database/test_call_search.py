"""Searching legs: filters that combine, pages that fit together, walls between tenants, and what became of recordings."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, text

from cx_pipeline.adapters.database import call_search
from cx_pipeline.adapters.database.call_search import CallFilter, CallSearch, FoundLeg, SearchTooLongError
from cx_pipeline.adapters.database.connection import engine_for
from cx_pipeline.adapters.database.message_tables import enriched_leg
from cx_pipeline.adapters.database.postmaster import Postmaster
from cx_pipeline.adapters.database.recordings import Recordings
from cx_pipeline_tests.adapters.database.test_recordings import WINDOW, finish, missing, plan, uuid, wanted
from cx_pipeline_tests.database import copied_database
from cx_pipeline_tests.gateway.pages.recorded_calls import leg_row

TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def store(engine: Engine, *rows: dict[str, Any]) -> None:
    names = {name for row in rows for name in row}
    with engine.begin() as connection:
        connection.execute(insert(enriched_leg), [{**dict.fromkeys(names), **row} for row in rows])


def leg(number: int, **otherwise: Any) -> dict[str, Any]:
    """Leg `number` begins so many minutes after ten."""
    start = TEN + number * MINUTE
    given = {"start_time": start, "end_time": start + MINUTE, "leg_id": uuid(number), **otherwise}
    return leg_row(**given)


def of(wanted_filter: dict[str, Any] | None = None) -> CallFilter:
    return CallFilter(TEN, TEN + timedelta(days=1), **(wanted_filter or {}))


def numbers(found: Iterable[FoundLeg]) -> list[int]:
    return [int(each.leg["leg_id"][-12:]) for each in found]


def search(engine: Engine, tenant_id: str | None = "acme", **wanted_filter: Any) -> list[int]:
    return numbers(CallSearch(engine).legs(of(wanted_filter), tenant_id, 100))


@pytest.fixture(scope="module")
def stored(database_server: Postmaster, database_template: str) -> Iterator[Engine]:
    """Legs that many tests read and none changes."""
    with copied_database(database_server, database_template) as url:
        engine = engine_for(url)
        store(
            engine,
            leg(1),
            leg(2, agent_extension="1017", agent_id="5002", agent_name="Ben Okafor", wrap_up="Refund 100%"),
            leg(3, customer_identifier="+4930901820", service_identifier="8044", call_type="CONFERENCE"),
            leg(4, customer_identifier="+493077701", wrap_up=None, call_type="DIRECT_TRANSFER"),
            leg(5, tenant_id="globex"),
            leg(6, is_artefact=True),
            leg(7, agent_name="Be_n", agent_extension="5002", agent_id="77"),
        )
        yield engine
        engine.dispose()


@pytest.mark.parametrize(
    ("wanted_filter", "legs"),
    [
        ({}, [7, 4, 3, 2, 1]),
        ({"agent": "1017"}, [2]),
        ({"agent": "5002"}, [7, 2]),
        ({"agent": "ben"}, [2]),
        ({"agent": "e_n"}, [7]),
        ({"agent": "%"}, []),
        ({"number": "+4930"}, [4, 3]),
        ({"number": "901820"}, [3]),
        ({"number": "8044"}, [3]),
        ({"number": "0199"}, [7, 2, 1]),
        ({"number": "80"}, [7, 4, 3, 2, 1]),
        ({"number": "90182"}, []),
        ({"number": "+____901820"}, []),
        ({"call_type": "TRANSFER"}, [4]),
        ({"call_type": "CONFERENCE"}, [3]),
        ({"wrap_up": "refund"}, [2]),
        ({"wrap_up": "100%"}, [2]),
        ({"wrap_up": "0_"}, []),
        ({"number": "+4930", "call_type": "CONFERENCE", "agent": "1005"}, [3]),
        ({"number": "+4930", "agent": "Ben"}, []),
    ],
    ids=str,
)
def test_filters_find_what_fits_them_all_newest_first(
    stored: Engine, wanted_filter: dict[str, Any], legs: list[int]
) -> None:
    assert search(stored, **wanted_filter) == legs


def test_a_tenant_finds_its_own_legs_and_who_may_see_all_finds_those_of_each(stored: Engine) -> None:
    assert search(stored, "globex") == [5]
    assert search(stored, "nobody") == []
    assert search(stored, None) == [7, 5, 4, 3, 2, 1]


def test_the_time_counts_with_its_begin_and_without_its_end(stored: Engine) -> None:
    span = CallFilter(TEN + 2 * MINUTE, TEN + 4 * MINUTE)
    assert numbers(CallSearch(stored).legs(span, "acme", 100)) == [3, 2]


@pytest.mark.parametrize("tenant", ["acme", None])
def test_pages_fit_together_while_newer_legs_arrive(engine: Engine, tenant: str | None) -> None:
    # Three legs begin at each moment: the place has to tell them apart.
    store(engine, *(leg(n, start_time=TEN + (n // 3) * MINUTE, end_time=None) for n in range(1, 26)))
    seen: list[int] = []
    after = None
    for page in range(20):
        found = CallSearch(engine).legs(of({"number": "0199"}), tenant, 4, after)
        if not found:
            break
        seen += numbers(found)
        after = found[-1].place
        store(engine, leg(100 + page))
    assert seen == sorted(range(1, 26), reverse=True)


def test_an_empty_database_has_nothing(engine: Engine) -> None:
    assert search(engine, None) == []


def test_each_leg_has_the_recording_that_counts(engine: Engine) -> None:
    store(engine, *(leg(n, call_id=uuid(100)) for n in (1, 2, 3)))
    table = Recordings(engine)
    both = plan(33, files=(uuid(11), uuid(12), uuid(13)), legs=(uuid(1), uuid(2)), kind="CALL")
    finish(table, plan(31, legs=(uuid(1),)))
    finish(table, both)
    table.plan(WINDOW, [wanted(both), missing(50, leg=uuid(3))])
    rows = [each.recording or {} for each in CallSearch(engine).legs(of(), "acme", 9)]
    third, second, first = rows
    assert first["recording_id"] == second["recording_id"] == uuid(33)
    assert first["state"] == "COMPLETED"
    assert (third["state"], third["failure"]) == ("FAILED", "NO_MANIFEST")


def test_what_lacks_a_recording_is_answered_reportable_over_and_has_none(engine: Engine) -> None:
    store(
        engine, leg(1), leg(2), leg(3, is_answered=False), leg(4, is_reportable=False), leg(5, end_time=None),
        leg(6), leg(7), leg(8, end_time=TEN + timedelta(hours=9)),
    )  # fmt: skip
    table = Recordings(engine)
    made = plan(31, files=(uuid(19),), legs=(uuid(1),))
    finish(table, made)
    table.plan(WINDOW, [wanted(made), missing(50, leg=uuid(6)), wanted(plan(37, legs=(uuid(7),)))])
    before = TEN + timedelta(hours=1)
    assert search(engine, lacks_recording_before=before) == [6, 2]


def test_a_search_that_takes_too_long_says_so(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_search, "SEARCH_TIMEOUT_S", 0.05)
    store(engine, leg(1))
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE enriched_leg RENAME TO slow_leg"))
        connection.execute(text("CREATE VIEW enriched_leg AS SELECT slow_leg.* FROM pg_sleep(1), slow_leg"))
    with pytest.raises(SearchTooLongError, match="shorter time"):
        search(engine)


def test_numbers_are_found_by_their_begin_or_end_through_an_index(engine: Engine) -> None:
    store(engine, *(leg(n, customer_identifier=f"+49{n:04d}{n % 10}77") for n in range(1, 400)))
    query = call_search._search(of({"number": "0377"}), ["acme"], 51, None)
    compiled = query.compile(engine, compile_kwargs={"render_postcompile": True})
    with engine.connect() as connection:
        connection.execute(text("ANALYZE enriched_leg"))
        connection.execute(text("SET enable_seqscan = off"))
        explained = connection.exec_driver_sql(f"EXPLAIN {compiled}", compiled.params).scalars().all()
    used = "\n".join(map(str, explained))
    for index in ("customer_end", "customer_begin", "service_end", "service_begin"):
        assert f"enriched_leg_by_{index}" in used or "enriched_leg_by_time" in used
    assert "enriched_leg_by_customer_end" in used
