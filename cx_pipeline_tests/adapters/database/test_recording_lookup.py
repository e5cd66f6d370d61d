"""A leg's key in a link finds the recording of that leg, whatever became of both since, and no other."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from cx_pipeline.adapters.database.message_tables import enriched_leg
from cx_pipeline.adapters.database.recording_lookup import RecordingLookup
from cx_pipeline.core.errors import InputError
from cx_pipeline.core.recording.leg_keys import LegKey, parse_leg_key
from cx_pipeline.settings import Settings
from cx_pipeline_tests.adapters.playback.made_recordings import RING_TEXT, TEN, MadeRecordings


@pytest.fixture
def made(engine: Engine, tmp_path: Path) -> MadeRecordings:
    """Makes legs and recordings."""
    return MadeRecordings(Settings(_env_file=None, home=tmp_path, key_ring=RING_TEXT), engine)


def key_of(text: str) -> LegKey:
    key = parse_leg_key(text)
    assert key is not None
    return key


def found(engine: Engine, text: str, tenant_id: str | None = "acme") -> str | None:
    """The id of what a key finds."""
    stored = RecordingLookup(engine).of_leg_key(key_of(text), tenant_id)
    return None if stored is None else stored.recording_id


def test_the_closest_start_within_ten_seconds_wins(engine: Engine, made: MadeRecordings) -> None:
    first = made.leg()
    second = made.leg(call_id=first.call_id, start=TEN + timedelta(seconds=8))
    of_first, of_second = made.recording(legs=[first]), made.recording(legs=[second])
    for seconds, wanted in (
        (-11, None),
        (-10, of_first),
        (3, of_first),
        (5, of_second),
        (18, of_second),
        (19, None),
    ):
        moment = TEN + timedelta(seconds=seconds)
        assert found(engine, f"{first.call_id}:1005:x:{moment:%Y-%m-%dT%H:%M:%SZ}") == wanted, seconds


def test_a_leg_without_a_recording_does_not_lend_its_link_to_its_neighbour(
    engine: Engine, made: MadeRecordings
) -> None:
    first = made.leg()
    made.recording(legs=[made.leg(call_id=first.call_id, start=TEN + timedelta(seconds=8))])
    assert found(engine, first.key) is None


def test_of_legs_that_begin_together_the_keys_number_decides(engine: Engine, made: MadeRecordings) -> None:
    one = made.leg(number="111")
    other = made.leg(number="222", call_id=one.call_id)
    of_one, of_other = made.recording(legs=[one]), made.recording(legs=[other])
    assert (found(engine, one.key), found(engine, other.key)) == (of_one, of_other)


def test_another_extension_or_call_is_not_found(engine: Engine, made: MadeRecordings) -> None:
    leg = made.leg()
    recording_id = made.recording(legs=[leg])
    assert found(engine, leg.key) == recording_id
    assert found(engine, leg.key.replace(":1005:", ":1006:")) is None
    assert found(engine, leg.key.replace(leg.call_id, made.new_id())) is None


def test_a_corrected_leg_is_found_by_its_old_key(engine: Engine, made: MadeRecordings) -> None:
    leg = made.leg()
    made.recording(legs=[leg], is_current=False)
    corrected = update(enriched_leg).where(enriched_leg.c.leg_id == leg.leg_id)
    with engine.begin() as connection:
        connection.execute(corrected.values(start_time=TEN + timedelta(seconds=4)))
    newer = made.recording(legs=[leg])
    assert found(engine, leg.key) == newer


def test_a_call_is_found_by_the_conversation_managers_id(engine: Engine, made: MadeRecordings) -> None:
    recording_id = made.recording(legs=[made.leg(cx_call_id="dialler-7:1")])
    assert found(engine, f"dialler-7:1:1005:555:{round(TEN.timestamp())}") == recording_id


def test_a_conference_is_found_by_each_of_its_legs(engine: Engine, made: MadeRecordings) -> None:
    legs = [made.leg(), made.leg(extension="1006", start=TEN + timedelta(minutes=5))]
    recording_id = made.recording(legs=legs, kind="CALL", leg_id=None)
    assert [found(engine, leg.key) for leg in legs] == [recording_id, recording_id]


@pytest.mark.parametrize("kind", ["FILE", "LEG"])
def test_a_recording_is_found_by_the_dialog_of_its_file(
    engine: Engine, made: MadeRecordings, kind: str
) -> None:
    told_twice = made.file(dialog_id="node:7:d", start=TEN + timedelta(milliseconds=300), extension=None)
    manifest = made.file(dialog_id="node:7:d", start=TEN)
    recording_id = made.recording(manifest_ids=[manifest], kind=kind)
    made.recording(manifest_ids=[manifest], kind=kind, is_current=False)
    key = f"node:7:d:1005:555:{round(TEN.timestamp() * 1000) + 300}"
    assert told_twice != manifest
    assert found(engine, key) == recording_id
    assert found(engine, key.replace(":1005:", ":1006:")) is None
    assert found(engine, key.replace("node:7:d", "node:7:e")) is None


def test_tenants_do_not_find_each_others(engine: Engine, made: MadeRecordings) -> None:
    ours = made.leg(tenant_id="acme")
    theirs = made.leg(tenant_id="globex", call_id=ours.call_id)
    of_ours = made.recording(legs=[ours])
    of_theirs = made.recording(legs=[theirs], tenant_id="globex")
    assert (found(engine, ours.key), found(engine, ours.key, "globex")) == (of_ours, of_theirs)
    assert found(engine, ours.key, "initech") is None
    with pytest.raises(InputError, match="several tenants"):
        found(engine, ours.key, None)


def test_dialogs_of_two_tenants_want_a_tenant_too(engine: Engine, made: MadeRecordings) -> None:
    ours, theirs = made.file(dialog_id="d"), made.file(dialog_id="d", tenant_id="globex")
    recording_id = made.recording(manifest_ids=[ours])
    made.recording(manifest_ids=[theirs], tenant_id="globex")
    key = f"d:1005:555:{round(TEN.timestamp())}"
    assert found(engine, key) == recording_id
    with pytest.raises(InputError, match="several tenants"):
        found(engine, key, None)


def test_a_replaced_recordings_id_leads_to_its_successor(engine: Engine, made: MadeRecordings) -> None:
    lookup, leg = RecordingLookup(engine), made.leg()
    old = made.recording(legs=[leg], is_current=False)
    of_file = made.recording(manifest_ids=["f"], is_current=False)
    new = made.recording(legs=[leg], manifest_ids=["f", "g"])
    for recording_id in (old, of_file, new):
        stored = lookup.of_id(recording_id, "acme")
        assert stored is not None
        assert stored.recording_id == new
    assert lookup.of_id(old, "globex") is None
    assert lookup.of_id(made.recording(is_current=False), "acme") is None
    assert lookup.of_id("no id", "acme") is None


def test_a_screen_is_found_by_its_leg_and_by_its_dialog(
    engine: Engine, made: MadeRecordings, tmp_path: Path
) -> None:
    made.settings = made.settings.model_copy(update={"screen_root": tmp_path})
    lookup, leg = RecordingLookup(engine), made.leg()
    of_leg = made.screen(b"", "a.mp4", leg=leg, start_time=TEN + timedelta(minutes=1))
    of_dialog = made.screen(b"", "b.mp4", dialog_id="d:9", tenant_id="acme")
    by_leg = lookup.screen_of(key_of(leg.key), "acme")
    by_dialog = lookup.screen_of(key_of(f"d:9:1005:555:{round(TEN.timestamp()) + 9}"), "acme")
    assert by_leg is not None
    assert by_dialog is not None
    assert (by_leg.screen_id, by_dialog.screen_id) == (of_leg, of_dialog)
    assert lookup.screen_of(key_of(f"d:9:1005:555:{round(TEN.timestamp()) + 11}"), "acme") is None
    assert lookup.screen_of(key_of(leg.key), "globex") is None
