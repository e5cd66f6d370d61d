"""What all tests share: a real PostgreSQL."""

import os

import pytest
from hypothesis import settings

from cx_pipeline_tests.database import database_server, database_template, database_url, engine

settings.register_profile("gate", max_examples=int(os.environ.get("CX_STRESS_EXAMPLES", "30")))
settings.load_profile("gate")
"""Of tests that name no number of examples themselves."""

LONGEST_FIRST = ("/end_to_end/", "/orchestration/test_up.py")
"""Tests of a minute, that mostly wait: begun last, one of them would keep all processes but one idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest; else in the order of their files."""
    items.sort(key=lambda item: not any(part in item.path.as_posix() for part in LONGEST_FIRST))


__all__ = ["database_server", "database_template", "database_url", "engine"]
