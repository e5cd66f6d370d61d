"""A key that a site brings along, in a file: hexadecimal, base64, or the bytes themselves."""

import base64
import binascii
from pathlib import Path

from cx_pipeline.adapters.crypto.file_keys import SECRET_BYTES
from cx_pipeline.core.errors import ConfigurationError


def read_key_file(path: Path) -> bytes:
    """The 32 bytes of an AES-256 key.

    Raises:
        ConfigurationError: the file cannot be read, or holds no such key. Nothing of it is in the message.
    """
    try:
        with path.open("rb") as file:
            content = file.read(1024)
    except OSError as error:
        raise ConfigurationError(f"the key file {path} cannot be read ({type(error).__name__})") from None
    for reading in (_hexadecimal, _base64, bytes):
        secret = reading(content)
        if len(secret) == SECRET_BYTES:
            return secret
    raise ConfigurationError(
        f"the key file {path} holds no AES-256 key: 64 hexadecimal digits, 44 of base64, or 32 bytes"
    )


def _hexadecimal(content: bytes) -> bytes:
    try:
        return bytes.fromhex(content.decode("ascii"))
    except ValueError:
        return b""


def _base64(content: bytes) -> bytes:
    try:
        return base64.b64decode(content.strip(), validate=True)
    except binascii.Error:
        return b""
