from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal
from sqlalchemy import Engine, text

from cx_pipeline.adapters.directory.loading import load_directory
from cx_pipeline.adapters.directory.tables import read_directory_tables, replace_directory_tables
from cx_pipeline.adapters.directory.yaml_file import read_directory_file
from cx_pipeline.core.directory import EMPTY_DIRECTORY, Directory
from cx_pipeline.core.errors import ConfigurationError, PermanentError
from cx_pipeline.settings import Settings
from cx_pipeline_tests.adapters.directory.test_yaml_file import EVERYTHING


def directory_of(folder: Path, yaml: str) -> Directory:
    (folder / "d.yaml").write_text(yaml)
    return read_directory_file(folder / "d.yaml")


def agents(*extensions: int) -> str:
    return "agents:\n" + "".join(f"  - {{extension: {extension}}}\n" for extension in extensions)


def test_a_directory_comes_back_from_the_tables_as_it_went_in(engine: Engine, tmp_path: Path) -> None:
    directory = directory_of(tmp_path, EVERYTHING)
    counts = replace_directory_tables(engine, directory)
    assert counts == {"agents": 2, "service_numbers": 1, "ranges": 1, "domains": 1, "clusters": 1}
    found = read_directory_tables(engine)
    for field in fields(Directory):
        assert_frame_equal(getattr(found, field.name), getattr(directory, field.name))


def test_a_new_directory_takes_the_place_of_the_old_one(engine: Engine, tmp_path: Path) -> None:
    replace_directory_tables(engine, directory_of(tmp_path, EVERYTHING))
    replace_directory_tables(engine, directory_of(tmp_path, agents(2000)))
    found = read_directory_tables(engine)
    assert found.agents["extension"].to_list() == ["2000"]
    assert found.ranges.is_empty()


def test_a_replacement_that_fails_leaves_the_old_directory(engine: Engine, tmp_path: Path) -> None:
    replace_directory_tables(engine, directory_of(tmp_path, agents(1, 2)))
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE directory_cluster ADD CHECK (cluster <> '1')"))
    with pytest.raises(PermanentError, match="the database refuses to replace the directory"):
        replace_directory_tables(engine, directory_of(tmp_path, EVERYTHING))
    assert read_directory_tables(engine).agents["extension"].to_list() == ["1", "2"]


def test_two_replacements_at_once_leave_one_directory(engine: Engine, tmp_path: Path) -> None:
    directories = [
        directory_of(tmp_path, agents(*range(start, start + 50))) for start in (100, 200, 300, 400)
    ]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda each: replace_directory_tables(engine, each), directories * 3))
    found = read_directory_tables(engine).agents["extension"].to_list()
    assert found in [each.agents["extension"].to_list() for each in directories]


def test_a_wrong_row_in_a_table_is_told_by_table_row_and_column(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO directory_agent (tenant_id, extension) VALUES ('a', '1'), ('a', NULL)")
        )
    with pytest.raises(ConfigurationError, match="table directory_agent, row 2, extension: Field required"):
        read_directory_tables(engine)


def test_the_file_of_the_settings_goes_before_the_tables(engine: Engine, tmp_path: Path) -> None:
    replace_directory_tables(engine, directory_of(tmp_path, agents(1)))
    directory_of(tmp_path, agents(2))
    with_file = Settings(directory_file=tmp_path / "d.yaml")
    assert load_directory(with_file, engine).agents["extension"].to_list() == ["2"]
    without_file = with_file.model_copy(update={"directory_file": None})
    assert load_directory(without_file, engine).agents["extension"].to_list() == ["1"]


def test_empty_tables_are_an_empty_directory(engine: Engine) -> None:
    found = read_directory_tables(engine)
    for field in fields(Directory):
        assert_frame_equal(getattr(found, field.name), getattr(EMPTY_DIRECTORY, field.name))
