"""The lock files install the same set everywhere, and nothing of the machine that made them is in them."""

import re
import tomllib
from pathlib import Path

from cx_pipeline_tests.architecture.source_tree import REPOSITORY

PIN = re.compile(
    r"^([a-z0-9][a-z0-9._-]*)(?:\[[a-z0-9,_-]+\])?==(\S+)((?:\s*\\\n\s+--hash=sha256:[0-9a-f]{64})*)", re.M
)


def pins(name: str) -> dict[str, tuple[str, int]]:
    """Package to its version and the number of its hashes."""
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    return {match[1]: (match[2], match[3].count("--hash")) for match in PIN.finditer(text)}


def lines_that_pin_nothing(file: Path) -> list[str]:
    text = PIN.sub("", file.read_text(encoding="utf-8"))
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def declared(*keys: str) -> set[str]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = project["dependencies"] + [line for key in keys for line in project["optional-dependencies"][key]]
    return {re.split(r"[\[<>=~! ;]", line)[0].lower().replace("_", "-") for line in named}


def test_every_package_is_pinned_with_hashes() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        assert [package for package, (_, hashes) in pins(name).items() if not hashes] == []
        assert lines_that_pin_nothing(REPOSITORY / name) == []


def test_what_pyproject_names_is_locked() -> None:
    assert declared() - pins("requirements.lock").keys() == set()
    assert declared("dev") - pins("requirements-dev.lock").keys() == set()
    assert {"hatchling", "editables"} <= pins("requirements.lock").keys()


def test_development_installs_on_top_of_the_runtime() -> None:
    runtime, development = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {package: development.get(package) for package in runtime} == runtime


def test_the_lock_files_name_no_place() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        assert re.findall(r"://|--(?:extra-)?index|--find-links|--trusted|(?m:^-)|\s/\w+/", text) == []


def test_dagster_is_the_set_that_fits_together() -> None:
    locked = {package: version for package, (version, _) in pins("requirements.lock").items()}
    assert locked["dagster"] == locked["dagster-webserver"] == locked["dagster-graphql"]
    assert (
        locked["dagster-postgres"]
        == "0." + str(int(locked["dagster"].split(".")[1]) + 16) + "." + (locked["dagster"].split(".")[2])
    )
