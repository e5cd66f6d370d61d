"""What the pages need: the search, the calls, the rules, templates, static files, and pictures of recordings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy import Engine

from cx_pipeline.adapters.database.call_search import CallSearch
from cx_pipeline.adapters.database.recorded_calls import RecordedCalls
from cx_pipeline.gateway.metrics import Metrics
from cx_pipeline.gateway.pages.peaks import PeaksCache
from cx_pipeline.gateway.pages.rules import KnownRules
from cx_pipeline.gateway.pages.static_files import StaticFiles
from cx_pipeline.gateway.pages.templates import Templates
from cx_pipeline.settings import Settings


class PagesService:
    """The room of the pages."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self.search = CallSearch(engine)
        self.recorded = RecordedCalls(engine)
        self.rules = KnownRules(settings, engine)
        self.peaks = PeaksCache()
        self.static = StaticFiles()
        self.templates = Templates(self.static)
        self.lost_after = timedelta(minutes=settings.lost_after_minutes)
        """How long a recording is waited for after its leg's end."""


@asynccontextmanager
async def open_service(settings: Settings, engine: Engine, metrics: Metrics) -> AsyncIterator[PagesService]:
    """Open the room; nothing is asked of the database yet."""
    del metrics  # each request is counted already
    yield PagesService(settings, engine)
