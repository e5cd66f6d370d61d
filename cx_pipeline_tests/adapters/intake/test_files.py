import gzip
import hashlib
import os
import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from cx_pipeline.adapters.intake.files import FileFormat, inspect_file, read_file
from cx_pipeline.core.errors import InputError

NDJSON = b'{"event_name":"A"}\n{"event_name":"B"}\n'
CSV = b"event_name\nA\nB\n"


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def names_in(path: Path) -> list[str]:
    return [name for chunk in read_file(inspect_file(path)) for name in chunk.rows["event_name"]]


UNPACKABLE = random.Random(1).randbytes(100_000)
"""Bytes that gzip cannot make smaller, the same in every process: they are part of the tests' names."""


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.ndjson", NDJSON, FileFormat.NDJSON),
        ("a.jsonl", NDJSON, FileFormat.NDJSON),
        ("a.csv", CSV, FileFormat.CSV),
        ("A.CSV", CSV, FileFormat.CSV),
        ("events", NDJSON, FileFormat.NDJSON),
        ("events", CSV, FileFormat.CSV),
        ("a.ndjson.2024-01-15", NDJSON, FileFormat.NDJSON),
        ("a.ndjson.gz", gzip.compress(NDJSON, mtime=0), FileFormat.NDJSON),
        ("a.csv", gzip.compress(CSV, mtime=0), FileFormat.CSV),
        ("a.ndjson", b"\xef\xbb\xbf" + NDJSON, FileFormat.NDJSON),
    ],
)
def test_a_file_is_told_by_its_name_and_what_it_holds(
    tmp_path: Path, name: str, data: bytes, kind: FileFormat
) -> None:
    path = written(tmp_path / name, data)
    file = inspect_file(path)
    assert file.format is kind
    assert file.sha256 == hashlib.sha256(data).hexdigest()
    assert file.size == len(data)
    assert names_in(path) == ["A", "B"]


def test_parquet_is_known_under_any_name(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    pl.DataFrame({"event_name": ["A", "B"]}).write_parquet(path)
    assert inspect_file(path).format is FileFormat.PARQUET
    assert names_in(path) == ["A", "B"]


@pytest.mark.parametrize("data", [b"", b"\n\n  \n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"])
@pytest.mark.parametrize("name", ["a.ndjson", "a.csv", "a"])
def test_an_empty_file_holds_nothing(tmp_path: Path, name: str, data: bytes) -> None:
    file = inspect_file(written(tmp_path / name, data))
    assert file.format is FileFormat.NOTHING
    assert list(read_file(file)) == []


@pytest.mark.parametrize(
    ("name", "data", "complaint"),
    [
        ("a.ndjson", bytes(range(256)) * 100, "is a binary file"),
        ("a.csv", b"\x89PNG\r\n\x1a\n" + bytes(1000), "is a binary file"),
        ("a", b"\x7fELF" + bytes(1000), "is a binary file"),
        ("a.ndjson", NDJSON.decode().encode("utf-16"), "is UTF-16 text: save it as UTF-8"),
        ("a.json", b'[{"event_name":"A"}]', "is a JSON list: write one object a line"),
        ("a.json", b'[\n  {"event_name":"A"}\n]', "is a JSON list: write one object a line"),
        ("a.gz", b"", "is empty, which no file of its kind is"),
        ("a.parquet", b"", "is empty, which no file of its kind is"),
        ("a.parquet", b"PAR1", "the Parquet file cannot be read"),
        ("a.parquet", b"PAR1" + bytes(1000) + b"PAR1", "the Parquet file cannot be read"),
        ("a.parquet", gzip.compress(b"PAR1" + bytes(100), mtime=0), "is a packed Parquet file"),
        ("a.gz", gzip.compress(NDJSON, mtime=0)[:15], "the gzip file is cut off or damaged"),
        ("a.gz", gzip.compress(UNPACKABLE, mtime=0)[:50_000], "the gzip file is cut off or damaged"),
        ("a.gz", gzip.compress(NDJSON, mtime=0) + b"rubbish", "the gzip file is cut off or damaged"),
        ("a.csv", b"Name;Age\nBob;17\n", "names no column of a call event"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_reason(
    tmp_path: Path, name: str, data: bytes, complaint: str
) -> None:
    path = written(tmp_path / name, data)
    with pytest.raises(InputError, match=complaint):
        list(read_file(inspect_file(path)))


def make_folder(path: Path) -> None:
    path.mkdir()


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_nothing(path: Path) -> None:
    """It is not there."""


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (make_nothing, "No such file"),
        (make_folder, "is a folder: name the files in it"),
        (make_pipe, "is no regular file"),
    ],
)
def test_what_is_no_file_is_refused(tmp_path: Path, make: Callable[[Path], None], complaint: str) -> None:
    make(tmp_path / "a.ndjson")
    with pytest.raises(InputError, match=complaint):
        inspect_file(tmp_path / "a.ndjson")


def test_a_file_that_we_may_not_read_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.ndjson", NDJSON)
    path.chmod(0)
    user = os.geteuid()
    if user == 0:  # root may read anything: be somebody else for the moment
        os.seteuid(65534)
    try:
        with pytest.raises(InputError, match="Permission denied"):
            inspect_file(path)
    finally:
        os.seteuid(user)


def test_what_comes_before_the_cut_of_a_gzip_file_is_read(tmp_path: Path) -> None:
    whole = b"".join(b'{"event_name":"%d"}\n' % number for number in range(2_000_000))
    path = written(tmp_path / "a.ndjson.gz", gzip.compress(whole, compresslevel=1)[:-1000])
    names: list[str] = []
    chunks = read_file(inspect_file(path))
    with pytest.raises(InputError, match="cut off"):
        names.extend(name for chunk in chunks for name in chunk.rows["event_name"])
    assert names == [str(number) for number in range(len(names))]
    assert len(names) > 500_000


def test_a_packed_file_of_several_parts_is_read_whole(tmp_path: Path) -> None:
    path = written(tmp_path / "a.gz", gzip.compress(NDJSON, mtime=0) + gzip.compress(NDJSON, mtime=0))
    assert names_in(path) == ["A", "B", "A", "B"]


def test_a_file_that_grows_while_it_is_read_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "a.ndjson", NDJSON)
    file = inspect_file(path)
    with path.open("ab") as stream:
        stream.write(b'{"event_name":"C"}\n{"event_na')
    with pytest.raises(InputError, match="changed while it was read"):
        list(read_file(file))


def test_progress_goes_to_the_end_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"event_name": ["A"] * 120_000}).write_parquet(path)
    for each in (
        path,
        written(tmp_path / "a.ndjson", NDJSON),
        written(tmp_path / "b.gz", gzip.compress(CSV, mtime=0)),
    ):
        told: list[int] = []
        list(read_file(inspect_file(each), told.append))
        assert told == sorted(told)
        assert told[-1] == each.stat().st_size


def test_a_huge_line_is_refused_and_the_next_ones_are_read(tmp_path: Path) -> None:
    huge = b'{"event_name":"' + b"x" * 3_000_000 + b'"}\n'
    path = written(tmp_path / "a.ndjson", NDJSON + huge + NDJSON)
    chunks = list(read_file(inspect_file(path)))
    (bad,) = [row for chunk in chunks for row in chunk.bad_rows]
    assert (bad.line_number, bad.reason) == (3, "LINE_TOO_LONG: 3000017 bytes")
    assert len(bad.row_text) < 70_000
    assert [number for chunk in chunks for number in chunk.rows["row_number"]] == [1, 2, 4, 5]
