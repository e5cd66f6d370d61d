"""What the directory adds to a call (specification of correlation, sections 1 and 5), as pasted calls."""

from cx_pipeline_tests.core.calls.scenario import correlated
from cx_pipeline_tests.core.directories import directory

INBOUND = """
    time     | event       | key   | ext
    10:00:00 | ESTABLISHED | 1_100 | 1004
    10:00:05 | TALKING     | 1_100 | 1005
    10:02:00 | DROPPED     | 1_100 | 1005
"""


def test_without_a_directory_a_number_that_no_terminal_names_is_outside() -> None:
    correlated(INBOUND).has_legs("ext | direction | other | parties\n1005 | INBOUND | 1004 | 1005 1004")


def test_a_listed_agent_without_a_phone_of_ours_is_inside() -> None:
    correlated(INBOUND, directory=directory(agents=[{"extension": "1004"}])).has_legs(
        "ext | direction | other | parties\n1005 | INTERNAL | - | 1004 1005"
    )


def test_a_listed_agent_whom_only_a_connection_names_has_no_leg() -> None:
    correlated(INBOUND, directory=directory(agents=[{"extension": "1004"}, {"extension": "1005"}])).has_legs(
        "ext\n1005"
    )


def test_a_number_in_an_internal_range_is_inside_but_no_agent() -> None:
    inside = directory(ranges=[{"first_extension": 1000, "last_extension": 1999}])
    correlated(INBOUND, directory=inside).has_legs(
        "ext | direction | other | parties\n1005 | INTERNAL | - | 1005 1004"
    )


def test_a_range_holds_both_of_its_ends_and_nothing_beyond() -> None:
    for first, last, direction in [(1004, 1004, "INTERNAL"), (1005, 1999, "INBOUND"), (900, 1003, "INBOUND")]:
        inside = directory(ranges=[{"first_extension": first, "last_extension": last}])
        correlated(INBOUND, directory=inside).has_legs(f"ext | direction\n1005 | {direction}")


def test_a_service_number_in_an_internal_range_counts_as_outside() -> None:
    site = directory(
        ranges=[{"first_extension": 1000, "last_extension": 1999}], service_numbers=[{"number": "1004"}]
    )
    correlated(INBOUND, directory=site).has_legs("ext | direction | other\n1005 | INBOUND | 1004")


def test_the_other_party_is_the_caller_and_not_the_service_number_that_came_first() -> None:
    call = """
        time     | event       | key   | ext
        10:00:00 | OFFERED     | 1_100 | 0800
        10:00:01 | ESTABLISHED | 1_100 | +1555
        10:00:05 | TALKING     | 1_100 | 1005
    """
    correlated(call, directory=directory(service_numbers=[{"number": "0800"}])).has_legs(
        "ext | other\n1005 | +1555"
    )
    correlated(call).has_legs("ext | other\n1005 | 0800")


def test_the_tenant_of_a_call_is_found_by_its_agent_and_its_other_facts_follow() -> None:
    site = directory(agents=[{"extension": "1005", "tenant_id": "red"}])
    correlated(
        """
        time     | event   | key   | ext
        10:00:00 | STARTED | 1_100 |
        10:00:05 | TALKING | 1_100 | 1005
        10:02:00 | DROPPED | 1_100 | 1005
        10:02:00 | ENDED   | 1_100 |
        10:00:06 | TALKING | 1_200 | 1006
    """,
        directory=site,
    ).has_calls("tenant | root | events\nred | 1_100 | 4\ndefault | 1_200 | 1")


def test_one_call_key_of_two_tenants_that_the_directory_tells_apart_is_two_calls() -> None:
    site = directory(
        agents=[{"extension": "1005", "tenant_id": "red"}, {"extension": "1006", "tenant_id": "blue"}]
    )
    correlated(
        """
        time     | event   | key   | ext
        10:00:05 | TALKING | 1_100 | 1005
        10:00:06 | TALKING | 1_100 | 1006
        10:02:00 | DROPPED | 1_100 | 1005
        10:02:00 | DROPPED | 1_100 | 1006
    """,
        directory=site,
    ).has_legs("call | tenant | ext\nr | red | 1005\nb | blue | 1006")
