"""Imported once, for all runs: what their processes would each load anew, for seconds.

The processes of runs are forked from one that has this module loaded and has done nothing else: no connection, no thread of ours,
no computation of Polars may begin at import.
"""

import importlib

_LOADED_BY_BODIES = (
    "dagster._grpc.server",
    "dagster_postgres.storage",
    "httpx",
    "psycopg2",
    "pyarrow.parquet",
    "scipy.optimize",
    "cx_pipeline.adapters.ccm.activities",
    "cx_pipeline.adapters.ccm.delivery",
    "cx_pipeline.adapters.cisco.window_records",
    "cx_pipeline.adapters.database.connection",
    "cx_pipeline.adapters.database.enriched_legs",
    "cx_pipeline.adapters.database.leg_store",
    "cx_pipeline.adapters.database.outbox",
    "cx_pipeline.adapters.database.recordings",
    "cx_pipeline.adapters.freeswitch.window_manifests",
    "cx_pipeline.adapters.linking.window_links",
    "cx_pipeline.adapters.mixing.window_mixing",
    "cx_pipeline.adapters.recording_rules.loading",
    "cx_pipeline.adapters.storage.frame_store",
    "cx_pipeline.core.enrichment.enrich",
    "cx_pipeline.core.messages.planning",
    "cx_pipeline.core.recording.planning",
    "cx_pipeline.core.window_computation",
)

for _name in _LOADED_BY_BODIES:
    importlib.import_module(_name)
