"""`POST /events`: what comes in is stored once, kept apart or refused, and always told."""

import gzip
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, text

from cx_pipeline_tests.gateway.running import ACME, Gateway

NDJSON = {"Content-Type": "application/x-ndjson"}


def event(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "event_time": f"2026-06-08T10:00:{number % 60:02}.000Z",
        "received_at": f"2026-06-08T10:00:{number % 60:02}.040Z",
        "source": "jtapi",
        "listener_id": "listener-1",
        "event_name": "CallActiveEv",
        "global_call_id": f"1_{number}",
        "extension": "1005",
        **changes,
    }


def lines(rows: Sequence[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def stored(engine: Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        query = text("SELECT tenant_id, global_call_id FROM jtapi_event ORDER BY arrival_sequence")
        return [tuple(row) for row in connection.execute(query)]


def quarantined(engine: Engine) -> list[tuple[int, str]]:
    with engine.connect() as connection:
        query = text("SELECT line_number, reason FROM quarantined_input ORDER BY line_number")
        return [(row.line_number, row.reason.partition(":")[0]) for row in connection.execute(query)]


def counts(read: int, stored: int, duplicates: int = 0, quarantined: int = 0) -> dict[str, int]:
    return {"read": read, "stored": stored, "duplicates": duplicates, "quarantined": quarantined}


def test_a_batch_in_any_form_is_stored_once(gateway: Gateway, engine: Engine) -> None:
    client = gateway.client("acme")
    rows = [event(number) for number in (1, 2, 3)]

    first = client.post("/events", content=lines(rows), headers=NDJSON)
    again = [
        client.post("/events", json=rows),
        client.post(
            "/events", content=gzip.compress(lines(rows)), headers={**NDJSON, "Content-Encoding": "gzip"}
        ),
        client.post("/events", content=lines(rows).rstrip(), headers={"Content-Type": "application/json"}),
    ]
    one = client.post(
        "/events", content=json.dumps(event(4), indent=2), headers={"Content-Type": "application/json"}
    )

    assert (first.status_code, first.json()) == (200, counts(3, 3))
    assert [answer.json() for answer in again] == [counts(3, 0, duplicates=3)] * 3
    assert one.json() == counts(1, 1)
    assert stored(engine) == [(ACME, f"1_{number}") for number in (1, 2, 3, 4)]


def test_rows_that_cannot_be_used_are_kept_apart_and_the_others_stored(
    gateway: Gateway, engine: Engine
) -> None:
    body = (
        lines([event(1), event(2, global_call_id=None), event(3, event_time="yesterday")])
        + b"{broken\n"
        + lines([event(5)])
    )
    client = gateway.client("acme")

    answers = [client.post("/events", content=body, headers=NDJSON).json() for _ in range(2)]

    assert answers == [counts(5, 2, quarantined=3), counts(5, 0, duplicates=2, quarantined=3)]
    assert quarantined(engine) == [(2, "NO_CALL_ID"), (3, "WRONG_TIME"), (4, "BROKEN_LINE")]


def test_a_sender_of_one_tenant_writes_no_others_events(gateway: Gateway, engine: Engine) -> None:
    rows = [event(1), event(2, tenant_id="globex"), event(3, tenant_id=ACME), event(4, tenant_id=" ")]

    answer = gateway.client("listener").post("/events", content=lines(rows), headers=NDJSON).json()
    of_all = gateway.client("all").post("/events", json=event(5, tenant_id="globex")).json()

    assert answer == counts(4, 3, quarantined=1)
    assert of_all == counts(1, 1)
    assert quarantined(engine) == [(2, "OTHER_TENANT")]
    assert stored(engine) == [(ACME, "1_1"), (ACME, "1_3"), (ACME, "1_4"), ("globex", "1_5")]


def test_batches_that_are_stored_together_have_each_its_own_account(gateway: Gateway, engine: Engine) -> None:
    client = gateway.client("acme")
    client.post("/events", json=event(0))
    bodies = [lines([event(0), event(number), event(number), {}]) for number in range(1, 21)]

    with ThreadPoolExecutor(20) as senders:
        answers = list(
            senders.map(lambda body: client.post("/events", content=body, headers=NDJSON).json(), bodies)
        )

    assert answers == [counts(4, 1, duplicates=2, quarantined=1)] * 20
    assert len(stored(engine)) == 21
    assert quarantined(engine) == [(4, "NO_CALL_ID")] * 20


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"[{]", {}, 400),
        (b"7", {"Content-Type": "application/json"}, 400),
        (b"[" * 100_000, {}, 400),
        (b"no gzip", {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b"{}")[:-4], {"Content-Encoding": "gzip"}, 400),
        (b"{}", {"Content-Encoding": "br"}, 415),
        (gzip.compress(b" " * 17_000_000), {"Content-Encoding": "gzip"}, 413),
    ],
    ids=("half", "number", "deep", "no gzip", "cut gzip", "brotli", "bomb"),
)
def test_what_cannot_be_read_at_all_is_refused(
    gateway: Gateway, content: bytes, headers: dict[str, str], status: int
) -> None:
    answer = gateway.client("acme").post("/events", content=content, headers=headers)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_nothing_at_all_is_nothing(gateway: Gateway) -> None:
    assert gateway.client("acme").post("/events", content=b"", headers=NDJSON).json() == counts(0, 0)


def test_only_listeners_may_write_events(gateway: Gateway) -> None:
    assert gateway.client("recorder").post("/events", json=event()).status_code == 403
    assert gateway.client().post("/events", json=event()).status_code == 401


def test_a_listeners_signs_of_life_are_noted(gateway: Gateway, engine: Engine) -> None:
    beat = {"source": "jtapi", "listenerId": "l1", "isConnected": False, "failedReconnections": 3}
    future = {**beat, "beatAt": "2090-01-01T00:00:00Z", "isConnected": True}
    client = gateway.client("listener")

    assert client.post("/listeners/heartbeat", json=beat).json() == {"stored": 1}
    assert client.post(
        "/listeners/heartbeat", json=[future, {**beat, "beatAt": "2026-01-01T00:00:00Z"}]
    ).json() == {"stored": 2}
    refused = client.post("/listeners/heartbeat", json=[beat, {"source": "jtapi", "listenerId": "l1"}])

    assert refused.status_code == 422
    assert refused.json()["detail"] == "NO_VALUE: there is no is_connected (document 2 of 2)"
    with engine.connect() as connection:
        query = text(
            "SELECT tenant_id, is_connected, failed_reconnections, beat_at <= now() FROM listener_heartbeat ORDER BY beat_at"
        )
        assert [tuple(row) for row in connection.execute(query)] == [
            (ACME, False, 3, True),
            (ACME, False, 3, True),
            (ACME, True, 3, True),
        ]
