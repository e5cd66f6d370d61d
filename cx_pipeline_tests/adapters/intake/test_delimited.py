import csv
from io import StringIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cx_pipeline.adapters.intake.delimited import MAX_ROW_LINES, CsvReader
from cx_pipeline.adapters.intake.lines import LineBlock
from cx_pipeline.core.errors import InputError


def read(data: bytes, *, block_lines: int = 1000) -> tuple[dict[int, dict[str, str]], dict[int, str], int]:
    """Rows and reasons by line number, and how many lines are blank; read in blocks of so many lines."""
    reader = CsvReader()
    block = LineBlock.of(data)
    starts = range(0, len(block), block_lines)
    chunks = [reader.read(block.part(start, min(start + block_lines, len(block)))) for start in starts]
    rows: dict[int, dict[str, str]] = {}
    reasons: dict[int, str] = {}
    chunks.append(reader.finish())
    for chunk in chunks:
        rows |= {row.pop("row_number"): row for row in chunk.rows.to_dicts()}
        reasons |= {row.line_number: row.reason for row in chunk.bad_rows}
    return rows, reasons, sum(chunk.blank_lines for chunk in chunks)


def test_a_row_has_the_number_of_its_line_and_the_header_is_none() -> None:
    rows, reasons, _ = read(b"event_name,extension\nA,1005\nB,01005\n")
    assert rows == {
        2: {"event_name": "A", "extension": "1005"},
        3: {"event_name": "B", "extension": "01005"},
    }
    assert reasons == {}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_header_tells_the_delimiter(delimiter: str) -> None:
    data = "\n".join(delimiter.join(row) for row in (["event_name", "x,y;z", "cause"], ["A", "1", "16"]))
    if delimiter in ",;":
        data = data.replace("x,y;z", "other")
    assert read(data.encode())[0] == {2: {"event_name": "A", "cause": "16"}}


def test_quotes_hold_delimiters_quotes_and_line_ends() -> None:
    rows, reasons, _ = read(b'event_name,cause\r\n"a,b","c""d"\r\n"line one\r\nline two",x\r\nB,y\r\n')
    assert rows == {
        2: {"event_name": "a,b", "cause": 'c"d'},
        3: {"event_name": "line one\nline two", "cause": "x"},
        5: {"event_name": "B", "cause": "y"},
    }
    assert reasons == {}


@pytest.mark.parametrize("block_lines", [1, 2, 3, 1000])
def test_a_row_of_several_lines_may_lie_across_blocks(block_lines: int) -> None:
    data = b'event_name,cause\nA,1\n"x\ny\nz",2\nB,3\n'
    rows, reasons, _ = read(data, block_lines=block_lines)
    assert {number: row["cause"] for number, row in rows.items()} == {2: "1", 3: "2", 6: "3"}
    assert reasons == {}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"A", "BROKEN_LINE: 1 fields where the header has 2"),
        (b"A,1,2", "BROKEN_LINE: 3 fields where the header has 2"),
        (b'A,"open', "BROKEN_LINE: a quote that is not closed, or text after one that is"),
        (b'"A"B,1', "BROKEN_LINE: a quote that is not closed, or text after one that is"),
        (b"\xff,1", "INVALID_UTF8"),
    ],
)
@pytest.mark.parametrize("following", [0, 1, 200])
def test_a_broken_line_costs_no_other(line: bytes, reason: str, following: int) -> None:
    data = b"event_name,cause\nA,1\n" + line + b"\n" + b"B,2\n" * following
    rows, reasons, _ = read(data, block_lines=50)
    assert reasons == {3: reason}
    assert sorted(rows) == [2, *range(4, 4 + following)]


def test_a_quote_is_looked_for_in_so_many_lines_only() -> None:
    inside = b"x\n" * MAX_ROW_LINES
    rows, reasons, _ = read(b'event_name,cause\n"' + inside + b'y",2\nB,3\n')
    assert set(reasons) == set(range(2, MAX_ROW_LINES + 2))
    assert rows[MAX_ROW_LINES + 3] == {"event_name": "B", "cause": "3"}


def test_blank_lines_are_counted_and_are_no_rows() -> None:
    rows, reasons, blank_lines = read(b"\n\nevent_name,cause\n\nA,1\n  \n\n")
    assert (list(rows), reasons) == ([5], {})
    assert blank_lines == 3  # after the header


def test_camel_case_headers_in_quotes_and_spaces_are_understood() -> None:
    rows, _, _ = read(b'\xef\xbb\xbf"eventType", callDirection ,"id"\nCALL_CONNECTED,INBOUND,7\n')
    assert rows == {2: {"eventType": "CALL_CONNECTED", "callDirection": "INBOUND"}}


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        (b"name,age\nBob,17\n", "line 1 is no CSV header: it names no column of a call event"),
        (b"hello\n", "line 1 is no CSV header: it names no column of a call event"),
        (b'event_name,"open\nA,1\n', "line 1 is no CSV header"),
        (b"event_name,caf\xe9\nA,1\n", "line 1 is no CSV header"),
        (b"event_name,cause,event_name\nA,1,B\n", "the header names event_name twice"),
    ],
)
def test_a_file_without_a_header_of_events_is_refused(header: bytes, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        read(header)


FIELDS = st.text('ab,"\n; é', max_size=6)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(FIELDS, FIELDS), max_size=8), st.integers(1, 10))
def test_whatever_python_writes_is_read_as_it_was(pairs: list[tuple[str, str]], block_lines: int) -> None:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([("event_name", "cause"), *pairs])

    rows, reasons, _ = read(text.getvalue().encode(), block_lines=block_lines)

    assert reasons == {}
    assert [(row["event_name"], row["cause"]) for _, row in sorted(rows.items())] == pairs


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text('ab,"é ', max_size=8), max_size=12), st.integers(1, 12))
def test_every_line_is_in_a_row_or_refused_or_blank(lines: list[str], block_lines: int) -> None:
    """Blocks of any size give the same, and no line is lost."""
    data = "\n".join(["event_name,cause", *lines]).encode()
    rows, reasons, blank_lines = read(data, block_lines=block_lines)

    in_one_block = read(data)
    assert (rows, reasons, blank_lines) == in_one_block
    lines_of_rows = sum(1 + row["event_name"].count("\n") + row["cause"].count("\n") for row in rows.values())
    assert lines_of_rows + len(reasons) + blank_lines == len(LineBlock.of(data)) - 1
