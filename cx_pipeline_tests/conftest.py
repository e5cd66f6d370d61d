"""What all tests share: a real PostgreSQL."""

from cx_pipeline_tests.database import database_server, database_template, database_url, engine

__all__ = ["database_server", "database_template", "database_url", "engine"]
