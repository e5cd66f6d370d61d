from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import mmh3
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cx_pipeline.core.recording.rule_conditions import DAYS
from cx_pipeline_tests.core.directories import directory
from cx_pipeline_tests.core.recording.given_rules import TENANT, a_rule, decider, deciders, rule_set

NEITHER, MATCH = "default", "r1"


def test_an_agent_is_meant_by_extension_range_id_name_or_team() -> None:
    by_extension = rule_set(a_rule("AGENT", condition={"extensions": ["1005", "01005"]}))
    assert deciders(by_extension, "agent_extension", ["1005", "01005", "1006"]) == [MATCH, MATCH, NEITHER]
    by_range = rule_set(a_rule("AGENT", condition={"range": "1000-1009"}))
    extensions = ["1000", "1009", "1010", "01005", "100", "10050", "1005@x", "１００５"]
    assert deciders(by_range, "agent_extension", extensions) == [MATCH, MATCH] + [NEITHER] * 6
    assert deciders(
        rule_set(a_rule("AGENT", condition={"id": 5001})), "agent_id", ["5001", "5002", None]
    ) == [
        MATCH,
        NEITHER,
        NEITHER,
    ]
    assert decider(rule_set(a_rule("AGENT", condition={"name": "Anna Muster"}))) == MATCH


def test_fields_hold_together_and_values_are_alternatives() -> None:
    rules = rule_set(a_rule("AGENT", condition={"extensions": ["1005", "1006"], "ids": ["5001"]}))
    assert decider(rules, agent_extension="1006") == MATCH
    assert decider(rules, agent_extension="1006", agent_id="5002") == NEITHER
    either = rule_set(a_rule("AGENT", condition={"extensions": "2000", "ranges": ["1000-1999"]}))
    assert deciders(either, "agent_extension", ["2000", "1005", "2001"]) == [MATCH, MATCH, NEITHER]


SALES = rule_set(a_rule("AGENT", condition={"team": "Sales"}))


@pytest.mark.parametrize(
    ("agents", "of_leg", "expected"),
    [
        ([{"extension": "1005", "agent_id": "5001", "team": "Sales"}], {}, MATCH),
        ([{"extension": "1005", "team": "Sales"}], {}, MATCH),
        ([{"extension": "1005", "team": "Sales"}], {"agent_id": None}, MATCH),
        ([{"extension": "1005", "team": "Sales", "tenant_id": "other"}], {}, NEITHER),
        ([{"extension": "1005", "agent_id": "5002", "team": "Sales"}], {}, NEITHER),
        ([{"extension": "1009", "agent_id": "5001", "team": "Sales"}], {}, MATCH),
        ([{"extension": "1005", "agent_id": "5002", "team": "Sales"}], {"agent_id": None}, MATCH),
        ([{"extension": "1005", "agent_id": "5001", "team": "Care"},
          {"extension": "1009", "agent_id": "5001", "team": "Sales"}], {}, NEITHER),
        ([{"extension": "1005", "agent_id": "5001", "team": "Sales", "valid_to": datetime(2026, 6, 8, 10, tzinfo=UTC)}],
         {}, NEITHER),
    ],
)  # fmt: skip
def test_the_team_is_that_of_whoever_talked_else_of_the_extension(
    agents: list[dict[str, Any]], of_leg: dict[str, Any], expected: str
) -> None:
    known = directory(agents=[{"tenant_id": TENANT, **agent} for agent in agents])
    assert decider(SALES, known, **of_leg) == expected


def test_a_dialled_number_is_meant_by_itself_or_a_pattern() -> None:
    numbers = ["8001", "8002", "08001", None]
    assert deciders(rule_set(a_rule("DN", condition={"dn": "8001"})), "service_identifier", numbers) == [
        MATCH,
        NEITHER,
        NEITHER,
        NEITHER,
    ]
    rules = rule_set(a_rule("DN", condition={"pattern": "^80"}))
    assert deciders(rules, "service_identifier", numbers) == [MATCH, MATCH, NEITHER, NEITHER]


def test_the_number_at_the_other_end_is_the_customer_else_the_other_party() -> None:
    internal = rule_set(a_rule("ANI", condition={"pattern": r"^8\d{3}$"}))
    assert decider(internal, customer_identifier="8123") == MATCH
    assert decider(internal, customer_identifier=None, other_party="8123") == MATCH
    assert decider(internal, customer_identifier="+18005558123", other_party="8123") == NEITHER
    assert decider(internal, customer_identifier=None, other_party=None) == NEITHER


def test_a_duration_is_at_least_the_one_and_below_the_other() -> None:
    rules = rule_set(a_rule("DURATION", condition={"min_s": 10, "max_s": 12.5}))
    assert deciders(rules, "duration_ms", [9_999, 10_000, 12_499, 12_500]) == [NEITHER, MATCH, MATCH, NEITHER]


def test_a_share_of_the_calls_is_the_same_calls_always_and_part_of_a_larger_share() -> None:
    keys = [f"1_{number}" for number in range(4_000)]
    taken = {}
    for percentage in (0, "12.5", 50, 100):
        rules = rule_set(a_rule("PERCENTAGE", condition={"percentage": percentage}))
        found = deciders(rules, "root_call_key", keys)
        taken[str(percentage)] = {key for key, rule in zip(keys, found, strict=True) if rule == MATCH}
    assert taken["0"] == set()
    assert taken["100"] == set(keys)
    assert taken["12.5"] < taken["50"]
    assert abs(len(taken["12.5"]) - 500) < 90
    assert abs(len(taken["50"]) - 2_000) < 130


def test_whether_a_call_is_in_a_share_follows_from_the_published_hash_of_tenant_and_key() -> None:
    keys = [f"1_{number}" for number in range(300)]
    numbers = [mmh3.hash64(f"{TENANT}\x1f{key}", signed=False)[0] % 10_000 for key in keys]
    rules = rule_set(a_rule("PERCENTAGE", condition={"percentage": "33.33"}))
    expected = [MATCH if number < 3_333 else NEITHER for number in numbers]
    assert deciders(rules, "root_call_key", keys) == expected


def test_a_share_may_be_of_a_dialled_number_and_differs_by_tenant() -> None:
    rules = rule_set(a_rule("PERCENTAGE", condition={"dn": "8002", "percentage": 100}))
    assert decider(rules, root_call_key="1_1", service_identifier="8002") == MATCH
    assert decider(rules, root_call_key="1_1", service_identifier="8001") == NEITHER
    assert decider(rules, root_call_key=None, service_identifier="8002") == NEITHER
    keys = [f"1_{number}" for number in range(200)]
    half = {"condition": {"percentage": 50}}
    both = rule_set(a_rule("PERCENTAGE", **half), {**a_rule("PERCENTAGE", **half), "tenant_id": "other"})
    ours, theirs = (deciders(both, "root_call_key", keys, tenant_id=tenant) for tenant in (TENANT, "other"))
    assert [rule == NEITHER for rule in ours] != [rule == NEITHER for rule in theirs]


def at(*moments: datetime, zone: str = "Europe/Zurich", **condition: Any) -> list[bool]:
    """Whether a TIME rule matches legs that began at these moments."""
    rules = rule_set(
        a_rule("TIME", id=MATCH, condition=condition),
        a_rule("DEFAULT", id=NEITHER, action="RECORD", condition={"time_zone": zone}),
    )
    return [rule == MATCH for rule in deciders(rules, "start_time", list(moments))]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_office_hours_are_those_of_the_tenants_clock() -> None:
    office = {"from": "09:00", "to": "18:00", "days": "MON-FRI"}
    summer = [utc("2026-06-08T06:59:59.999999"), utc("2026-06-08T07:00"), utc("2026-06-08T15:59:59.999999"),
              utc("2026-06-08T16:00"), utc("2026-06-06T10:00")]  # fmt: skip
    assert at(*summer, **office) == [False, True, True, False, False]
    assert at(utc("2026-01-12T07:30"), utc("2026-01-12T08:00"), **office) == [False, True]
    assert at(utc("2026-06-08T13:30"), zone="America/New_York", **office) == [True]
    assert at(utc("2026-06-08T13:30"), time_zone="Asia/Tokyo", **office) == [False]


def test_a_span_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    night = {"from": "22:00", "to": "06:00", "days": ["FRI"]}
    friday = datetime(2026, 6, 5, tzinfo=UTC)
    moments = [friday + timedelta(hours=hours) for hours in (5, 21, 22, 23.9, 24, 29.9, 30, 46)]
    assert at(*moments, zone="UTC", **night) == [False, False, True, True, True, True, False, False]
    assert at(friday + timedelta(hours=5), zone="UTC", **{**night, "days": ["THU"]}) == [True]
    sunday_night = at(datetime(2026, 6, 8, 1, tzinfo=UTC), zone="UTC", **{**night, "days": "sunday"})
    assert sunday_night == [True]


def test_an_hour_that_comes_twice_is_within_twice() -> None:
    # On 25 October 2026 Zurich's clocks go from 03:00 back to 02:00, at 01:00 UTC.
    moments = [utc("2026-10-24T23:59"), utc("2026-10-25T00:00"), utc("2026-10-25T00:59"), utc("2026-10-25T01:00"),
               utc("2026-10-25T01:59"), utc("2026-10-25T02:00")]  # fmt: skip
    assert at(*moments, **{"from": "02:00", "to": "03:00"}) == [False, True, True, True, True, False]


def test_an_hour_that_is_skipped_never_comes() -> None:
    # On 29 March 2026 Zurich's clocks go from 02:00 to 03:00, at 01:00 UTC.
    moments = [utc("2026-03-29T00:59:59"), utc("2026-03-29T01:00"), utc("2026-03-29T02:00")]
    assert at(*moments, **{"from": "02:00", "to": "03:00"}) == [False, False, False]
    assert at(*moments, **{"from": "02:30", "to": "03:30"}) == [False, True, False]


def test_days_alone_are_whole_days_and_a_span_alone_is_every_day() -> None:
    saturday, monday = utc("2026-06-06T00:00"), utc("2026-06-08T23:59:59")
    assert at(saturday, monday, zone="UTC", days="SAT-SUN") == [True, False]
    assert at(saturday, monday, zone="UTC", to="12:00") == [True, False]
    assert at(saturday, monday, zone="UTC", **{"from": "12:00", "to": "24:00"}) == [False, True]
    assert at(saturday, monday, zone="UTC", days="SAT-MON") == [True, True]


ZONES = ("Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC")
half_hours = st.integers(0, 47).map(lambda half: f"{half // 2:02d}:{half % 2 * 30:02d}")
moments = st.lists(
    st.integers(0, 366 * 96).map(lambda quarter: datetime(2023, 12, 31, tzinfo=UTC) + timedelta(minutes=15 * quarter)),
    min_size=20, max_size=40,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(moments, half_hours, half_hours, st.sets(st.sampled_from(DAYS), min_size=1), st.sampled_from(ZONES))
def test_a_clock_is_read_as_the_standard_library_reads_it(
    began: list[datetime], start: str, end: str, days: set[str], zone: str
) -> None:
    assume(start != end and end != "00:00")
    expected = [_is_within(moment.astimezone(ZoneInfo(zone)), start, end, days) for moment in began]
    assert at(*began, zone=zone, **{"from": start, "to": end, "days": sorted(days)}) == expected


def _is_within(local: datetime, start: str, end: str, days: set[str]) -> bool:
    clock, today, yesterday = f"{local:%H:%M}", DAYS[local.weekday()], DAYS[local.weekday() - 1]
    if start < end:
        return start <= clock < end and today in days
    return (clock >= start and today in days) or (clock < end and yesterday in days)
