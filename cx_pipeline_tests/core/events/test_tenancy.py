from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from cx_pipeline.core.directory import EMPTY_DIRECTORY, Directory
from cx_pipeline.core.events.schema import EVENT_SCHEMA
from cx_pipeline.core.events.tenancy import DEFAULT_TENANT, with_tenants
from cx_pipeline_tests.core.directories import directory

NOON = datetime(2024, 1, 16, 12, tzinfo=UTC)
YESTERDAY, TOMORROW = NOON.replace(day=15), NOON.replace(day=17)


def tenant(site: Directory, key: str = "1_100", **event: Any) -> str:
    frame = pl.DataFrame([{"event_time": NOON, **event}], schema=EVENT_SCHEMA)
    found: str = with_tenants(frame.with_columns(call_key=pl.lit(key)), site)["tenant_id"][0]
    return found


def test_without_a_directory_it_is_as_reported_else_the_default() -> None:
    assert tenant(EMPTY_DIRECTORY, tenant_id="red") == "red"
    assert tenant(EMPTY_DIRECTORY, extension="1005") == DEFAULT_TENANT
    assert tenant(EMPTY_DIRECTORY, tenant_id="  ") == DEFAULT_TENANT


def test_what_was_reported_beats_the_directory() -> None:
    assert (
        tenant(
            directory(agents=[{"extension": "1005", "tenant_id": "blue"}]), tenant_id="red", extension="1005"
        )
        == "red"
    )


@pytest.mark.parametrize("column", ["extension", "calling_extension", "called_extension"])
def test_an_agent_is_known_by_extension_on_either_end(column: str) -> None:
    site = directory(agents=[{"extension": "1005", "tenant_id": "red"}])
    assert tenant(site, **{column: "1005"}) == "red"
    assert tenant(site, **{column: "1006"}) == DEFAULT_TENANT


@pytest.mark.parametrize("column", ["terminal", "calling_terminal", "called_terminal"])
def test_an_agent_is_known_by_device_on_either_end(column: str) -> None:
    assert tenant(directory(agents=[{"device": "SEPA", "tenant_id": "red"}]), **{column: "SEPA"}) == "red"


@pytest.mark.parametrize("column", ["extension", "called_extension"])
def test_a_dialled_service_number_tells_the_tenant(column: str) -> None:
    assert (
        tenant(directory(service_numbers=[{"number": "0800", "tenant_id": "red"}]), **{column: "0800"})
        == "red"
    )


def test_a_service_number_that_calls_tells_nothing() -> None:
    site = directory(service_numbers=[{"number": "0800", "tenant_id": "red"}])
    assert tenant(site, calling_extension="0800") == DEFAULT_TENANT


@pytest.mark.parametrize(
    ("extension", "found"),
    [("1000", "red"), ("1999", "red"), ("2000", DEFAULT_TENANT), ("x", DEFAULT_TENANT)],
)
def test_a_range_holds_its_numbers(extension: str, found: str) -> None:
    site = directory(ranges=[{"first_extension": 1000, "last_extension": 1999, "tenant_id": "red"}])
    assert tenant(site, extension=extension) == found


@pytest.mark.parametrize(
    "address", ["1005@red.example", "sip:1005@red.example:5060", "<sip:1005@red.example;user=phone>"]
)
def test_the_domain_of_an_address_tells_the_tenant(address: str) -> None:
    site = directory(domains=[{"domain": "red.example", "tenant_id": "red"}])
    assert tenant(site, extension=address) == "red"
    assert tenant(site, calling_extension=address, extension="0800") == "red"


def test_the_cluster_is_the_node_of_the_call_key() -> None:
    site = directory(clusters=[{"cluster": "3", "tenant_id": "red"}])
    assert tenant(site, key="3_167890") == "red"
    assert tenant(site, key="1_167890") == DEFAULT_TENANT
    assert tenant(site, key="167890") == DEFAULT_TENANT


def test_the_surest_entry_decides() -> None:
    site = directory(
        agents=[{"extension": "1005", "tenant_id": "agent"}, {"device": "SEPA", "tenant_id": "device"}],
        service_numbers=[{"number": "0800", "tenant_id": "service"}],
        ranges=[{"first_extension": 1000, "last_extension": 1999, "tenant_id": "range"}],
        domains=[{"domain": "x.example", "tenant_id": "domain"}],
        clusters=[{"cluster": "1", "tenant_id": "cluster"}],
    )
    assert tenant(site, extension="1005", terminal="SEPA") == "agent"
    assert tenant(site, extension="1006", terminal="SEPA") == "device"
    assert tenant(site, extension="1006", called_extension="0800") == "service"
    assert tenant(site, extension="1006", calling_extension="7@x.example") == "range"
    assert tenant(site, extension="7@x.example") == "domain"
    assert tenant(site, extension="7") == "cluster"


def test_a_number_of_two_tenants_says_nothing_and_leaves_it_to_the_next_kind_of_entry() -> None:
    twice = [{"extension": "1005", "tenant_id": "red"}, {"extension": "1005", "tenant_id": "blue"}]
    assert tenant(directory(agents=twice), extension="1005") == DEFAULT_TENANT
    assert (
        tenant(directory(agents=twice, clusters=[{"cluster": "1", "tenant_id": "red"}]), extension="1005")
        == "red"
    )


def test_two_ends_of_two_tenants_say_nothing() -> None:
    both = [{"extension": "1005", "tenant_id": "red"}, {"extension": "1006", "tenant_id": "blue"}]
    assert tenant(directory(agents=both), calling_extension="1005", called_extension="1006") == DEFAULT_TENANT


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "found"),
    [
        (None, None, "red"),
        (NOON, None, "red"),
        (YESTERDAY, TOMORROW, "red"),
        (None, NOON, DEFAULT_TENANT),
        (TOMORROW, None, DEFAULT_TENANT),
        (None, YESTERDAY, DEFAULT_TENANT),
    ],
)
def test_an_entry_counts_from_its_beginning_and_before_its_end(
    valid_from: datetime | None, valid_to: datetime | None, found: str
) -> None:
    entry = {"extension": "1005", "tenant_id": "red", "valid_from": valid_from, "valid_to": valid_to}
    assert tenant(directory(agents=[entry]), extension="1005") == found


def test_a_number_that_moved_is_of_the_tenant_that_had_it_then() -> None:
    site = directory(
        agents=[
            {"extension": "1005", "tenant_id": "red", "valid_to": NOON},
            {"extension": "1005", "tenant_id": "blue", "valid_from": NOON},
        ]
    )
    assert tenant(site, extension="1005", event_time=NOON) == "blue"
    assert tenant(site, extension="1005", event_time=YESTERDAY) == "red"


def test_the_rows_keep_their_order_and_number() -> None:
    site = directory(
        agents=[{"extension": "1005", "tenant_id": "red"}, {"extension": "1006", "tenant_id": "blue"}]
    )
    rows = [{"event_time": NOON, "extension": text} for text in ("1006", "7", "1005", "1006")]
    frame = pl.DataFrame([*rows, {"event_time": NOON, "tenant_id": "own"}], schema=EVENT_SCHEMA)
    found = with_tenants(frame.with_columns(call_key=pl.lit("1_1")), site)
    assert found["tenant_id"].to_list() == ["blue", DEFAULT_TENANT, "red", "blue", "own"]
    assert found["extension"].to_list() == ["1006", "7", "1005", "1006", None]
