"""Advisory locks of the application's database. Each has one number here, so that none is used twice by chance."""

MIGRATION_LOCK = 7_203_001
"""Held (session) while migrations run."""
INTAKE_LOCK = 7_203_002
"""Held (transaction) from the numbering of events to their commit, so that arrival order is commit order:
who sees `arrival_sequence` n sees all below n. Taken just before the one `INSERT` of a transaction."""
PARTITION_LOCK = 7_203_003
"""Held (transaction) while partitions of events are made or dropped."""
LEG_WRITE_LOCK = 7_203_004
"""Held (transaction) while a window's calls and legs are merged into the tables."""
ENRICHED_WRITE_LOCK = 7_203_005
"""Held (transaction) while a window's enriched legs are merged into their table."""
OUTBOX_PLAN_LOCK = 7_203_006
"""Held (transaction) from the reading of what the outbox has to the writing of what it lacks, so that two runs do not
write one message twice, and that the sequence of messages is the order of their commits."""
MANIFEST_INTAKE_LOCK = 7_203_007
"""Held (transaction) from the numbering of manifests to their commit, so that arrival order is commit order."""
RECORDING_WRITE_LOCK = 7_203_008
"""Held (transaction) while a window's recordings are compared with those that the table has."""
MANIFEST_SCAN_LOCK = 7_203_009
"""Held (session) while the folders of manifests are scanned, so that two runs do not read the same files at once."""
LISTENER_LEASE_CLASS = 7_203_101
"""First of the two numbers of a listener's lease (session); the second is made of the lease's name. Locks of two numbers
and those of one never meet."""
