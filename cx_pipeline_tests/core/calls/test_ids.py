"""Ids of calls and legs, pinned: whoever changes one of these changes every id that was ever stored."""

import polars as pl

from cx_pipeline.core.identity import SEPARATOR, uuid_of
from cx_pipeline_tests.core.calls.scenario import correlated

CALL_ID = "d964ed86-e4cd-8f3e-a462-ac7e1f67396c"
CALL = """
    time     | event   | key   | ext  | tenant
    10:00:00 | STARTED | 1_100 |      | red
    10:00:05 | TALKING | 1_100 | 1005 | red
    10:01:00 | DROPPED | 1_100 | 1005 | red
    10:01:01 | TALKING | 1_100 | 1006 | red
    10:02:00 | DROPPED | 1_100 | 1006 | red
"""


def test_the_ids_of_a_call_and_its_legs_are_the_same_on_every_machine_version_and_day() -> None:
    result = correlated(CALL).correlation
    assert result.calls["call_id"].to_list() == [CALL_ID]
    assert result.legs.select("leg_number", "leg_id", "leg_key").rows() == [
        (1, "33d957e5-d906-8f3f-920b-ea1b549b7436", f"{CALL_ID}:1005::1705399205000"),
        (2, "88613c5a-edc5-8c11-a5e7-0241a8564ce2", f"{CALL_ID}:1006::1705399261000"),
    ]


def test_the_id_of_a_call_is_made_of_tenant_root_key_and_first_time() -> None:
    call = correlated(CALL).correlation.calls
    name = SEPARATOR.join(["call", "red", "1_100", "1705399200000000"])
    assert call["call_id"].to_list() == uuid_of(pl.Series([name])).to_list()


def test_the_id_of_a_leg_is_made_of_call_extension_and_number() -> None:
    legs = correlated(CALL).correlation.legs.sort("leg_number")
    names = [
        SEPARATOR.join(["leg", call_id, extension, str(number)])
        for call_id, extension, number in legs.select("call_id", "agent_extension", "leg_number").iter_rows()
    ]
    assert legs["leg_id"].to_list() == uuid_of(pl.Series(names)).to_list()


def test_what_happens_later_in_a_call_changes_neither_its_id_nor_that_of_its_first_leg() -> None:
    lines = CALL.strip().splitlines()
    whole = correlated(CALL).correlation
    for count in range(3, len(lines)):
        part = correlated("\n".join(lines[:count])).correlation
        assert part.calls["call_id"].to_list() == whole.calls["call_id"].to_list()
        first = part.legs.filter(part.legs["leg_number"] == 1)
        assert (
            first["leg_id"].to_list() == whole.legs.filter(whole.legs["leg_number"] == 1)["leg_id"].to_list()
        )


def test_other_calls_at_the_same_time_change_no_id() -> None:
    alone = correlated(CALL).correlation.legs.sort("leg_id")["leg_id"].to_list()
    others = "".join(f"10:00:0{i} | TALKING | 1_0{i} | 1005 | red\n" for i in range(1, 8))
    together = correlated(CALL + others).correlation.legs
    assert set(alone) <= set(together["leg_id"].to_list())


def test_the_same_call_of_another_tenant_has_other_ids() -> None:
    red, blue = correlated(CALL).correlation, correlated(CALL.replace("red", "blue")).correlation
    assert not set(red.calls["call_id"]) & set(blue.calls["call_id"])
    assert not set(red.legs["leg_id"]) & set(blue.legs["leg_id"])
