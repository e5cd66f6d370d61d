"""What a token may be given the right to do at the gateway, and the name of all tenants."""

EVENTS_WRITE = "events:write"
RECORDERS_WRITE = "recorders:write"
"""Manifests, call ends, heartbeats and questions for rules: what FreeSWITCH's scripts send."""
RECORDINGS_CONTROL = "recordings:control"
"""Pause and resume."""
RECORDINGS_READ = "recordings:read"
"""Metadata, the page of a recording, the search for calls."""
RECORDINGS_PLAY = "recordings:play"
RECORDINGS_DOWNLOAD = "recordings:download"
"""Keep the file, beside playing it."""
METRICS_READ = "metrics:read"

SCOPES = frozenset(
    {
        EVENTS_WRITE,
        RECORDERS_WRITE,
        RECORDINGS_CONTROL,
        RECORDINGS_READ,
        RECORDINGS_PLAY,
        RECORDINGS_DOWNLOAD,
        METRICS_READ,
    }
)
"""Every scope that a token may have."""

ALL_TENANTS = "*"
