"""The deployment of the tests of the orchestration, for those that go through all of it."""

from cx_pipeline_tests.orchestration.conftest import clock, deployment, site

__all__ = ["clock", "deployment", "site"]
