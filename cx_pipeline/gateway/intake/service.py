"""What the gateway takes in, and the questions about recordings that run: opened once, asked by the routes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from anyio.to_thread import run_sync
from sqlalchemy import Engine

from cx_pipeline.adapters.spool.spool import Spool
from cx_pipeline.gateway.access.principal import Principal
from cx_pipeline.gateway.intake.figures import IntakeFigures
from cx_pipeline.gateway.intake.flow import IntakeFlow
from cx_pipeline.gateway.intake.recording_control import RecordingMasks
from cx_pipeline.gateway.intake.records import Kind, Receipt, Record
from cx_pipeline.gateway.intake.rules import RulesInForce
from cx_pipeline.gateway.intake.storing import RecordStore
from cx_pipeline.gateway.metrics import Metrics
from cx_pipeline.settings import Settings

_MEGABYTE = 1_000_000


class IntakeService:
    """Takes in events and documents; knows the rules in force and the recorders' event sockets."""

    def __init__(self, settings: Settings, engine: Engine, flow: IntakeFlow) -> None:
        self.stream_roots = settings.stream_roots
        self.rules = RulesInForce(settings, engine)
        self.masks = RecordingMasks(settings.event_sockets, engine)
        self._flow = flow

    @property
    def is_database_away(self) -> bool:
        """Whether what comes in goes to the spool."""
        return self._flow.is_database_away

    async def take(self, kind: Kind, sender: Principal, payload: bytes, rows: int) -> Receipt:
        """Take something in; returns once it is safe.

        Raises:
            StorageUnavailableError: it is safe nowhere: the database is away, and the spool is full or away.
            ConfigurationError: likewise, and the spool's folder cannot be written.
        """
        record = Record(kind, sender.tenant, sender.subject, datetime.now(UTC), payload, rows)
        return await asyncio.wrap_future(self._flow.take(record))


@asynccontextmanager
async def open_service(settings: Settings, engine: Engine, metrics: Metrics) -> AsyncIterator[IntakeService]:
    """The intake, with its spool. What is taken in when it closes is made safe first.

    Raises:
        StorageUnavailableError: the spool's disk does not answer.
        ConfigurationError: the spool's folder cannot be used.
    """
    limit_bytes = settings.gateway_spool_mb * _MEGABYTE
    spool = await run_sync(lambda: Spool(settings.spool_folder, limit_bytes=limit_bytes))
    flow = IntakeFlow(RecordStore(settings, engine), spool, IntakeFigures(metrics.registry))
    service = IntakeService(settings, engine, flow)
    refreshing = asyncio.create_task(service.rules.keep_fresh())
    try:
        yield service
    finally:
        refreshing.cancel()
        await run_sync(flow.close, settings.gateway_grace_s)
