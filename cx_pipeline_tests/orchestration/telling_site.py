"""A deployment with the systems around it: a Cisco database with rows of the test's, and a conversation manager."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, delete, insert

from cx_pipeline.simulator.ccm.running import RunningManager
from cx_pipeline.simulator.cisco.tables import TABLES
from cx_pipeline_tests.orchestration.deployment import Deployment

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
SECRET = "s3cret-of-the-client-that-nobody-may-see"
PASSWORD = "pa55word-of-the-database-that-nobody-may-see"
_RECORDS = TABLES["ucce"]["termination_call_detail"]
_AGENTS = TABLES["ucce"]["agent"]


@dataclass
class TellingSite:
    """What a test has at hand."""

    deployment: Deployment
    manager: RunningManager
    _keys: list[int] = field(default_factory=lambda: [0])

    def record(
        self, call_key: int, ended_at: datetime, *, extension: str | None = "1001", **other: Any
    ) -> str:
        """Let Cisco have a record of a call; its record id."""
        self._keys[0] += 1
        ended = ended_at.astimezone(UTC).replace(tzinfo=None)
        row: dict[str, Any] = {
            "recoverykey": float(self._keys[0]),
            "datetime": ended,
            "timezone": 0,
            "startdatetimeutc": ended - timedelta(minutes=5),
            "callterminateddatetimeutc": ended,
            "peripheralid": 5000,
            "peripheralcallkey": (1 << 24) | call_key,
            "ani": "0301234567",
            "dnis": "8001",
            "digitsdialed": "8001",
            "instrumentportnumber": extension,
            "agentskilltargetid": 7001,
            "peripheralcalltype": 2,
            "calldisposition": 13,
            "wrapupdata": "solved",
            "talktime": 294,
            "holdtime": 0,
            "worktime": 0,
            "ringtime": 5,
            "localqtime": 0,
            "tenant_id": "acme",
            "replicated_at": LONG_AGO,
        }
        with self._engine.begin() as connection:
            connection.execute(insert(_RECORDS), row | other)
        return f"hds:{self._keys[0]}"

    def agent(self, skill_target_id: int, name: str) -> None:
        row = {"skilltargetid": skill_target_id, "peripheralid": 5000, "enterprisename": name}
        with self._engine.begin() as connection:
            connection.execute(insert(_AGENTS), {**row, "tenant_id": "acme", "replicated_at": LONG_AGO})

    def forget_records(self) -> None:
        with self._engine.begin() as connection:
            connection.execute(delete(_RECORDS))

    def states(self) -> list[tuple[object, ...]]:
        """Status, reason and record of each enriched leg."""
        return self.deployment.rows(
            "SELECT enrichment_status, enrichment_reason, record_id FROM enriched_leg ORDER BY start_time, leg_id"
        )

    def messages(self) -> list[tuple[object, ...]]:
        """Intent, revision and status of each message, in their order."""
        return self.deployment.rows("SELECT intent, revision, status FROM outbox_message ORDER BY sequence")

    def ledger(self) -> Mapping[str, Any]:
        """The conversation manager's own count."""
        return self.manager.ledger()

    @property
    def _engine(self) -> Engine:
        return self.deployment.engine
