"""Names of the jobs that compute windows: who asks for a run names it so, and who looks for one in the web UI finds it so."""

WINDOW_JOB = "window_job"
RECORDING_JOB = "recording_job"
LINK_JOB = "link_job"
BACKFILL_JOB = "backfill_job"
