"""From end to link on rows in a real database: what is counted, what is wrong, what is missing."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest
from sqlalchemy import Engine, insert, update

from cx_pipeline.adapters.database.gateway_tables import recording_link
from cx_pipeline.adapters.database.message_tables import enriched_leg, outbox_message
from cx_pipeline.adapters.database.recording_tables import recording, recording_leg, recording_manifest
from cx_pipeline.simulator.ccm.conversations import conversation_of
from cx_pipeline.simulator.live.end_to_link import EndToLink, measure
from cx_pipeline.simulator.live.outcome import read_outcome
from cx_pipeline.simulator.live.phase import await_links
from cx_pipeline.simulator.live.playing import Played
from cx_pipeline.simulator.live.site import LiveSite
from cx_pipeline_tests.simulator.live.sites import Time

STREAMS = Path("/streams")
NAMES = UUID("6b1f43b1-50f4-4a6f-8f0c-0d3d3c4a6a10")
FILE_AFTER = timedelta(seconds=0.5)


def id_of(*what: object) -> str:
    return str(uuid5(NAMES, "/".join(map(str, what))))


def call_of(leg: dict[str, Any]) -> str:
    return id_of("call", leg["tenant_id"], leg["call_number"])


@dataclass
class Tables:
    """Writes what the pipeline would have written of a site's legs."""

    engine: Engine
    site: LiveSite
    played: Played

    def legs(self) -> list[dict[str, Any]]:
        return self.site.expected.to_dicts()

    def known_at(self, leg: dict[str, Any]) -> datetime:
        known: datetime = max(leg["end_time"] + FILE_AFTER, leg["record_at"])
        return known

    def leg_id(self, leg: dict[str, Any]) -> str:
        return id_of("leg", leg["tenant_id"], leg["call_number"], leg["leg_number"])

    def write(self, leg: dict[str, Any], seconds: float, files_of: dict[str, Any] | None = None) -> None:
        """A leg whose link was delivered so long after all was known, with the files of this or another leg."""
        leg_id, files = self.leg_id(leg), (files_of or leg)["files"]
        known = self.known_at(leg)
        done = known + timedelta(seconds=seconds)
        manifests = [id_of("file", leg_id, file) for file in files]
        with self.engine.begin() as connection:
            connection.execute(insert(enriched_leg).values(**self._leg(leg)))
            for file, manifest in zip(files, manifests, strict=True):
                connection.execute(
                    insert(recording_manifest).values(
                        manifest_id=manifest,
                        tenant_id=leg["tenant_id"],
                        source="folder",
                        recording_type="BIB",
                        side="near",
                        start_time=leg["start_time"],
                        file_path=str(STREAMS / file),
                        is_finished=True,
                    )
                )
            connection.execute(
                insert(recording).values(
                    recording_id=id_of("recording", leg_id),
                    tenant_id=leg["tenant_id"],
                    kind="LEG",
                    window_start=self.site.plan.begins,
                    state="COMPLETED",
                    manifest_ids=manifests,
                    received_at=known + timedelta(seconds=1),
                    started_at=known + timedelta(seconds=2),
                    completed_at=known + timedelta(seconds=3),
                )
            )
            connection.execute(
                insert(recording_leg).values(
                    recording_id=id_of("recording", leg_id), leg_id=leg_id, offset_ms=0
                )
            )
            connection.execute(
                insert(recording_link).values(
                    link_id=id_of("link", leg_id),
                    kind="VOICE",
                    activity_id=leg_id,
                    leg_id=leg_id,
                    state="LINKED",
                    method="leg_id",
                    recording_id=id_of("recording", leg_id),
                    window_start=self.site.plan.begins,
                )
            )
            for message in (
                self._message(leg, "CALL_LEG_ENDED", known, known + timedelta(seconds=0.5)),
                self._message(leg, "VOICE_RECORDING", known + timedelta(seconds=3), done),
            ):
                connection.execute(insert(outbox_message).values(**message))

    def _leg(self, leg: dict[str, Any]) -> dict[str, Any]:
        return {
            "leg_id": self.leg_id(leg),
            "leg_key": f"key-of-{self.leg_id(leg)}",
            "call_id": call_of(leg),
            "cx_call_id": call_of(leg),
            "tenant_id": leg["tenant_id"],
            "root_call_key": leg["root_call_key"],
            "agent_extension": leg["agent_extension"],
            "leg_number": leg["leg_number"],
            "start_time": leg["start_time"],
            "end_time": leg["end_time"],
            "status": "COMPLETED",
            "origin": "events",
            "enrichment_status": "COMPLETE",
            "window_start": self.site.plan.begins,
            "high_water": 1,
            "row_hash": 1,
        }

    def _message(
        self, leg: dict[str, Any], intent: str, written: datetime, delivered: datetime
    ) -> dict[str, Any]:
        header = {"conversationId": conversation_of(call_of(leg))["conversationId"]}
        return {
            "message_id": id_of(intent, self.leg_id(leg)),
            "ordering_key": call_of(leg),
            "leg_id": self.leg_id(leg),
            "intent": intent,
            "ordinal": 0,
            "revision": 0,
            "payload": json.dumps({"header": header, "body": {"legId": f"key-of-{self.leg_id(leg)}"}}),
            "fingerprint": "",
            "destination": "third-party",
            "status": "DELIVERED",
            "created_at": written,
            "delivered_at": delivered,
        }

    def measured(self) -> EndToLink:
        return measure(self.site, self.played, read_outcome(self.engine, self.site.tenants), STREAMS)


@pytest.fixture
def tables(engine: Engine, site: LiveSite) -> Tables:
    played = Played()
    for leg in site.expected.iter_rows(named=True):
        played.files_at |= dict.fromkeys(leg["files"], leg["end_time"] + FILE_AFTER)
    return Tables(engine, site, played)


def test_time_counts_from_the_latest_of_end_record_and_files(tables: Tables) -> None:
    legs = tables.legs()
    for number, leg in enumerate(legs):
        tables.write(leg, seconds=10 + number)
    found = tables.measured()
    assert (found.expected, found.links, found.missing, found.wrong_links) == (len(legs), len(legs), 0, 0)
    assert found.is_right
    assert found.p50_s == pytest.approx(10 + (len(legs) - 1) / 2, abs=0.01)
    assert found.p95_s == pytest.approx(10 + (len(legs) - 1) * 0.95, abs=0.01)
    medians = {name: stage.median_s for name, stage in found.stages.items()}
    assert medians | {"link_delivered": 0} == {
        "messages_written": 0.0,
        "messages_delivered": 0.5,
        "recording_asked": 1.0,
        "mixing_begun": 2.0,
        "recording_completed": 3.0,
        "link_written": 3.0,
        "link_delivered": 0,
    }


def test_a_leg_without_a_delivered_link_is_missing(tables: Tables) -> None:
    first, *others = tables.legs()
    for leg in others:
        tables.write(leg, seconds=5)
    assert tables.measured().missing == 1
    tables.write(first, seconds=5)
    with tables.engine.begin() as connection:
        connection.execute(
            update(outbox_message)
            .where(
                outbox_message.c.intent == "VOICE_RECORDING", outbox_message.c.leg_id == tables.leg_id(first)
            )
            .values(status="WAITING", delivered_at=None)
        )
    found = tables.measured()
    assert (found.missing, found.links, found.is_right) == (1, len(others), False)


def test_a_recording_of_another_call_is_a_wrong_link(tables: Tables) -> None:
    first, *others = tables.legs()
    other = next(leg for leg in others if leg["call_number"] != first["call_number"])
    tables.write(first, seconds=5, files_of=other)
    (wrong,) = tables.measured().wrong
    assert (wrong.leg_id, wrong.reason) == (
        tables.leg_id(first),
        "a file of another call is in its recording",
    )


def test_a_recording_of_another_leg_of_the_call_is_a_wrong_link(tables: Tables) -> None:
    legs = tables.legs()
    first, other = next(
        (one, two)
        for one in legs
        for two in legs
        if one["call_number"] == two["call_number"] and not set(one["files"]) & set(two["files"])
    )
    tables.write(first, seconds=5, files_of=other)
    (wrong,) = tables.measured().wrong
    assert wrong.reason == "its recording holds another leg of the call"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"header": {}, "body": {"legId": "of somebody else"}}, "it names another leg"),
        ({"header": {"conversationId": "of others"}, "body": {}}, "it goes to another conversation"),
    ],
)
def test_a_message_to_the_wrong_place_is_a_wrong_link(
    tables: Tables, payload: dict[str, dict[str, str]], reason: str
) -> None:
    leg = tables.legs()[0]
    tables.write(leg, seconds=5)
    payload["body"].setdefault("legId", f"key-of-{tables.leg_id(leg)}")
    with tables.engine.begin() as connection:
        connection.execute(
            update(outbox_message)
            .where(outbox_message.c.intent == "VOICE_RECORDING")
            .values(payload=json.dumps(payload))
        )
    (wrong,) = tables.measured().wrong
    assert wrong.reason == reason


def test_a_link_of_a_leg_that_never_was_is_wrong(tables: Tables) -> None:
    leg = tables.legs()[0] | {"root_call_key": "1_999999"}
    tables.write(leg, seconds=5)
    (wrong,) = tables.measured().wrong
    assert wrong.reason == "there was no such leg"


def test_links_are_waited_for_until_all_are_there_or_the_grace_is_over(tables: Tables) -> None:
    legs, time = tables.legs(), Time(tables.site.plan.ends)

    def sleep(seconds: float) -> None:
        time.sleep(seconds)
        if legs:
            tables.write(legs.pop(), seconds=1)

    def awaited(grace_s: float) -> EndToLink:
        return await_links(tables.site, tables.played, tables.engine, STREAMS, grace_s, time, sleep)

    assert awaited(2).missing == len(legs) > 0
    assert awaited(100).missing == 0
    assert time.slept_s < 100


def test_without_any_link_there_is_no_time(tables: Tables) -> None:
    found = tables.measured()
    assert (found.p50_s, found.p95_s, found.stages) == (None, None, {})
    assert found.missing == len(tables.legs())
