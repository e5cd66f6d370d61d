"""The core computes: it reads no clock, no file and no environment (imports are `[tool.importlinter]`'s)."""

import re

import pytest

from cx_pipeline_tests.architecture.source_tree import Module, calls, product_modules

IMPURE_CALLS = re.compile(
    r"""(^|\.)(
        (datetime|date)\.(now|utcnow|today) | time\.(time|monotonic|perf_counter)(_ns)? |
        uuid[14] | getenv |
        (read|scan|write|sink)_(avro|csv|database|delta|excel|ipc|json|ndjson|parquet)\w*
    )$ | ^(open|print|input|exec|eval|breakpoint)$""",
    re.VERBOSE,
)


def is_pure(module: Module) -> bool:
    return module.is_below("core")


def impure_calls(modules: list[Module]) -> list[str]:
    return [
        f"{module.at(node)} calls {name}"
        for module in filter(is_pure, modules)
        for name, node in calls(module)
        if IMPURE_CALLS.search(name)
    ]


def test_the_core_reads_no_clock_and_touches_no_file() -> None:
    assert impure_calls(product_modules()) == []


@pytest.mark.parametrize(
    "text",
    [
        "datetime.now(UTC)", "datetime.datetime.utcnow()", "date.today()", "time.time()", "time.monotonic_ns()",
        "open('x')", "print(1)", "pl.scan_parquet(p)", "frame.lazy().sink_parquet(p)", "uuid.uuid4()",
    ],
)  # fmt: skip
def test_an_impure_call_is_noticed(text: str) -> None:
    assert len(impure_calls([Module("cx_pipeline/core/calls.py", text)])) == 1


@pytest.mark.parametrize(
    "text", ["window.now(x)", "reopen(x)", "spread(x)", "pl.lit(1).open()", "uuid.UUID(int=1)"]
)
def test_what_only_looks_alike_is_left_alone(text: str) -> None:
    assert impure_calls([Module("cx_pipeline/core/calls.py", text)]) == []
