"""The wheel carries all that the product reads at run time, not only its Python."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cx_pipeline_tests.architecture.source_tree import REPOSITORY


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    pytest.importorskip("hatchling", reason="hatchling, of the lock file, is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(build, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    [file] = folder.glob("*.whl")
    return zipfile.Path(file)


def files_of_the_product() -> set[str]:
    return {
        file.relative_to(REPOSITORY).as_posix()
        for file in (REPOSITORY / "cx_pipeline").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".parquet"
    }


def test_the_wheel_holds_every_file_of_the_product(wheel: zipfile.Path) -> None:
    names = set(wheel.root.namelist())
    assert files_of_the_product() - names == set()
    assert "cx_pipeline/py.typed" in names


def test_the_wheel_holds_the_migrations_and_statements(wheel: zipfile.Path) -> None:
    suffixes = {
        Path(name).suffix
        for name in wheel.root.namelist()
        if name.startswith("cx_pipeline/adapters/database")
    }
    assert ".py" in suffixes
    assert any("/migrations/" in name for name in wheel.root.namelist())


def test_the_wheel_holds_the_instance_configuration(wheel: zipfile.Path) -> None:
    assert (wheel / "cx_pipeline/dagster.yaml").read_bytes() == (REPOSITORY / "dagster.yaml").read_bytes()


def test_the_wheel_holds_every_sql_statement_as_it_is_at_the_root(wheel: zipfile.Path) -> None:
    statements = list((REPOSITORY / "sql").rglob("*.sql"))
    assert statements
    for statement in statements:
        place = f"cx_pipeline/{statement.relative_to(REPOSITORY).as_posix()}"
        assert (wheel / place).read_bytes() == statement.read_bytes()


def test_the_wheel_holds_every_script_of_freeswitch_as_it_is_at_the_root(wheel: zipfile.Path) -> None:
    scripts = [file for file in (REPOSITORY / "lua").rglob("*.lua") if "spec" not in file.parts]
    assert scripts
    for script in scripts:
        place = f"cx_pipeline/{script.relative_to(REPOSITORY).as_posix()}"
        assert (wheel / place).read_bytes() == script.read_bytes()


def test_the_wheel_carries_no_tests_and_the_licence(wheel: zipfile.Path) -> None:
    names = wheel.root.namelist()
    assert not [name for name in names if name.startswith(("cx_pipeline_tests", "benchmarks"))]
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_installs_the_command(wheel: zipfile.Path) -> None:
    [entry_points] = [name for name in wheel.root.namelist() if name.endswith("entry_points.txt")]
    assert "cx-pipeline = cx_pipeline.cli.main:main" in (wheel / entry_points).read_text()
