"""Imports go one way, and each room knows only what it may know.

The contracts of `[tool.importlinter]` say most of it; here stands what they cannot say.
"""

import contextlib
import io
from pathlib import Path

import pytest

from cx_pipeline_tests.architecture.source_tree import (
    REPOSITORY,
    Module,
    all_modules,
    imported_names,
    product_modules,
)


def keep_contracts(config: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[bool, str]:
    """Whether all of import-linter's contracts in `config` hold, and its report."""
    from importlinter.cli import lint_imports

    monkeypatch.chdir(REPOSITORY)
    report = io.StringIO()
    with contextlib.redirect_stdout(report):
        code = lint_imports(config_filename=str(config), no_cache=True, no_logo=True)
    return code == 0, report.getvalue()


def dagster_outside_orchestration(modules: list[Module]) -> list[str]:
    return [
        f"{module.at(node)} imports {name}"
        for module in modules
        for name, node in imported_names(module)
        if name.split(".")[0].startswith("dagster")
        and not module.is_below("orchestration")
        and module.path != "cx_pipeline/definitions.py"
    ]


def imports_of_test_code(modules: list[Module]) -> list[str]:
    return [
        f"{module.at(node)} imports {name}"
        for module in modules
        for name, node in imported_names(module)
        if name.split(".")[0] in {"cx_pipeline_tests", "pytest", "hypothesis", "unittest", "benchmarks"}
    ]


def test_the_contracts_of_pyproject_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, report = keep_contracts(REPOSITORY / "pyproject.toml", monkeypatch)
    assert kept, report


def test_a_broken_contract_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contract = tmp_path / "contract.toml"
    contract.write_text(
        '[tool.importlinter]\nroot_package = "cx_pipeline"\n'
        '[[tool.importlinter.contracts]]\nname = "settings know no errors"\ntype = "forbidden"\n'
        'source_modules = ["cx_pipeline.settings"]\nforbidden_modules = ["cx_pipeline.core.errors"]\n'
    )
    kept, report = keep_contracts(contract, monkeypatch)
    assert not kept
    assert "cx_pipeline.settings -> cx_pipeline.core.errors" in report


def test_only_orchestration_and_definitions_import_dagster() -> None:
    assert dagster_outside_orchestration(product_modules()) == []


def test_the_product_imports_no_test_code() -> None:
    assert imports_of_test_code(product_modules()) == []


def test_definitions_only_hands_over_what_orchestration_built() -> None:
    for module in all_modules():
        if module.path == "cx_pipeline/definitions.py":
            assert len(module.text.splitlines()) <= 20, (
                "definitions.py is `defs = build_definitions()`, nothing else"
            )


@pytest.mark.parametrize(
    ("path", "text", "rule"),
    [
        ("cx_pipeline/adapters/a.py", "def f():\n    import dagster as dg\n", dagster_outside_orchestration),
        ("cx_pipeline/gateway/a.py", "from dagster_shared import x\n", dagster_outside_orchestration),
        ("cx_pipeline/cli/a.py", "from dagster_postgres import x\n", dagster_outside_orchestration),
        ("cx_pipeline/core/a.py", "import cx_pipeline_tests.core\n", imports_of_test_code),
    ],
)
def test_a_breach_of_each_import_rule_is_noticed(path: str, text: str, rule) -> None:  # type: ignore[no-untyped-def]
    assert len(rule([Module(path, text)])) == 1
    assert rule([Module("cx_pipeline/orchestration/a.py", "import dagster\nimport polars\n")]) == []
