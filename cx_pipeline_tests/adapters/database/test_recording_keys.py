import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from cx_pipeline.adapters.crypto.file_keys import FileKey
from cx_pipeline.adapters.crypto.key_ring import KeyRing
from cx_pipeline.adapters.database.connection import engine_for
from cx_pipeline.adapters.database.recording_keys import KeyUsage, RecordingKeys
from cx_pipeline.core.errors import DatabaseUnavailableError, KeyMissingError
from cx_pipeline_tests.adapters.crypto.rings import ring_of, secret_of

RING = ring_of(("acme", "k1"), ("*", "all"))
ROTATED = ring_of(("acme", "k1"), ("acme", "k2"), ("*", "all"))


def file_id(number: int) -> str:
    return str(UUID(int=number << 64 | 0x8000 << 64 | 0x8 << 60))


@pytest.fixture
def keys(engine: Engine) -> RecordingKeys:
    return RecordingKeys(engine)


def made(
    keys: RecordingKeys, ring: KeyRing, count: int, tenant_id: str = "acme", first: int = 1
) -> list[FileKey]:
    return [keys.key_for(file_id(number), tenant_id, ring) for number in range(first, first + count)]


def test_a_files_key_is_made_once_and_is_the_files_own(keys: RecordingKeys) -> None:
    first, second = made(keys, RING, 2)
    assert first.secret != second.secret
    assert keys.key_for(first.file_id, "acme", RING) == first
    assert keys.open_key(first.file_id, RING) == first


def test_who_asks_at_the_same_time_gets_the_same_key(keys: RecordingKeys) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: keys.key_for(file_id(1), "acme", RING), range(32)))
    assert len({key.secret for key in found}) == 1
    assert keys.usage() == [KeyUsage("acme", "k1", 1, 0)]


def test_the_table_holds_no_secret(keys: RecordingKeys, engine: Engine) -> None:
    key = made(keys, RING, 1)[0]
    with engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM recording_key")).one()
    assert key.secret not in bytes(row.wrapped_key)
    assert row.key_id == "k1"


def test_a_file_of_another_tenant_is_not_opened_for_this_one(keys: RecordingKeys) -> None:
    made(keys, RING, 1)
    with pytest.raises(KeyMissingError, match="of another tenant than globex"):
        keys.key_for(file_id(1), "globex", RING)


def test_a_tenant_without_a_key_makes_no_row(keys: RecordingKeys) -> None:
    with pytest.raises(KeyMissingError, match="keys create globex"):
        keys.key_for(file_id(1), "globex", ring_of(("acme", "k1")))
    assert keys.usage() == []


def test_a_file_that_was_never_sealed_has_no_key(keys: RecordingKeys) -> None:
    with pytest.raises(KeyMissingError, match="has no key of its own"):
        keys.open_key(file_id(7), RING)
    with pytest.raises(KeyMissingError, match="has no key of its own"):
        keys.destroy(file_id(7), by="anna", reason="asked for")
    assert keys.stored(file_id(7)) is None


def test_a_sealing_is_by_method(keys: RecordingKeys) -> None:
    ring = ring_of(("acme", "k1"), ("acme", "c1", "cfb"))
    assert keys.sealing_for("none", file_id(1), "acme", None).file_key is None
    with pytest.raises(KeyMissingError, match="CX_KEY_RING_FILE"):
        keys.sealing_for("gcm", file_id(1), "acme", None)
    gcm = keys.sealing_for("gcm", file_id(1), "acme", ring)
    assert gcm.file_key == keys.open_key(file_id(1), ring)
    assert gcm.file_key is not None
    assert gcm.file_key.secret != secret_of("c1")


def test_the_installed_bases_format_keeps_a_copy_of_the_tenants_key(keys: RecordingKeys) -> None:
    ring = ring_of(("acme", "k1"), ("acme", "c1", "cfb"))
    sealing = keys.sealing_for("cfb", file_id(1), "acme", ring)
    assert sealing.file_key is not None
    assert sealing.file_key.secret == secret_of("c1")
    # A later key of that tenant changes nothing for the files that were sealed with this one.
    later = ring_of(("acme", "k1"), ("acme", "c2", "cfb"))
    assert keys.open_key(file_id(1), later).secret == secret_of("c1")


def test_an_erased_file_says_when_and_by_whom_and_stays_erased(keys: RecordingKeys, engine: Engine) -> None:
    key = made(keys, RING, 2)[0]
    gone = keys.destroy(key.file_id, by="anna", reason="the customer asked")
    assert gone.destroyed_at is not None
    when = f"{gone.destroyed_at:%Y-%m-%d %H:%M}"
    for ask in (keys.open_key, lambda name, ring: keys.key_for(name, "acme", ring)):
        with pytest.raises(KeyMissingError, match=rf"destroyed on {when}.* by anna \(the customer asked\)"):
            ask(key.file_id, RING)
    assert keys.destroy(key.file_id, by="ben", reason="again") == gone
    assert keys.usage() == [KeyUsage("acme", "k1", 1, 1)]
    with engine.connect() as connection:
        left = connection.execute(text("SELECT count(wrapped_key), count(*) FROM recording_key")).one()
    assert tuple(left) == (1, 2)


def test_an_erasure_names_somebody_and_a_reason(keys: RecordingKeys) -> None:
    key = made(keys, RING, 1)[0]
    for by, reason in (("", "x"), ("anna", " ")):
        with pytest.raises(ValueError, match="who asked"):
            keys.destroy(key.file_id, by=by, reason=reason)
    assert keys.open_key(key.file_id, RING) == key


def test_a_rotation_wraps_every_row_of_its_tenant_and_no_other(keys: RecordingKeys) -> None:
    own, others = made(keys, RING, 25), made(keys, RING, 3, "globex", first=100)
    keys.destroy(own[3].file_id, by="anna", reason="asked for")
    assert keys.count_to_rewrap("acme", ROTATED) == 24
    steps = list(keys.rotate("acme", ROTATED, batch=10))
    assert [step.rewrapped for step in steps] == [10, 10, 4]
    assert keys.usage() == [
        KeyUsage("acme", "k1", 0, 1),
        KeyUsage("acme", "k2", 24, 0),
        KeyUsage("globex", "all", 3, 0),
    ]
    only_new = ring_of(("acme", "k2"), ("*", "all"))
    assert [keys.open_key(key.file_id, only_new) for key in own if key is not own[3]] == own[:3] + own[4:]
    assert [keys.open_key(key.file_id, only_new) for key in others] == others
    assert list(keys.rotate("acme", ROTATED)) == []


def test_rotating_the_default_leaves_tenants_with_keys_of_their_own(keys: RecordingKeys) -> None:
    made(keys, RING, 2)
    made(keys, RING, 2, "globex", first=10)
    made(keys, RING, 2, "initech", first=20)
    ring = ring_of(("acme", "k1"), ("*", "all"), ("*", "new"))
    assert keys.count_to_rewrap("*", ring) == 4
    assert sum(step.rewrapped for step in keys.rotate("*", ring)) == 4
    assert {(usage.tenant_id, usage.key_id) for usage in keys.usage()} == {
        ("acme", "k1"),
        ("globex", "new"),
        ("initech", "new"),
    }


def test_a_tenant_that_got_its_own_key_takes_its_old_files_along(keys: RecordingKeys) -> None:
    found = made(keys, ring_of(("*", "all")), 3)
    assert [step.rewrapped for step in keys.rotate("acme", RING)] == [3]
    assert [keys.open_key(key.file_id, ring_of(("acme", "k1"))) for key in found] == found


def test_rows_that_the_ring_cannot_open_are_told_and_left_and_the_others_done(keys: RecordingKeys) -> None:
    lost = made(keys, ring_of(("acme", "lost")), 3)
    found = made(keys, RING, 30, first=10)
    steps = list(keys.rotate("acme", ROTATED, batch=7))
    assert sum(step.rewrapped for step in steps) == 30
    failures = [failure for step in steps for failure in step.failures]
    assert len(failures) == 3
    assert all("the ring has no key lost of tenant acme" in failure for failure in failures)
    assert keys.open_key(lost[0].file_id, ring_of(("acme", "lost"))) == lost[0]
    assert keys.open_key(found[0].file_id, ROTATED) == found[0]


def test_two_rotations_at_once_do_each_row_well(keys: RecordingKeys) -> None:
    found = made(keys, RING, 40)
    with ThreadPoolExecutor(2) as pool:
        done = list(
            pool.map(lambda _: sum(s.rewrapped for s in keys.rotate("acme", ROTATED, batch=3)), range(2))
        )
    assert sum(done) == 40
    assert [keys.open_key(key.file_id, ROTATED) for key in found] == found


def test_an_erasure_during_a_rotation_stays(keys: RecordingKeys) -> None:
    found = made(keys, RING, 6)
    rotation = keys.rotate("acme", ROTATED, batch=2)
    next(rotation)
    keys.destroy(found[4].file_id, by="anna", reason="asked for")
    assert [step.rewrapped for step in rotation] == [2, 1]
    with pytest.raises(KeyMissingError, match="destroyed"):
        keys.open_key(found[4].file_id, ROTATED)


@pytest.mark.parametrize("killed_at", [1, 6, 13, 20])
def test_a_rotation_that_is_killed_leaves_every_row_readable_and_goes_on(
    keys: RecordingKeys, database_url: SecretStr, killed_at: int
) -> None:
    found = made(keys, RING, 20)
    program = (
        "import os, signal, sys; from pydantic import SecretStr\n"
        "from cx_pipeline.adapters.crypto.key_ring import KeyRing\n"
        "from cx_pipeline.adapters.database.connection import engine_for\n"
        "from cx_pipeline.adapters.database.recording_keys import RecordingKeys\n"
        "from cx_pipeline_tests.adapters.database.test_recording_keys import ROTATED\n"
        "wrap, left = KeyRing.wrap, [int(sys.argv[1])]\n"
        "def killed(ring, key):\n"
        "    left[0] -= 1\n"
        "    if not left[0]: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return wrap(ring, key)\n"
        "KeyRing.wrap = killed\n"
        "engine = engine_for(SecretStr(os.environ['URL']))\n"
        "list(RecordingKeys(engine).rotate('acme', ROTATED, batch=5))\n"
    )
    environment = {**os.environ, "URL": database_url.get_secret_value()}
    command = [sys.executable, "-c", program, str(killed_at)]
    assert subprocess.run(command, env=environment, timeout=120, check=False).returncode == -9
    assert [keys.open_key(key.file_id, ROTATED) for key in found] == found
    assert keys.count_to_rewrap("acme", ROTATED) == 20 - (killed_at - 1) // 5 * 5
    list(keys.rotate("acme", ROTATED))
    assert keys.usage() == [KeyUsage("acme", "k2", 20, 0)]
    assert [keys.open_key(key.file_id, ring_of(("acme", "k2"))) for key in found] == found


def test_a_database_that_is_away_is_told_as_such() -> None:
    keys = RecordingKeys(engine_for(SecretStr("postgresql://nobody@127.0.0.1:1/none")))
    for act in (
        lambda: keys.open_key(file_id(1), RING),
        lambda: keys.key_for(file_id(1), "acme", RING),
        keys.usage,
    ):
        with pytest.raises(DatabaseUnavailableError):
            act()
