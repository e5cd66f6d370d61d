"""Who plays is noted before the first byte leaves; who cannot be noted does not play."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import stamina
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.connection import engine_for
from cx_pipeline.adapters.database.postmaster import Postmaster
from cx_pipeline.core.linking.signing import recording_path, signed_url
from cx_pipeline_tests.adapters.playback.made_recordings import RING_TEXT, MadeRecordings
from cx_pipeline_tests.gateway.audio.conftest import Stage
from cx_pipeline_tests.gateway.running import LINK_KEY, gateway_settings_in, running_gateway

FAR_AHEAD_S = 4_000_000_000


def rows(engine: Engine, playable_id: str) -> list[Mapping[str, Any]]:
    """What is noted of a recording."""
    query = text("SELECT * FROM access_log WHERE playable_id = :id ORDER BY access_id")
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query, {"id": playable_id}).mappings()]


@stamina.retry(on=AssertionError, attempts=40, wait_initial=0.1, wait_max=0.2, timeout=20)
def noted(engine: Engine, playable_id: str, requests: int, sent_bytes: int) -> Mapping[str, Any]:
    """The one row of a recording, once it has these figures."""
    (row,) = rows(engine, playable_id)
    assert (row["requests"], row["sent_bytes"]) == (requests, sent_bytes)
    return row


def test_the_ranges_of_one_player_are_one_row(stage: Stage) -> None:
    leg = stage.made.leg()
    recording_id = stage.made.recording(bytes(200_000), legs=[leg])
    player = stage.gateway.client("player", headers={"User-Agent": "a player"})
    path = f"/{leg.key}/recording-file"
    player.get(path, headers={"Range": "bytes=0-9"})
    first = rows(stage.engine, recording_id)
    assert len(first) == 1, "the row is there when the first bytes are"
    player.get(path, headers={"Range": "bytes=100-199"})
    player.get(path)
    row = noted(stage.engine, recording_id, 3, 200_110)
    told = {
        name: row[name]
        for name in ("tenant_id", "subject", "access", "action", "leg_key", "client", "user_agent")
    }
    assert told == {
        "tenant_id": "acme", "subject": "player", "access": "token", "action": "PLAY", "leg_key": leg.key,
        "client": "127.0.0.1", "user_agent": "a player",
    }  # fmt: skip
    assert str(row["leg_id"]) == leg.leg_id
    assert row["access_id"] == first[0]["access_id"]
    assert row["last_at"] >= row["begun_at"]


def test_each_who_plays_and_each_way_has_a_row(stage: Stage) -> None:
    leg = stage.made.leg()
    recording_id = stage.made.recording(b"heard", legs=[leg])
    path = recording_path(leg.key)
    stage.gateway.client("player").get(path)
    stage.gateway.client("acme").get(path)
    stage.gateway.client("all").get(path)
    stage.gateway.client("acme").get(f"/mixer/recordings/{recording_id}/download")
    stage.gateway.client(None).get(
        signed_url(stage.gateway.url, path, "acme", FAR_AHEAD_S, LINK_KEY.encode())
    )
    found = {(row["subject"], row["access"], row["action"]) for row in rows(stage.engine, recording_id)}
    assert found == {
        ("player", "token", "PLAY"),
        ("acme", "token", "PLAY"),
        ("all", "token", "PLAY"),
        ("acme", "token", "DOWNLOAD"),
        ("link", "signed", "PLAY"),
    }
    assert {row["tenant_id"] for row in rows(stage.engine, recording_id)} == {"acme"}


def test_who_only_asks_for_the_size_or_is_refused_has_none(stage: Stage) -> None:
    recording_id = stage.made.recording(b"unheard")
    path = f"/recordings/{recording_id}/audio"
    assert stage.gateway.client("player").head(path).status_code == 200
    assert stage.gateway.client("player").get(path, headers={"Range": "bytes=99-"}).status_code == 416
    assert stage.gateway.client("globex").get(path).status_code == 404
    assert stage.gateway.client("nothing").get(path).status_code == 403
    assert rows(stage.engine, recording_id) == []


@pytest.fixture
def own_stage(database_url: SecretStr, tokens: Mapping[str, str], tmp_path: Path) -> Iterator[Stage]:
    """A gateway of this test's own: it breaks things."""
    settings = gateway_settings_in(tmp_path / "home", database_url, tokens, key_ring=RING_TEXT)
    engine = engine_for(database_url)
    with running_gateway(settings, tokens) as gateway:
        yield Stage(gateway, MadeRecordings(settings, engine), engine)
    engine.dispose()


def test_what_cannot_be_noted_is_not_played(own_stage: Stage) -> None:
    recording_id = own_stage.made.recording(b"unheard", sealing="none")
    with own_stage.engine.begin() as connection:
        connection.execute(text("ALTER TABLE access_log RENAME TO access_log_elsewhere"))
    answer = own_stage.gateway.client("player").get(f"/recordings/{recording_id}/audio")
    assert answer.status_code == 503
    assert b"unheard" not in answer.content


def test_while_the_database_is_away_nothing_is_played(
    own_stage: Stage, database_server: Postmaster, database_url: SecretStr
) -> None:
    leg = own_stage.made.leg()
    own_stage.made.recording(b"heard", legs=[leg])
    player = own_stage.gateway.client("player")
    assert player.get(f"/{leg.key}/recording-file").content == b"heard"
    name = own_stage.engine.url.database
    with psycopg.connect(database_server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        other = own_stage.gateway.client("acme").get(f"/{leg.key}/recording-file")
        assert (other.status_code, "retry-after" in other.headers) == (503, True)
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
    assert own_stage.gateway.client("acme").get(f"/{leg.key}/recording-file").content == b"heard"


def test_when_the_gateway_ends_all_is_noted(
    database_url: SecretStr, engine: Engine, tokens: Mapping[str, str], tmp_path: Path
) -> None:
    settings = gateway_settings_in(tmp_path / "home", database_url, tokens, key_ring=RING_TEXT)
    recording_id = MadeRecordings(settings, engine).recording(bytes(1000))
    with running_gateway(settings, tokens) as gateway:
        player = gateway.client("player")
        answers = [player.get(f"/recordings/{recording_id}/audio") for _ in range(5)]
        assert all(isinstance(answer, httpx.Response) and answer.status_code == 200 for answer in answers)
    (row,) = rows(engine, recording_id)
    assert (row["requests"], row["sent_bytes"]) == (5, 5000)
