"""What Dagster loads."""

from cx_pipeline.orchestration.build import build_definitions

defs = build_definitions()
