"""cx.json: what it writes any reader reads, what it reads is JSON and nothing else."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cx_pipeline_tests.lua.switch import SCRIPTS, VERSIONS, runtime, to_bytes, to_lua


class Codec:
    """cx.json in one Lua."""

    def __init__(self, version: str) -> None:
        self.lua = runtime(version)
        self.lua.execute(f"package.path = '{SCRIPTS}/?.lua'")
        self.json = self.lua.eval("(require('cx.json'))")
        self.text = self.lua.eval("(require('cx.text'))")
        self.again = self.lua.eval(
            "function(text) local json = require('cx.json') local value, why = json.decode(text)"
            " if value == nil then return nil, why end return json.encode(value) end"
        )


CODECS = {version: Codec(version) for version in VERSIONS}


@pytest.fixture(params=VERSIONS)
def codec(request: pytest.FixtureRequest) -> Codec:
    return CODECS[request.param]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, min_size=1, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=VALUES)
def test_every_document_comes_back_as_it_was(codec: Codec, value: Any) -> None:
    for is_ascii in (True, False):
        source = json.dumps(value, ensure_ascii=is_ascii)
        written = codec.again(to_lua(source))
        assert json.loads(to_bytes(written)) == value


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=64))
def test_any_bytes_become_a_text_that_any_reader_reads(codec: Codec, content: bytes) -> None:
    written = to_bytes(codec.json.encode(to_lua(content)))

    assert json.loads(written) == content.decode(errors="replace") or "�" in json.loads(written)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.text(alphabet='{}[]",:\\/0123456789.eE+-truefalsn u\n\t\x00\x7f', max_size=24))
def test_what_it_reads_is_json(codec: Codec, content: str) -> None:
    written = codec.again(to_lua(content))
    if not isinstance(written, tuple):
        json.loads(content)


@pytest.mark.parametrize(
    "source",
    [
        "",
        " ",
        "{",
        "[1,]",
        "{,}",
        '{"a"}',
        '{"a":1,}',
        "{a:1}",
        "'a'",
        "01",
        "1.",
        ".5",
        "-",
        "+1",
        "0x10",
        "1e",
        "NaN",
        "Infinity",
        "nil",
        "True",
        '"\n"',
        '"\\x"',
        '"\\u12"',
        '"\\ud800"',
        '"\\udc00"',
        '"abc',
        '"a" "b"',
        "1 2",
        '{"a":1,"a":2}',
        "[" * 200 + "]" * 200,
        "1e999",
        "// x\n1",
    ],
)
def test_nonsense_is_refused_with_a_reason(codec: Codec, source: str) -> None:
    value, why = codec.json.decode(to_lua(source))

    assert value is None
    assert why


def test_what_is_too_long_is_refused(codec: Codec) -> None:
    assert codec.json.decode('"' + "a" * 300_000 + '"')[0] is None


def test_an_empty_list_stays_a_list(codec: Codec) -> None:
    assert codec.again("[]") == "[]"
    assert codec.again("{}") == "{}"


@pytest.mark.parametrize("source", ["0/0", "1/0", "-1/0", "print", "{[1.5] = 1}", "{[{}] = 1}"])
def test_what_json_does_not_have_is_not_written(codec: Codec, source: str) -> None:
    written, why = codec.json.encode(codec.lua.eval(source))

    assert written is None
    assert why


def test_a_table_within_itself_is_not_written(codec: Codec) -> None:
    table = codec.lua.eval("(function() local t = {} t.t = t return t end)()")

    assert codec.json.encode(table)[0] is None


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=400))
def test_a_name_is_safe_whatever_it_was_made_of(codec: Codec, content: bytes) -> None:
    name = codec.text.name(to_lua(content))

    if name is not None:
        assert 0 < len(name) <= 64
        assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
        assert name[0] not in ".-_"
        assert name[-1] not in ".-_"
        assert ".." not in name


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=300))
def test_a_field_is_the_text_itself_up_to_its_limit(codec: Codec, content: str) -> None:
    field = codec.text.field(to_lua(content), 256)

    kept = b"" if field is None else to_bytes(field)
    assert len(kept) <= 256
    kept.decode()
    if len(content.encode()) <= 256:
        assert kept.decode() == content.strip(" ")


@pytest.mark.parametrize(
    "path",
    [
        "/a/../b",
        "/..",
        "/a/.",
        "relative",
        "/a b",
        "/a\n",
        "/a'",
        '/a"',
        "/a;b",
        "/a\0b",
        "/a//b",
        "/a%2e",
        "",
        "/",
    ],
)
def test_a_path_that_is_not_plain_is_none(codec: Codec, path: str) -> None:
    assert codec.text.path(path) is None


def test_everything_but_plain_characters_is_percent_encoded(codec: Codec) -> None:
    everything = bytes(range(256))

    encoded = codec.text.percent_encoded(to_lua(everything))

    assert set(encoded) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%")
    assert to_bytes(codec.text.percent_decoded(encoded)) == everything
