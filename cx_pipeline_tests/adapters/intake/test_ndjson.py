import json
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from cx_pipeline.adapters.intake import ndjson
from cx_pipeline.adapters.intake.chunk import ReadChunk
from cx_pipeline.adapters.intake.lines import LineBlock


def read(*lines: str | bytes) -> ReadChunk:
    raw = [line.encode() if isinstance(line, str) else line for line in lines]
    return ndjson.read_ndjson_block(LineBlock.of(b"\n".join(raw)))


def reasons(chunk: ReadChunk) -> dict[int, str]:
    return {row.line_number: row.reason for row in chunk.bad_rows}


GOOD = '{"event_name":"A","extension":"1005"}'


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"event_name":"A"', "BROKEN_LINE: not JSON (JSONDecodeError)"),
        ('{"event_name":"A"} {"event_name":"B"}', "BROKEN_LINE: not JSON (JSONDecodeError)"),
        ('{"event_name":NaN}', "BROKEN_LINE: not JSON (ValueError)"),
        ("[" * 100_000, "BROKEN_LINE: not JSON (RecursionError)"),
        ("[1,2]", "BROKEN_LINE: not a JSON object"),
        ("null", "BROKEN_LINE: not a JSON object"),
        ("17", "BROKEN_LINE: not a JSON object"),
        (b'{"event_name":"\xff"}', "INVALID_UTF8"),
        ('{"event_name":"\\ud800"}', "INVALID_UTF8: event_name holds half a surrogate pair"),
        ('{"event_name":true}', "WRONG_TYPE: event_name is true or false"),
        ('{"event_name":1.5}', "WRONG_TYPE: event_name is a number with a fraction"),
        ('{"event_code":1e3}', "WRONG_TYPE: event_code is a number with a fraction"),
        ('{"extension":["1005"]}', "WRONG_TYPE: extension is a list"),
        ('{"globalCallId":{"node":1}}', "WRONG_TYPE: globalCallId is an object"),
    ],
)
def test_only_the_wrong_line_is_refused(line: str | bytes, reason: str) -> None:
    chunk = read(GOOD, line, GOOD)

    assert reasons(chunk) == {2: reason}
    assert chunk.rows["row_number"].to_list() == [1, 3]
    assert chunk.rows["extension"].to_list() == ["1005", "1005"]


def test_a_refused_line_is_kept_as_it_came() -> None:
    chunk = read(b'{"event_name":"\xff\x00"}')
    assert chunk.bad_rows[0].row_text == '{"event_name":"\\xff\\x00"}'


def test_whole_numbers_read_as_their_digits_and_null_as_nothing() -> None:
    chunk = read('{"global_call_id":16945106,"event_code":-1,"extension":null}')
    assert chunk.rows.drop("row_number").to_dicts() == [
        {"global_call_id": "16945106", "event_code": "-1", "extension": None}
    ]


def test_a_number_too_large_for_any_type_is_still_its_digits() -> None:
    assert read('{"event_code":' + "9" * 40 + "}").rows["event_code"].to_list() == ["9" * 40]


def test_line_ends_of_windows_blank_lines_and_byte_order_marks_do_no_harm() -> None:
    chunk = read(b"\xef\xbb\xbf" + GOOD.encode() + b"\r", b"", b"  \r", GOOD.encode() + b"\r")
    assert chunk.rows["row_number"].to_list() == [1, 4]
    assert chunk.blank_lines == 2
    assert not chunk.bad_rows


def test_unknown_columns_are_told_wherever_they_come() -> None:
    lines = [GOOD] * 100 + ['{"event_name":"A","colour":{"event_name":"B"}}'] + [GOOD] * 100
    chunk = read(*lines)
    assert chunk.unknown_columns == {"colour"}
    assert chunk.rows["event_name"].to_list() == ["A"] * 201


def test_a_column_that_comes_late_is_read() -> None:
    chunk = read(*[GOOD] * 100, '{"event_name":"A","direction":"INBOUND"}')
    assert chunk.rows["direction"].to_list() == [None] * 100 + ["INBOUND"]


def test_texts_that_look_like_json_are_texts() -> None:
    texts = ['":null', '"extension":true', "{", ":null", '\\":null,"event_code":1.5', "[]"]
    lines = [json.dumps({"event_name": text, "extension": None}) for text in texts]
    assert read(*lines).rows["event_name"].to_list() == texts


def test_a_key_hidden_by_escapes_is_the_same_key() -> None:
    assert read('{"event\\u005fname":true}').bad_rows[0].reason.startswith("WRONG_TYPE")


def test_the_first_of_a_key_given_twice_counts() -> None:
    chunk = read('{"event_name":"first","event_name":"second"}')
    assert chunk.rows["event_name"].to_list() == ["first"]


def test_a_row_number_in_the_file_is_not_taken_for_ours() -> None:
    chunk = read('{"row_number":99,"event_name":"A"}')
    assert chunk.rows["row_number"].to_list() == [1]
    assert chunk.unknown_columns == {"row_number"}


def test_a_usual_block_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(block: LineBlock) -> ReadChunk:
        raise AssertionError(f"read line by line: {block.data[:100]!r}")

    monkeypatch.setattr(ndjson, "_read_line_by_line", refuse)
    lines = [
        '{"event_name":"A","event_code":107,"extension":null,"note":"x: 1"}',
        '{"event_name":"B é"}',
    ] * 50
    assert read(*lines).rows.height == 100


VALUES = st.one_of(
    st.none(),
    st.text(max_size=6),
    st.text('{}[]":,\\ntrue', max_size=8),
    st.integers(-(2**70), 2**70),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
KEYS = st.sampled_from(["event_name", "eventType", "extension", "event_code", "colour", "id", ""])


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.dictionaries(KEYS, VALUES, max_size=4), min_size=1, max_size=8),
    st.booleans(),
)
def test_reading_at_once_and_line_by_line_give_the_same(rows: list[dict[str, Any]], is_ascii: bool) -> None:
    data = "\n".join(json.dumps(row, ensure_ascii=is_ascii) for row in rows).encode(errors="surrogatepass")
    block = LineBlock.of(data)

    at_once = ndjson._read_at_once(block)
    line_by_line = ndjson._read_line_by_line(block)

    assert line_by_line.row_count == len(rows)
    if at_once is not None:
        assert not line_by_line.bad_rows
        assert at_once.unknown_columns == line_by_line.unknown_columns
        columns = sorted(line_by_line.rows.columns)
        given_columns = at_once.rows.select(pl.col(columns))
        assert_frame_equal(given_columns, line_by_line.rows.select(columns))
