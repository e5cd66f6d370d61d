"""Which recorded leg is which of ours."""

from datetime import timedelta

import polars as pl
import pytest

from cx_pipeline.core.linking.eleveo import MergeRules
from cx_pipeline.core.linking.eleveo_calls import LEG_COLUMNS, calls_of, candidates_of
from cx_pipeline.core.linking.eleveo_matching import OurCall, closest, dialog_call, eleveo_id, matched_legs
from cx_pipeline.core.linking.schema import LINK_CANDIDATE_SCHEMA
from cx_pipeline_tests.core.linking.eleveo_tables import at, call, couples

RULES = MergeRules()


def pairs(our: OurCall, table: str) -> list[tuple[str, str | None]]:
    return [
        (each.recorded.couples[0].couple.couple_id, each.leg.leg_id if each.leg else None)
        for each in matched_legs(our, couples(table), RULES)
    ]


def test_a_leg_is_found_by_call_extension_and_start_whatever_the_seconds_between_the_clocks() -> None:
    our = call("leg 1001 10:00:00 10:03:00")
    assert pairs(our, "1 1_7 10:00:04 10:03:04 555 1001 1001 START END") == [("1", "leg")]


def test_another_start_in_the_same_call_and_extension_is_another_leg() -> None:
    our = call("first 1001 10:00:00 10:01:00\nsecond 1001 10:05:00 10:06:00")
    table = """
        1 1_7 10:00:01 10:01:00 555 1001 1001 START END
        2 1_7 10:05:02 10:06:00 555 1001 1001 TRANSFER END
        3 1_7 10:08:00 10:09:00 555 1001 1001 TRANSFER END
    """
    assert pairs(our, table) == [("1", "first"), ("2", "second"), ("3", None)]


def test_a_recording_without_its_beginning_is_of_the_leg_that_it_lies_in() -> None:
    our = call("leg 1001 10:00:00 10:03:00 10:01:00-10:02:00")
    assert pairs(our, "2 1_7 10:02:00 10:03:00 555 1001 1001 RETRIEVE END") == [("2", "leg")]


def test_the_consultation_of_a_leg_is_not_the_leg() -> None:
    our = call("leg 1001 10:00:00 10:05:00 10:00:03-10:02:00", keys="1_7 1_8")
    table = """
        1 1_7 10:00:00 10:00:03 555  1001 1001 START    HOLD
        2 1_8 10:00:04 10:01:59 1001 1002 1001 START    END
        3 1_7 10:02:00 10:05:00 555  1001 1001 RETRIEVE END
    """
    assert pairs(our, table) == [("1", "leg"), ("2", None)]


def test_two_recordings_that_fit_alike_are_of_no_leg() -> None:
    our = call("leg 1001 10:00:00 10:03:00")
    table = """
        1 1_7 10:00:00.100 10:03:00 555 1001 1001 START END
        2 1_7 10:00:00.300 10:03:00 555 1001 1001 START END
    """
    assert pairs(our, table) == [("1", None), ("2", None)]


def test_couples_of_another_call_or_another_hour_are_left_out() -> None:
    our = call("leg 1001 10:00:00 10:03:00")
    table = """
        1 1_9 10:00:00 10:03:00 555 1001 1001 START END
        2 1_7 13:00:00 13:03:00 555 1001 1001 START END
        3 1_7 07:00:00 07:03:00 555 1001 1001 START END
    """
    assert pairs(our, table) == []


def test_the_closest_start_counts_up_to_ten_seconds() -> None:
    our = call("leg 1001 10:00:00 10:01:00")
    matched = matched_legs(our, couples("1 1_7 10:00:04 10:01:00 555 1001 1001 START END"), RULES)
    assert closest(matched, "1001", at("10:00:14")) is matched[0]
    assert closest(matched, "1001", at("09:59:50")) is matched[0]  # the start of the leg counts as well
    assert closest(matched, "1001", at("10:00:15")) is None
    assert closest(matched, "1002", at("10:00:04")) is None


def test_a_call_of_which_we_have_no_leg_is_looked_up_by_its_text() -> None:
    our = dialog_call("abc", "abc", "1001", at("10:00:00"))
    matched = matched_legs(our, couples("1 abc 10:00:02 10:01:00 555 1001 - START END"), RULES)
    assert [each.leg for each in matched] == [None]
    assert closest(matched, "1001", at("10:00:00")) is matched[0]


@pytest.mark.parametrize(
    ("form", "expected"),
    [("told", "told"), ("call_key", "1_7"), ("number", "16777223"), ("slashed", "7/1")],
)
def test_a_call_id_is_written_as_the_site_has_it(form: str, expected: str) -> None:
    assert eleveo_id("told", "1_7", form) == expected  # type: ignore[arg-type]


def test_an_id_that_is_no_number_of_cisco_is_left_as_it_is() -> None:
    assert eleveo_id(None, "GUID-x", "number") == "GUID-x"
    assert eleveo_id(None, "300_7", "number") == "300_7"


def legs(*rows: tuple[str, str, str | None, str, str | None]) -> pl.DataFrame:
    """Legs of leg id, tenant, own JTAPI id, root call key and end."""
    schema = {name: pl.String() for name in LEG_COLUMNS}
    times = {"start_time": pl.Datetime("us", "UTC"), "end_time": pl.Datetime("us", "UTC")}
    hold = {"hold_segments": pl.List(pl.Struct(times))}
    return pl.DataFrame(
        [
            {
                "leg_id": leg_id, "leg_key": f"call:1001:555:{leg_id}", "call_id": "call", "cx_call_id": "cx",
                "tenant_id": tenant, "root_call_key": root, "jtapi_id": jtapi_id, "agent_extension": "1001",
                "start_time": at("10:00:00"), "end_time": at(end) if end else None, "hold_segments": None,
            }
            for leg_id, tenant, jtapi_id, root, end in rows
        ],
        schema={**schema, **times, **hold},
    )  # fmt: skip


def test_a_call_is_asked_for_by_each_of_its_ids_once() -> None:
    frame = legs(
        ("a", "red", "7/1", "1_7", "10:01:00"),
        ("b", "red", "8/1", "1_7", None),
        ("c", "blue", "9/1", "1_9", None),
    )
    (our,) = calls_of(frame, "red", "told")
    assert our.wanted_ids == ("7/1", "8/1")
    assert our.call_keys == {"1_7", "1_8"}
    assert our.span == (at("10:00:00"), at("10:01:00"))
    assert [leg.leg_id for leg in our.legs] == ["a", "b"]


def test_candidates_tell_whose_leg_they_are_and_where_that_is_not_known_the_call_and_its_times() -> None:
    (our,) = calls_of(legs(("a", "red", "7/1", "1_7", "10:01:00")), "red", "told")
    table = """
        1 1_7 10:00:01 10:01:00 555 1001 1001 START END
        2 1_7 10:00:30 10:00:50 555 1009 1009 START END
        3 1_7 10:00:55 -        555 1009 1009 START -
    """
    frame = candidates_of([(our, matched_legs(our, couples(table), RULES))], "red")
    assert frame.schema == LINK_CANDIDATE_SCHEMA
    first, second = frame.iter_rows(named=True)
    assert (first["leg_id"], first["leg_key"], first["cx_call_id"]) == ("a", "call:1001:555:a", "cx")
    assert first["duration_ms"] == 59_000
    assert second["leg_id"] is None
    assert second["leg_key"] == f"call:1009:555:{round(at('10:00:30').timestamp() * 1000)}"
    assert len({first["candidate_id"], second["candidate_id"]}) == 2


def test_a_recording_keeps_its_id_and_changes_its_version_when_a_couple_comes_late() -> None:
    (our,) = calls_of(legs(("a", "red", "7/1", "1_7", "10:03:00")), "red", "told")
    late = """
        1 1_7 10:00:00 10:01:00 555 1001 1001 START HOLD
        2 1_7 10:02:00 10:03:00 555 1001 1001 RETRIEVE END
    """
    both = couples(late)
    before = candidates_of([(our, matched_legs(our, both[:1], RULES))], "red")
    after = candidates_of([(our, matched_legs(our, both, RULES))], "red")
    assert before["candidate_id"].to_list() == after["candidate_id"].to_list()
    assert before["version"].to_list() != after["version"].to_list()
    assert after["end_time"][0] - after["start_time"][0] == timedelta(minutes=3)
