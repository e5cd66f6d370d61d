"""The one loader of SQL statements."""

from pathlib import Path

import pytest

from cx_pipeline.adapters.sql_statements import Statement, load_statement
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline_tests.architecture.source_tree import REPOSITORY

ALL = sorted((REPOSITORY / "sql").rglob("*.sql"))
VALUES = dict.fromkeys(
    ("ended_from", "ended_to", "wide_from", "wide_to", "local_from", "local_to", "time_zone"), 0
)


def test_a_named_parameter_becomes_what_the_driver_takes() -> None:
    statement = Statement(Path("x.sql"), "SELECT '5%', ':a', \"?\" WHERE a::int = :a AND b LIKE :b OR c = :a")
    assert statement.for_psycopg({"a": 1, "b": 2}) == (
        "SELECT '5%%', ':a', \"?\" WHERE a::int = %(a)s AND b LIKE %(b)s OR c = %(a)s",
        {"a": 1, "b": 2},
    )
    assert statement.for_odbc({"a": 1, "b": 2}) == (
        "SELECT '5%', ':a', \"?\" WHERE a::int = ? AND b LIKE ? OR c = ?",
        [1, 2, 1],
    )


@pytest.mark.parametrize("file", ALL, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_each_statement_says_what_it_returns_and_binds_what_it_is_given(file: Path) -> None:
    assert file.read_text().startswith("-- ")
    statement = load_statement(file.parent.name, file.stem)
    assert statement.file == file
    text, values = statement.for_odbc(VALUES)
    assert text.count("?") == len(values)
    assert "--" not in text
    assert ":" not in text


@pytest.mark.parametrize("written", ["", "-- only a comment\n", "SELECT 1; SELECT 2", "SELECT 1;\n;"])
def test_a_file_holds_one_statement(written: str, tmp_path: Path) -> None:
    (tmp_path / "columns.sql").write_text(written)
    with pytest.raises(ConfigurationError, match=r"columns\.sql must hold one SQL statement"):
        load_statement("ucce", "columns", tmp_path)


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "columns.sql").write_bytes(b"SELECT '\xff'")
    with pytest.raises(ConfigurationError, match="it is not UTF-8"):
        load_statement("ucce", "columns", tmp_path)


def test_a_statement_that_is_nowhere_is_told() -> None:
    with pytest.raises(ConfigurationError, match=r"lacks sql/ucce/nothing\.sql"):
        load_statement("ucce", "nothing")
