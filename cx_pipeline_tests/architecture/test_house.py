"""Names, sizes and what may stand in a file: the habits that keep the house easy to live in."""

import ast

import pytest

from cx_pipeline_tests.architecture.source_tree import (
    REPOSITORY,
    Module,
    all_modules,
    calls,
    imported_names,
    product_modules,
)

NAMES_WITHOUT_A_CONCEPT = {"common", "helper", "helpers", "misc", "shared", "stuff", "tools", "util", "utils"}
LONGEST_MODULE = 400
LONGEST_TEST_MODULE = 500
"""Tests that are pasted tables are read one table at a time."""
LONGER_MODULES: frozenset[str] = frozenset()
"""Modules that may be longer, each with its reason in docs/decisions. There is none."""


def without_a_concept(modules: list[Module]) -> list[str]:
    return [m.path for m in modules if {m.stem, *m.package} & NAMES_WITHOUT_A_CONCEPT]


def too_long(modules: list[Module]) -> list[str]:
    lengths = {module.path: len(module.text.splitlines()) for module in modules}
    return [
        f"{path}: {n} lines"
        for path, n in lengths.items()
        if n > (LONGEST_TEST_MODULE if path.startswith("cx_pipeline_tests/") else LONGEST_MODULE)
        and path not in LONGER_MODULES
    ]


def prints(modules: list[Module]) -> list[str]:
    """`print` outside the command line: a log line or a return value was meant."""
    return [
        module.at(node)
        for module in modules
        for name, node in calls(module)
        if name == "print" and not module.is_below("cli")
    ]


def sleeps_for_a_retry(modules: list[Module]) -> list[str]:
    """`sleep` inside an `except` block: a retry made by hand, where stamina gives back-off and a limit."""
    return [
        module.at(node)
        for module in modules
        for handler in ast.walk(module.tree)
        if isinstance(handler, ast.ExceptHandler)
        for node in ast.walk(handler)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("sleep")
    ]


def unsaid(modules: list[Module]) -> list[str]:
    """Modules of the product with code and no docstring that says what belongs there."""
    return [m.path for m in modules if m.tree.body and ast.get_docstring(m.tree) is None]


def test_every_name_stands_for_a_concept() -> None:
    assert without_a_concept(all_modules()) == []


def test_no_module_is_longer_than_can_be_read_at_once() -> None:
    assert too_long(all_modules()) == []


def test_only_the_command_line_prints() -> None:
    assert prints(product_modules()) == []


def test_retries_are_not_made_of_sleeps() -> None:
    assert sleeps_for_a_retry(product_modules()) == []


def test_every_module_of_the_product_says_what_it_is() -> None:
    assert unsaid(product_modules()) == []


def test_tests_lie_where_the_source_lies() -> None:
    rooms = {entry.name for entry in (REPOSITORY / "cx_pipeline").iterdir() if entry.is_dir()} - {
        "__pycache__"
    }
    tested = {entry.name for entry in (REPOSITORY / "cx_pipeline_tests").iterdir() if entry.is_dir()}
    assert rooms - tested == set()


def test_the_product_reads_nothing_beside_the_repository() -> None:
    outside = [
        m.path
        for m in product_modules()
        if "../" in m.text or any(n == "shared" for n, _ in imported_names(m))
    ]
    assert outside == []


@pytest.mark.parametrize(
    ("path", "text", "rule"),
    [
        ("cx_pipeline/adapters/utils.py", "", without_a_concept),
        ("cx_pipeline/common/calls.py", "", without_a_concept),
        ("cx_pipeline/core/a.py", "x = 1\n" * (LONGEST_MODULE + 1), too_long),
        ("cx_pipeline/adapters/a.py", "def f():\n    print(1)\n", prints),
        ("cx_pipeline/adapters/a.py", "try:\n    f()\nexcept E:\n    time.sleep(1)\n", sleeps_for_a_retry),
        ("cx_pipeline/adapters/a.py", "x = 1\n", unsaid),
    ],
)
def test_a_breach_of_each_habit_is_noticed(path: str, text: str, rule) -> None:  # type: ignore[no-untyped-def]
    assert len(rule([Module(path, text)])) == 1
    assert rule([Module("cx_pipeline/cli/calls.py", '"""Prints."""\nprint(1)\n')]) == []
