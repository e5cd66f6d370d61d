"""Signed links: who changes anything has none, and no text breaks them."""

import base64
import hashlib
import hmac
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cx_pipeline.core.linking.signing import (
    is_signature,
    plain_url,
    recording_path,
    screen_path,
    signature_of,
    signed_url,
)

KEY = b"a key of thirty-two bytes, or so"
PATH = recording_path("0b1c:1005:+18005550199:1718000000000")
ENCODABLE = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def test_a_links_paths_are_those_of_the_guide() -> None:
    assert recording_path("d:1:2:3") == "/d:1:2:3/recording-file"
    assert screen_path("d:1:2:3") == "/d:1:2:3/screen-recording-file"


def test_a_signature_is_an_hmac_over_parts_behind_their_lengths() -> None:
    framed = b"".join(
        len(part).to_bytes(8, "big") + part for part in (b"cx-pipeline link 1", b"/a/b", b"acme", b"1718")
    )
    expected = base64.urlsafe_b64encode(hmac.new(KEY, framed, hashlib.sha256).digest()).decode().rstrip("=")
    assert signature_of(KEY, "/a/b", "acme", 1718) == expected


@pytest.mark.parametrize(
    ("key", "path", "tenant_id", "expires_s"),
    [
        (b"another key", PATH, "acme", 100),
        (KEY, screen_path("0b1c:1005:+18005550199:1718000000000"), "acme", 100),
        (KEY, PATH, "other", 100),
        (KEY, PATH, "acme", 101),
        (KEY, PATH + "a", "cme", 100),
    ],
)
def test_a_signature_is_of_one_key_path_tenant_and_expiry(
    key: bytes, path: str, tenant_id: str, expires_s: int
) -> None:
    signature = signature_of(KEY, PATH, "acme", 100)
    assert is_signature(KEY, PATH, "acme", 100, signature)
    assert not is_signature(key, path, tenant_id, expires_s, signature)


@pytest.mark.parametrize("signature", ["", "é", "\ud800", "=", "a" * 10_000])
def test_what_is_no_signature_is_refused_without_an_error(signature: str) -> None:
    assert not is_signature(KEY, PATH, "acme", 100, signature)


def test_a_path_that_no_link_can_bear_is_refused_without_an_error() -> None:
    assert not is_signature(KEY, "/\ud800/recording-file", "acme", 100, "x")


@given(ENCODABLE, ENCODABLE, ENCODABLE, ENCODABLE)
def test_no_two_pairs_of_path_and_tenant_share_a_signature(
    path: str, tenant: str, other: str, of: str
) -> None:
    is_same = (path, tenant) == (other, of)
    assert (signature_of(KEY, path, tenant, 1) == signature_of(KEY, other, of, 1)) is is_same


@given(ENCODABLE, ENCODABLE, st.integers(0, 2**40))
def test_a_server_reads_from_a_signed_address_what_was_signed(
    leg_key: str, tenant_id: str, expires_s: int
) -> None:
    path = recording_path(leg_key)
    address = signed_url("http://cx.example/recordings/", path, tenant_id, expires_s, KEY)
    assert address.isascii()
    parts = urlsplit(address)
    right = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    assert unquote(parts.path) == "/recordings" + path
    assert is_signature(KEY, path, right["tenant"], int(right["expires"]), right["signature"])


def test_a_plus_in_a_number_is_written_so_that_nobody_reads_a_blank() -> None:
    assert plain_url("http://cx.example", "/d:1:+1800:3/recording-file") == (
        "http://cx.example/d:1:%2B1800:3/recording-file"
    )
