import base64
import io
import json
import os
import stat
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr
from sqlalchemy import Engine

from cx_pipeline.adapters.crypto import published_key
from cx_pipeline.adapters.crypto.key_ring import KeyRing
from cx_pipeline.adapters.crypto.key_ring_file import read_ring_file
from cx_pipeline.adapters.crypto.sealed import SealingWriter, is_sealed
from cx_pipeline.adapters.database.recording_keys import RecordingKeys
from cx_pipeline.cli.keys import keys
from cx_pipeline.core.errors import BrokenSealError, ConfigurationError, CxError, KeyMissingError
from cx_pipeline_tests.adapters.crypto.rings import ring_keys, secret_of
from cx_pipeline_tests.adapters.crypto.test_legacy import SECRET, by_the_script
from cx_pipeline_tests.adapters.crypto.vectors import wav


@pytest.fixture
def ring_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: SecretStr) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "secrets" / "ring.json"
    monkeypatch.setenv("CX_DATABASE_URL", database_url.get_secret_value())
    monkeypatch.setenv("CX_KEY_RING_FILE", str(path))
    return path


@pytest.fixture
def stored(engine: Engine) -> RecordingKeys:
    return RecordingKeys(engine)


def run(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(keys, arguments, input=answer)


def refusal(*arguments: str) -> str:
    """What `main` would print before it ends with 1."""
    result = run(*arguments)
    assert isinstance(result.exception, CxError), result.output
    return str(result.exception)


def ring_of(path: Path) -> KeyRing:
    return KeyRing(read_ring_file(path))


def has_no_secret(ring_file: Path, *texts: str) -> bool:
    ring = read_ring_file(ring_file)
    secrets = [key.as_bytes() for tenant in ring.tenants.values() for key in tenant.keys.values()]
    shown = [form for secret in secrets for form in (secret.hex(), base64.b64encode(secret).decode())]
    return bool(shown) and not any(form in text for form in shown for text in texts)


def test_the_first_key_makes_the_ring_and_no_command_shows_a_secret(
    ring_file: Path, stored: RecordingKeys
) -> None:
    made = run("create", "acme")
    assert made.exit_code == 0
    assert stat.S_IMODE(ring_file.stat().st_mode) == 0o600
    key_id = ring_of(ring_file).active_key_id("acme")
    assert f"Key {key_id} of tenant acme is in {ring_file}, and active." in made.stdout
    assert "Keep a copy" in made.stdout
    stored.key_for(str(uuid4()), "acme", ring_of(ring_file))
    outputs = [made.output, run("list").output, run("rotate", "acme").output, run("list").output]
    assert has_no_secret(ring_file, *outputs)


def test_a_second_key_is_made_only_where_it_is_meant(ring_file: Path) -> None:
    run("create", "acme")
    assert "--replace" in refusal("create", "acme")
    assert run("create", "acme", "--replace").exit_code == 0
    assert run("create", "acme", "--for", "cfb").exit_code == 0
    assert len(ring_of(ring_file).keys.tenants["acme"].keys) == 3


def test_a_key_may_be_brought_along_and_the_published_one_may_not(
    ring_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.hex"
    own.write_text(secret_of("own").hex())
    assert run("create", "acme", "--for", "cfb", "--from-file", str(own)).exit_code == 0
    assert ring_of(ring_file).cfb_secret("acme") == secret_of("own")
    prints = frozenset({published_key.fingerprint(secret_of("own"))})
    monkeypatch.setattr(published_key, "PUBLISHED_KEYS", prints)
    assert "everybody has it" in refusal("create", "globex", "--from-file", str(own))


def test_a_ring_in_the_environment_is_read_and_never_changed(
    ring_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CX_KEY_RING_FILE")
    assert "CX_KEY_RING_FILE must name" in refusal("create", "acme")
    assert "there is no key ring" in refusal("list")
    monkeypatch.setenv("CX_KEY_RING", ring_keys(("acme", "k1")).as_json())
    for command in (["create", "acme"], ["rotate", "acme"], ["drop", "acme", "k1", "--yes"]):
        assert "no command can change" in refusal(*command)
    assert "k1" in run("list").stdout
    assert run("rotate", "acme", "--only-rewrap").exit_code == 0
    assert not ring_file.exists()


def test_the_list_counts_files_and_tells_of_keys_that_the_ring_lacks(
    ring_file: Path, stored: RecordingKeys
) -> None:
    run("create", "acme")
    ring = ring_of(ring_file)
    for _ in range(3):
        last = stored.key_for(str(uuid4()), "acme", ring)
    stored.destroy(last.file_id, by="anna", reason="asked for")
    listed = run("list")
    assert listed.exit_code == 0
    line = next(line for line in listed.stdout.splitlines() if ring.active_key_id("acme") in line)
    assert line.split()[:3] == ["acme", ring.active_key_id("acme"), "active"]
    assert line.split()[-2:] == ["2", "1"]
    ring_file.unlink()
    run("create", "acme")
    listed = run("list")
    assert listed.exit_code == 1
    assert "NOT IN THE RING" in listed.stdout
    assert "The ring lacks 1 key that files want" in listed.stderr


def test_a_rotation_wraps_all_and_the_old_key_can_go(ring_file: Path, stored: RecordingKeys) -> None:
    run("create", "acme")
    old = ring_of(ring_file).active_key_id("acme")
    found = [stored.key_for(str(uuid4()), "acme", ring_of(ring_file)) for _ in range(4)]
    done = run("rotate", "acme")
    assert done.exit_code == 0
    new = ring_of(ring_file).active_key_id("acme")
    assert new != old
    assert f"4 files: their keys are wrapped by {new} now." in done.stdout
    assert run("drop", "acme", old, answer="n\n").exit_code == 1
    assert run("drop", "acme", old, answer="y\n").exit_code == 0
    assert list(ring_of(ring_file).keys.tenants["acme"].keys) == [new]
    assert [stored.open_key(key.file_id, ring_of(ring_file)) for key in found] == found


def test_a_key_that_files_want_is_not_dropped(ring_file: Path, stored: RecordingKeys) -> None:
    run("create", "acme")
    old = ring_of(ring_file).active_key_id("acme")
    stored.key_for(str(uuid4()), "acme", ring_of(ring_file))
    run("create", "acme", "--replace")
    assert f"{old} is wanted by 1 file" in refusal("drop", "acme", old, "--yes")
    assert run("rotate", "acme", "--only-rewrap").exit_code == 0
    assert run("drop", "acme", old, "--yes").exit_code == 0


def test_a_rotation_tells_of_rows_that_it_could_not_wrap(ring_file: Path, stored: RecordingKeys) -> None:
    run("create", "acme")
    stored.key_for(str(uuid4()), "acme", ring_of(ring_file))
    ring_file.unlink()
    run("create", "acme")
    done = run("rotate", "acme")
    assert done.exit_code == 1
    assert "Left: the ring has no key" in done.stdout


def test_a_tenant_on_the_defaults_key_is_not_rotated_by_its_name(ring_file: Path) -> None:
    run("create", "*")
    assert "keys rotate '*'" in refusal("rotate", "acme")
    assert run("rotate", "*").exit_code == 0
    assert "acme" not in ring_of(ring_file).keys.tenants


def test_an_erasure_asks_and_says_what_it_did(ring_file: Path, stored: RecordingKeys) -> None:
    run("create", "acme")
    key = stored.key_for(str(uuid4()), "acme", ring_of(ring_file))
    command = ["destroy", key.file_id, "--by", "anna", "--reason", "the customer asked"]
    refused = run(*command, answer="n\n")
    assert refused.exit_code == 1
    assert "of tenant acme for good, for 'the customer asked'?" in refused.stdout
    assert stored.open_key(key.file_id, ring_of(ring_file)) == key
    done = run(*command, answer="y\n")
    assert done.exit_code == 0
    assert "was destroyed at" in done.stdout
    assert "by anna: the customer asked" in done.stdout
    again = run("destroy", key.file_id, "--by", "ben", "--reason", "again", "--yes")
    assert again.exit_code == 0
    assert "by anna" in again.stdout
    with pytest.raises(KeyMissingError, match="destroyed"):
        stored.open_key(key.file_id, ring_of(ring_file))


def test_an_erasure_of_nothing_or_by_nobody_is_refused(ring_file: Path) -> None:
    run("create", "acme")
    assert "has no key of its own" in refusal(
        "destroy", str(uuid4()), "--by", "anna", "--reason", "x", "--yes"
    )
    assert run("destroy", "recording-7", "--by", "anna", "--reason", "x").exit_code == 2
    assert run("destroy", str(uuid4()), "--by", " ", "--reason", "x").exit_code == 2
    assert run("destroy", str(uuid4()), "--by", "anna").exit_code == 2


@pytest.mark.parametrize("tenant", ["", " ", "a\nb", "t" * 1025])
def test_a_tenant_has_a_printable_name(ring_file: Path, tenant: str) -> None:
    assert run("create", tenant).exit_code == 2


@pytest.fixture
def archive(tmp_path: Path, ring_file: Path) -> Path:
    """Two recordings of the installed base, one of each variant, and two files that are none."""
    folder = tmp_path / "archive"
    (folder / "2024").mkdir(parents=True)
    (folder / "a.wav").write_bytes(by_the_script(wav(b"\1\2" * 50_000), has_padding=True))
    (folder / "2024" / "b.wav").write_bytes(by_the_script(wav(b"\3\4" * 300), has_padding=False))
    (folder / "plain.wav").write_bytes(wav(b"\5\6" * 300))
    (folder / "notes.txt").write_text("call me")
    (tmp_path / "old.key").write_text(SECRET.hex())
    run("create", "acme")
    return folder


def import_(*paths: Path, out: Path) -> Result:
    options = ["--legacy-key-file", "old.key", "--tenant", "acme", "--out", str(out)]
    return run("import", *map(str, paths), *options)


def content_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_archive_is_sealed_anew_beside_its_originals(archive: Path, tmp_path: Path) -> None:
    before, out = content_of(archive), tmp_path / "sealed"
    done = import_(archive, out=out)
    assert done.exit_code == 1
    assert "4 files: 2 sealed, 0 there already, 2 left." in done.stdout
    assert "plain.wav: " in done.stderr
    assert "notes.txt: " in done.stderr
    assert "Warning" not in done.stderr
    assert content_of(archive) == before
    assert sorted(content_of(out)) == ["2024/b.wav", "a.wav"]
    assert all(is_sealed(content) for content in content_of(out).values())
    opened = run("open", str(out / "a.wav"), "--out", str(tmp_path / "a.wav"))
    assert opened.exit_code == 0
    assert (tmp_path / "a.wav").read_bytes() == wav(b"\1\2" * 50_000)
    assert stat.S_IMODE((tmp_path / "a.wav").stat().st_mode) == 0o600


def test_an_archive_that_was_sealed_already_is_left_as_it_is(
    archive: Path, tmp_path: Path, stored: RecordingKeys
) -> None:
    out = tmp_path / "sealed"
    import_(archive, out=out)
    first = content_of(out)
    done = import_(archive, out=out)
    assert "4 files: 0 sealed, 2 there already, 2 left." in done.stdout
    assert content_of(out) == first
    (out / "a.wav").unlink()
    assert "1 sealed, 1 there already" in import_(archive, out=out).stdout
    assert [usage.file_count for usage in stored.usage()] == [2]


def test_a_copy_never_takes_the_place_of_another_file(archive: Path, tmp_path: Path) -> None:
    before = content_of(archive)
    done = import_(archive, out=archive)
    assert "0 sealed, 0 there already, 4 left" in done.stdout
    assert "there is another file" in done.stderr
    assert content_of(archive) == before
    out = tmp_path / "sealed"
    import_(archive / "a.wav", out=out)
    same_name = import_(archive / "2024" / "b.wav", out=out)
    assert same_name.exit_code == 0
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.wav").write_bytes(before["2024/b.wav"])
    assert "there is another file" in import_(tmp_path / "other" / "a.wav", out=out).stderr


def test_a_sealed_file_is_not_sealed_again(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "sealed"
    import_(archive, out=out)
    done = import_(out, out=tmp_path / "again")
    assert done.stderr.count("it is a sealed file already") == 2
    assert not (tmp_path / "again").exists()


def test_a_damaged_copy_is_told_and_not_replaced(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "sealed"
    import_(archive, out=out)
    damaged = bytearray((out / "a.wav").read_bytes())
    damaged[-1] ^= 1
    (out / "a.wav").write_bytes(damaged)
    assert "there is another file" in import_(archive / "a.wav", out=out).stderr
    assert (out / "a.wav").read_bytes() == bytes(damaged)


def test_an_erased_recording_is_not_imported_again(
    archive: Path, tmp_path: Path, stored: RecordingKeys
) -> None:
    out = tmp_path / "sealed"
    told = import_(archive / "a.wav", out=out).stdout.splitlines()[0]
    stored.destroy(told.rpartition(" ")[2], by="anna", reason="asked for")
    (out / "a.wav").unlink()
    done = import_(archive / "a.wav", out=out)
    assert done.exit_code == 1
    assert "was destroyed on" in done.stderr
    assert not (out / "a.wav").exists()


def test_the_published_key_opens_an_archive_with_a_warning(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published_key, "PUBLISHED_KEYS", frozenset({published_key.fingerprint(SECRET)}))
    done = import_(archive / "a.wav", out=tmp_path / "sealed")
    assert done.exit_code == 0
    assert "Warning" in done.stderr
    assert "delete the originals" in done.stderr
    assert SECRET.hex() not in done.output


def test_another_archives_key_leaves_all_files(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "old.key").write_text(secret_of("another").hex())
    done = import_(archive, out=tmp_path / "sealed")
    assert "0 sealed, 0 there already, 4 left" in done.stdout
    assert done.stderr.count("another key") == 4


def test_a_full_disk_leaves_no_half_copy(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    done = import_(archive / "a.wav", out=tmp_path / "sealed")
    assert done.exit_code == 1
    assert "cannot be written: No space left on device" in done.stderr
    assert content_of(tmp_path / "sealed") == {}


def test_opening_refuses_what_it_cannot_prove_and_writes_over_nothing(
    archive: Path, tmp_path: Path, ring_file: Path, stored: RecordingKeys
) -> None:
    key, target = stored.key_for(str(uuid4()), "acme", ring_of(ring_file)), io.BytesIO()
    with SealingWriter(target, key) as writer:
        writer.write(bytes(200_000))
    sealed, out = tmp_path / "sealed.wav", tmp_path / "out.wav"
    content = bytearray(target.getvalue())
    content[70_000] ^= 1
    sealed.write_bytes(content)
    result = run("open", str(sealed), "--out", str(out))
    assert isinstance(result.exception, BrokenSealError)
    assert not out.exists()
    sealed.write_bytes(target.getvalue())
    out.write_text("mine")
    assert "already" in refusal("open", str(sealed), "--out", str(out))
    assert out.read_text() == "mine"
    assert "is no sealed file" in refusal("open", str(archive / "a.wav"), "--out", str(tmp_path / "x"))
    stored.destroy(key.file_id, by="anna", reason="asked for")
    assert "destroyed" in refusal("open", str(sealed), "--out", str(tmp_path / "y"))


def test_a_ring_with_two_sources_is_refused(ring_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("create", "acme")
    monkeypatch.setenv("CX_KEY_RING", json.dumps({"version": 1, "tenants": {}}))
    result = run("list")
    assert isinstance(result.exception, ConfigurationError)
    assert "not both" in str(result.exception)
