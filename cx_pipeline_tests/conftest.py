"""What all tests share: a real PostgreSQL."""

import os

import pytest
from hypothesis import settings

from cx_pipeline_tests.database import database_server, database_template, database_url, engine

settings.register_profile("gate", max_examples=int(os.environ.get("CX_STRESS_EXAMPLES", "30")))
settings.load_profile("gate")
"""Of tests that name no number of examples themselves."""

LONGEST = ("/orchestration/test_up.py", "/end_to_end/")
"""Tests of up to a minute, that mostly wait; the longest first."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the longest, in two of the processes: begun last, one of them would keep all others idle.

    Each process is given its share as one piece of the list, and takes from others' when it has done it.
    """
    long = [item for part in LONGEST for item in items if part in item.path.as_posix()]
    others = [item for item in items if not any(part in item.path.as_posix() for part in LONGEST)]
    share = len(items) // getattr(config, "workerinput", {"workercount": 1})["workercount"]
    first, second = (long[::2], long[1::2]) if len(long) <= share <= len(others) else (long, [])
    rest = share - len(first) if second else 0
    items[:] = [*first, *others[:rest], *second, *others[rest:]]


__all__ = ["database_server", "database_template", "database_url", "engine"]
