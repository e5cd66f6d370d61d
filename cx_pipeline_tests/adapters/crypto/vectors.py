"""The test vectors of docs/formats.md: `python -m cx_pipeline_tests.adapters.crypto.vectors` writes them out.

Made by the product with keys, salts and nonces that are fixed here; all secrets are SHA-256 of a word.
"""

import base64
import hashlib
import io
import json
import struct
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from unittest import mock

from pydantic import SecretStr

from cx_pipeline.adapters.crypto import key_ring, legacy, sealed
from cx_pipeline.adapters.crypto.file_keys import FileKey
from cx_pipeline.adapters.crypto.ring_keys import RingKey, RingKeys

FILE_ID = "8f14e45f-ceea-8123-9abc-0123456789ab"
TENANT = "acme"


def made(word: str) -> bytes:
    """32 bytes that anybody can make again."""
    return hashlib.sha256(word.encode()).digest()


def pattern(size: int) -> bytes:
    """A plaintext of that size: byte i is i · 7 mod 251."""
    return bytes(index * 7 % 251 for index in range(size))


def wav(data: bytes) -> bytes:
    """A WAV file of 8 kHz, 16 bit, mono, with that audio."""
    form = struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16_000, 2, 16)
    body = b"WAVEfmt " + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def vectors() -> dict[str, Any]:
    """All of them, as they stand in the document."""
    return {
        "sealed": [_sealed(b"", 65_536), _sealed(b"cx-pipeline", 65_536), _sealed(pattern(40), 16)],
        "sealed_long": _sealed_long(150_000),
        "wrapped": _wrapped(),
        "cfb": _cfb(wav(pattern(12))),
    }


def _sealed(plaintext: bytes, segment_bytes: int) -> dict[str, Any]:
    key = FileKey(FILE_ID, TENANT, made("file key"))
    target = io.BytesIO()
    with (
        mock.patch.object(sealed, "new_salt", return_value=made("salt")),
        sealed.SealingWriter(target, key, segment_bytes=segment_bytes) as writer,
    ):
        writer.write(plaintext)
    return {
        "file_id": FILE_ID,
        "tenant_id": TENANT,
        "file_key": key.secret.hex(),
        "salt": made("salt").hex(),
        "segment_bytes": segment_bytes,
        "plaintext": plaintext.hex(),
        "sealed": target.getvalue().hex(),
    }


def _sealed_long(size: int) -> dict[str, Any]:
    vector = _sealed(pattern(size), 65_536)
    content = bytes.fromhex(vector.pop("sealed"))
    del vector["plaintext"]
    digest = hashlib.sha256(content).hexdigest()
    return {**vector, "plaintext_bytes": size, "sealed_bytes": len(content), "sealed_sha256": digest}


def _wrapped() -> dict[str, Any]:
    secret, file_key = made("ring key"), FileKey(FILE_ID, TENANT, made("file key"))
    text = SecretStr(base64.b64encode(secret).decode())
    key = RingKey(secret=text, created_at=datetime(2026, 1, 1, tzinfo=UTC))
    ring = key_ring.KeyRing(RingKeys().with_key(TENANT, "2026-01-01-c0ffee", key))
    with _fixed(key_ring, made("nonce")):
        wrapped = ring.wrap(file_key)
    return {
        "ring_key": secret.hex(),
        "key_id": wrapped.key_id,
        "tenant_id": TENANT,
        "file_id": FILE_ID,
        "file_key": file_key.secret.hex(),
        "nonce": made("nonce")[:12].hex(),
        "wrapped_key": wrapped.wrapped.hex(),
    }


def _cfb(plaintext: bytes) -> dict[str, Any]:
    count = 16 - len(plaintext) % 16
    return {
        "key": made("archive key").hex(),
        "iv": made("iv")[:16].hex(),
        "plaintext": plaintext.hex(),
        "without_padding": _as_cfb(plaintext).hex(),
        "with_padding": _as_cfb(plaintext + bytes([count]) * count).hex(),
    }


def _as_cfb(plaintext: bytes) -> bytes:
    target = io.BytesIO()
    with _fixed(legacy, made("iv")), legacy.CfbWriter(target, made("archive key")) as writer:
        writer.write(plaintext)
    return target.getvalue()


def _fixed(module: Any, value: bytes) -> Any:
    chosen: Callable[[int], bytes] = lambda size: value[:size]  # noqa: E731
    return mock.patch.object(module.secrets, "token_bytes", chosen)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(vectors(), indent=2) + "\n")
