import base64
import json
import logging
import os
import pickle
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from cx_pipeline.adapters.crypto import key_ring_file, published_key
from cx_pipeline.adapters.crypto.file_keys import FileKey
from cx_pipeline.adapters.crypto.key_file import read_key_file
from cx_pipeline.adapters.crypto.key_ring import WRAPPED_BYTES, KeyRing, WrappedKey
from cx_pipeline.adapters.crypto.key_ring_file import change_ring_file, read_ring_file
from cx_pipeline.adapters.crypto.ring_keys import RingKeys, new_key, parse_ring
from cx_pipeline.core.errors import ConfigurationError, KeyMissingError
from cx_pipeline.settings import Settings
from cx_pipeline_tests.adapters.crypto.rings import MADE_AT, key_of, ring_keys, ring_of, secret_of
from cx_pipeline_tests.adapters.crypto.sealed_files import KEY, OTHER_KEY


def test_a_wrapped_key_comes_back_and_no_two_wrappings_are_alike() -> None:
    ring = ring_of(("acme", "k1"))
    wrapped = [ring.wrap(KEY) for _ in range(10)]
    assert {len(each.wrapped) for each in wrapped} == {WRAPPED_BYTES}
    assert len({each.wrapped for each in wrapped}) == 10
    assert {ring.unwrap(each, KEY.file_id, "acme").secret for each in wrapped} == {KEY.secret}


def test_a_wrapped_key_opens_for_its_own_file_tenant_and_key_only() -> None:
    ring = ring_of(("acme", "k1"), ("globex", "k2"), ("*", "k3"))
    wrapped = ring_of(("*", "k3")).wrap(KEY)
    assert ring.unwrap(wrapped, KEY.file_id, "acme") == KEY
    with pytest.raises(KeyMissingError, match=f"does not open the key of file {OTHER_KEY.file_id}"):
        ring.unwrap(wrapped, OTHER_KEY.file_id, "acme")
    with pytest.raises(KeyMissingError, match="does not open"):
        ring.unwrap(wrapped, KEY.file_id, "globex")
    with pytest.raises(KeyMissingError, match="does not open"):
        ring.unwrap(WrappedKey("k1", wrapped.wrapped), KEY.file_id, "acme")


def test_every_bit_of_a_wrapped_key_counts() -> None:
    ring = ring_of(("acme", "k1"))
    wrapped = ring.wrap(KEY).wrapped
    for bit in range(len(wrapped) * 8):
        changed = bytearray(wrapped)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(KeyMissingError):
            ring.unwrap(WrappedKey("k1", bytes(changed)), KEY.file_id, "acme")
    with pytest.raises(KeyMissingError):
        ring.unwrap(WrappedKey("k1", wrapped[:-1]), KEY.file_id, "acme")


def test_a_tenant_without_keys_of_its_own_uses_the_default_and_keeps_it_for_its_old_files() -> None:
    before = ring_of(("*", "all"))
    wrapped = before.wrap(KEY)
    after = ring_of(("*", "all"), ("acme", "own"))
    assert (before.owner_of("acme"), after.owner_of("acme")) == ("*", "acme")
    assert after.wrap(KEY).key_id == "own"
    assert after.unwrap(wrapped, KEY.file_id, "acme") == KEY
    assert after.active_key_id("globex") == "all"


def test_no_tenant_uses_another_ones_keys() -> None:
    ring = ring_of(("globex", "k1"))
    with pytest.raises(KeyMissingError, match=r"tenant acme has no key.*keys create acme"):
        ring.wrap(KEY)
    wrapped = ring.wrap(FileKey(KEY.file_id, "globex", KEY.secret))
    with pytest.raises(KeyMissingError, match="no key k1 of tenant acme"):
        ring.unwrap(wrapped, KEY.file_id, "acme")


def test_the_key_for_the_installed_bases_format_wraps_nothing() -> None:
    ring = ring_of(("acme", "k1"), ("acme", "c1", "cfb"))
    assert ring.wrap(KEY).key_id == "k1"
    assert ring.cfb_secret("acme") == secret_of("c1")
    with pytest.raises(KeyMissingError, match="--for cfb"):
        ring_of(("acme", "k1")).cfb_secret("acme")


def test_no_text_of_a_ring_has_a_secret() -> None:
    keys = ring_keys(("acme", "k1"), ("*", "c1", "cfb"))
    ring = KeyRing(keys)
    for text in (repr(ring), str(ring), repr(keys), str(keys), repr(key_of("k1")), repr(ring.wrap(KEY))):
        for secret in (secret_of("k1"), secret_of("c1")):
            assert secret.hex() not in text
            assert base64.b64encode(secret).decode() not in text
    assert KeyRing(pickle.loads(pickle.dumps(keys))).active_key_id("acme") == "k1"


def written(**changes: Any) -> str:
    content = json.loads(ring_keys(("acme", "k1")).as_json())
    content["tenants"]["acme"] |= changes
    return json.dumps(content)


SECRET_TEXT = base64.b64encode(secret_of("k1")).decode()
TIME = "2026-03-01T09:00:00Z"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[]", "no key ring"),
        (SECRET_TEXT, "no JSON"),
        (json.dumps(SECRET_TEXT), "no key ring"),
        ('{"version": 2, "tenants": {}}', "version"),
        ('{"tenants": {"acme": {}, "acme": {}}}', "twice"),
        (written(active="k2"), "tenants.acme: .*active key is not among"),
        (written(active_cfb="k1"), "cannot be active and active_cfb"),
        (written(keys={SECRET_TEXT: {}}), "no key ring"),
        (written(keys={"k1": SECRET_TEXT}), "tenants.acme.keys.k1"),
        (written(keys={"k1": {"secret": SECRET_TEXT, "created_at": "soon"}}), "created_at"),
        (written(keys={"k1": {"secret": SECRET_TEXT[:20], "created_at": TIME}}), "secret is not 32 bytes"),
        (written(keys={"k1": {"secret": secret_of("k1").hex(), "created_at": TIME}}), "secret is not 32 bytes"),
        (written(**{SECRET_TEXT: 1}), "no key ring"),
        (json.dumps({"tenants": {"a": json.loads(written())["tenants"]["acme"]} | json.loads(written())["tenants"]}),
         "two keys have one id"),
    ],
)  # fmt: skip
def test_a_ring_that_is_none_is_refused_without_its_secrets(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        parse_ring(text, "CX_KEY_RING")
    assert str(caught.value).startswith("CX_KEY_RING ")
    assert SECRET_TEXT[:12] not in str(caught.value)
    assert secret_of("k1").hex() not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_ring_is_written_as_it_is_read() -> None:
    ring = ring_keys(("acme", "k1"), ("acme", "k2"), ("acme", "c1", "cfb"), ("*", "k3"))
    assert parse_ring(ring.as_json(), "it") == ring


def test_the_published_key_is_refused_as_a_key_of_the_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    text = ring_keys(("acme", "k1")).as_json()
    monkeypatch.setattr(
        published_key, "PUBLISHED_KEYS", frozenset({published_key.fingerprint(secret_of("k1"))})
    )
    with pytest.raises(
        ConfigurationError, match="key k1 of tenant acme is the key that was printed"
    ) as caught:
        parse_ring(text, "the ring")
    assert SECRET_TEXT not in str(caught.value)
    with pytest.raises(ConfigurationError, match="everybody has it"):
        new_key(MADE_AT, secret_of("k1"))


def test_an_active_key_is_not_dropped_and_an_old_one_is() -> None:
    ring = ring_keys(("acme", "k1"), ("acme", "k2"), ("acme", "c1", "cfb"))
    for active in ("k2", "c1"):
        with pytest.raises(ConfigurationError, match="active"):
            ring.without_key("acme", active)
    with pytest.raises(ConfigurationError, match="has no key k9"):
        ring.without_key("acme", "k9")
    assert list(ring.without_key("acme", "k1").tenants["acme"].keys) == ["k2", "c1"]


def test_settings_name_one_ring_or_none(tmp_path: Path) -> None:
    path, text = tmp_path / "ring.json", SecretStr(ring_keys(("acme", "k1")).as_json())
    assert KeyRing.load(Settings()) is None
    with pytest.raises(KeyMissingError, match="CX_KEY_RING_FILE"):
        KeyRing.required(Settings())
    from_text = KeyRing.load(Settings(key_ring=text))
    assert from_text is not None
    assert from_text.active_key_id("acme") == "k1"
    with pytest.raises(ConfigurationError, match="not both"):
        KeyRing.load(Settings(key_ring=text, key_ring_file=path))
    with pytest.raises(ConfigurationError, match="there is no key ring"):
        KeyRing.load(Settings(key_ring_file=path))
    change_ring_file(path, lambda _: ring_keys(("acme", "k2")))
    assert KeyRing.required(Settings(key_ring_file=path)).active_key_id("acme") == "k2"


def test_a_new_file_is_for_its_owner_only_and_an_old_ones_mode_stays(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "ring.json"
    change_ring_file(path, lambda ring: ring.with_key("acme", "k1", key_of("k1")))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    change_ring_file(path, lambda ring: ring.with_key("acme", "k2", key_of("k2")))
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(read_ring_file(path).tenants["acme"].keys) == ["k1", "k2"]
    assert sorted(file.name for file in path.parent.iterdir()) == ["ring.json", "ring.json.lock"]


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o620, 0o666])
def test_a_ring_that_others_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "ring.json"
    change_ring_file(path, lambda _: ring_keys(("acme", "k1")))
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        read_ring_file(path)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        change_ring_file(path, lambda ring: ring)


def test_a_ring_that_its_group_may_read_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever configures logging anew, as servers do when they start, may have switched it off.
    monkeypatch.setattr(logging.getLogger(read_ring_file.__module__), "disabled", False)
    path = tmp_path / "ring.json"
    change_ring_file(path, lambda _: ring_keys(("acme", "k1")))
    with caplog.at_level(logging.WARNING):
        read_ring_file(path)
        assert caplog.text == ""
        path.chmod(0o440)
        read_ring_file(path)
    assert "the group of the key ring" in caplog.text


def test_a_link_to_the_ring_stays_one(tmp_path: Path) -> None:
    path, link = tmp_path / "data" / "ring.json", tmp_path / "ring.json"
    change_ring_file(path, lambda _: ring_keys(("acme", "k1")))
    link.symlink_to(path)
    change_ring_file(link, lambda ring: ring.with_key("acme", "k2", key_of("k2")))
    assert link.is_symlink()
    assert read_ring_file(path).tenants["acme"].active == "k2"


def test_keys_that_are_made_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"

    def add(number: int) -> None:
        change_ring_file(path, lambda ring: ring.with_key("acme", f"k{number}", key_of(f"k{number}")))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(24)))
    assert len(read_ring_file(path).tenants["acme"].keys) == 24


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_disk_that_fails_leaves_the_ring_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "ring.json"
    change_ring_file(path, lambda _: ring_keys(("acme", "k1")))
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if step == "fsync" else Path, step, full)
    with pytest.raises(ConfigurationError, match="cannot be written: No space left"):
        change_ring_file(path, lambda ring: ring.with_key("acme", "k2", key_of("k2")))
    assert path.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ring.json", "ring.json.lock"]


def test_a_writer_that_is_killed_leaves_the_ring_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    change_ring_file(path, lambda _: ring_keys(("acme", "k1")))
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from cx_pipeline.adapters.crypto.key_ring_file import change_ring_file\n"
        "from cx_pipeline_tests.adapters.crypto.rings import key_of\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "change_ring_file(Path(sys.argv[1]), lambda ring: ring.with_key('acme', 'k2', key_of('k2')))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], timeout=60, check=False)
    assert done.returncode == -9
    assert read_ring_file(path).tenants["acme"].active == "k1"
    change_ring_file(path, lambda ring: ring.with_key("acme", "k3", key_of("k3")))
    assert read_ring_file(path).tenants["acme"].active == "k3"


def test_who_waits_too_long_for_another_writer_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_ring_file, "_LOCK_WAIT_S", 0)
    path = tmp_path / "ring.json"

    def change(ring: RingKeys) -> RingKeys:
        with ThreadPoolExecutor(1) as pool, pytest.raises(ConfigurationError, match="another process"):
            pool.submit(change_ring_file, path, lambda inner: inner).result()
        return ring.with_key("acme", "k1", key_of("k1"))

    change_ring_file(path, change)
    assert read_ring_file(path).tenants["acme"].active == "k1"


@pytest.mark.parametrize(
    "content",
    [
        secret_of("a"),
        secret_of("a").hex().encode() + b"\n",
        secret_of("a").hex().upper().encode(),
        base64.b64encode(secret_of("a")) + b"\n",
    ],
)
def test_a_key_file_is_hexadecimal_base64_or_bytes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    assert read_key_file(path) == secret_of("a")


@pytest.mark.parametrize(
    "content", [b"", b"too-short-secret", secret_of("a") * 2, secret_of("a").hex().encode()[2:]]
)
def test_a_key_file_without_a_key_is_refused_without_its_content(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="no AES-256 key") as caught:
        read_key_file(path)
    assert "too-short" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_key_file(tmp_path / "none")
