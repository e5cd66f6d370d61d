"""What the intake counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from cx_pipeline.gateway.intake.records import Outcome, Record

_RESULTS = ("stored", "duplicates", "quarantined")


class IntakeFigures:
    """Rows by kind and what became of them, and the spool."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._rows = Counter(
            "cx_gateway_intake_rows",
            "Events and documents that were answered with success, by kind and what became of them.",
            ("kind", "result"),
            registry=registry,
        )
        self._drained = Counter(
            "cx_gateway_intake_drained_rows",
            "Events and documents that came from the spool to the database, by kind and what became of them.",
            ("kind", "result"),
            registry=registry,
        )
        self.refused = Counter(
            "cx_gateway_intake_refused",
            "Requests that could not be made safe: the database away, the spool full or away.",
            registry=registry,
        )
        self.damages = Counter(
            "cx_gateway_spool_dead_letters",
            "Pieces of the spool that were set aside because they could not be read.",
            registry=registry,
        )
        self.backlog = Gauge("cx_gateway_spool_bytes", "What waits in the spool.", registry=registry)
        self.away = Gauge(
            "cx_gateway_intake_database_away",
            "1 while the database does not take what comes in.",
            registry=registry,
        )

    def count_stored(self, record: Record, outcome: Outcome) -> None:
        """A record is in the database."""
        _count(self._rows, record, outcome)

    def count_spooled(self, record: Record) -> None:
        """A record is in the spool."""
        self._rows.labels(record.kind, "spooled").inc(record.rows)

    def count_drained(self, record: Record, outcome: Outcome) -> None:
        """A record came from the spool to the database."""
        _count(self._drained, record, outcome)


def _count(counter: Counter, record: Record, outcome: Outcome) -> None:
    for result in _RESULTS:
        if rows := getattr(outcome, result):
            counter.labels(record.kind, result).inc(rows)
