"""The lock files install the same set everywhere, and nothing of the machine that made them is in them."""

import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cx_pipeline_tests.architecture.source_tree import (
    PRODUCT,
    REPOSITORY,
    Module,
    imported_names,
    product_modules,
)

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


def declared(*extras: str) -> list[Requirement]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = project["dependencies"] + [
        line for extra in extras for line in project["optional-dependencies"][extra]
    ]
    return [Requirement(line) for line in lines]


def not_locked(requirements: list[Requirement], locked: dict[str, tuple[str, int]]) -> list[str]:
    """The requirements that the lock file lacks or answers with another version."""
    versions = {package: version for package, (version, _) in locked.items()}
    return [
        str(requirement)
        for requirement in requirements
        if not requirement.specifier.contains(versions.get(canonicalize_name(requirement.name), "0"))
    ]


def undeclared(modules: list[Module], requirements: list[Requirement]) -> list[str]:
    """Imports of packages that only come along with another one."""
    distributions = importlib.metadata.packages_distributions()
    names = {canonicalize_name(requirement.name) for requirement in requirements}
    known = sys.stdlib_module_names | {PRODUCT, "cx_pipeline_tests"}
    tops = {
        (name.split(".")[0], module.at(node)) for module in modules for name, node in imported_names(module)
    }
    return [
        f"{place} imports {top}"
        for top, place in sorted(tops)
        if top not in known and not names & {canonicalize_name(name) for name in distributions.get(top, [])}
    ]


def test_every_package_is_pinned_with_hashes() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        assert [package for package, (_, hashes) in pins(name).items() if not hashes] == []
        assert lines_that_pin_nothing(REPOSITORY / name) == []


def test_what_pyproject_asks_for_is_locked() -> None:
    assert not_locked(declared(), pins("requirements.lock")) == []
    assert not_locked(declared("dev"), pins("requirements-dev.lock")) == []
    assert {"hatchling", "editables"} <= pins("requirements.lock").keys()


def test_a_lock_file_that_lags_behind_is_noticed() -> None:
    asked = [
        Requirement("polars>=2.1,<2.2"),
        Requirement("psycopg[binary]>=3.3"),
        Requirement("types-PyYAML"),
    ]
    assert not_locked(asked, {"polars": ("2.0.9", 1), "types-pyyaml": ("6.0.12.20261113", 1)}) == [
        "polars<2.2,>=2.1",
        "psycopg[binary]>=3.3",
    ]


def test_the_product_declares_what_it_imports() -> None:
    assert undeclared(product_modules(), declared()) == []


def test_an_import_of_what_only_came_along_is_noticed() -> None:
    guest = Module("cx_pipeline/adapters/a.py", "import os\nimport polars.selectors\nfrom grpc import aio\n")
    assert undeclared([guest], declared()) == ["cx_pipeline/adapters/a.py:3 imports grpc"]


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
