"""docs/formats.md says what is true: its program opens our files, and its vectors are what the product makes."""

import json
import os
import re
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256

from cx_pipeline_tests.adapters.crypto.sealed_files import KEY, sealed
from cx_pipeline_tests.adapters.crypto.vectors import pattern, vectors
from cx_pipeline_tests.architecture.source_tree import REPOSITORY


def block_of_the_document(kind: str) -> str:
    text = (REPOSITORY / "docs" / "formats.md").read_text(encoding="utf-8")
    found = re.search(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found.group(1)


@pytest.fixture(scope="module")
def documented() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(block_of_the_document("json vectors"))
    return content


@pytest.fixture(scope="module")
def open_sealed() -> Callable[[bytes, bytes], bytes]:
    """The document's own program: it imports nothing of ours."""
    program = block_of_the_document("python")
    assert "cx_pipeline." not in program
    names: dict[str, Any] = {}
    exec(program, names)
    function: Callable[[bytes, bytes], bytes] = names["open_sealed"]
    return function


def test_the_vectors_of_the_document_are_what_the_product_makes(documented: dict[str, Any]) -> None:
    assert documented == vectors()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_documents_program_opens_its_vectors(
    documented: dict[str, Any], open_sealed: Callable[[bytes, bytes], bytes], number: int
) -> None:
    vector = documented["sealed"][number]
    content = open_sealed(bytes.fromhex(vector["sealed"]), bytes.fromhex(vector["file_key"]))
    assert content == bytes.fromhex(vector["plaintext"])


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_000])
def test_the_documents_program_opens_what_the_product_seals(
    open_sealed: Callable[[bytes, bytes], bytes], size: int
) -> None:
    plaintext = os.urandom(size)
    content = sealed(plaintext)
    assert open_sealed(content, KEY.secret) == plaintext
    with pytest.raises((InvalidTag, ValueError)):
        open_sealed(content[:-1] + bytes([content[-1] ^ 1]), KEY.secret)


def test_the_long_vector_is_of_the_pattern_that_the_document_tells(documented: dict[str, Any]) -> None:
    long = documented["sealed_long"]
    assert long["plaintext_bytes"] == len(pattern(150_000))
    assert pattern(40).hex() == documented["sealed"][2]["plaintext"]
    assert long["sealed_bytes"] == 64 + len(long["tenant_id"]) + 32 + 150_000 + 3 * 16


def test_a_wrapped_key_opens_as_the_document_says(documented: dict[str, Any]) -> None:
    vector = documented["wrapped"]
    wrapped, key_id = bytes.fromhex(vector["wrapped_key"]), vector["key_id"].encode()
    bound = b"cx-pipeline-wrap-1" + bytes.fromhex(vector["file_id"].replace("-", ""))
    bound += len(key_id).to_bytes(2, "big") + key_id + vector["tenant_id"].encode()
    assert wrapped[0] == 1
    secret = AESGCM(bytes.fromhex(vector["ring_key"])).decrypt(wrapped[1:13], wrapped[13:], bound)
    assert secret.hex() == vector["file_key"]


def test_the_installed_bases_vectors_open_as_the_document_says(documented: dict[str, Any]) -> None:
    vector = documented["cfb"]
    for variant, padding in (("without_padding", b""), ("with_padding", bytes([8]) * 8)):
        content = bytes.fromhex(vector[variant])
        decryptor = Cipher(AES256(bytes.fromhex(vector["key"])), CFB(content[:16])).decryptor()
        assert decryptor.update(content[16:]) == bytes.fromhex(vector["plaintext"]) + padding
