"""Finds what is asked for, notes who asks, and gives its bytes."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio
import stamina
from anyio.to_thread import run_sync
from prometheus_client import Counter, Gauge
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response
from werkzeug.http import dump_options_header

from cx_pipeline.adapters.database.access_log import Access, AccessLog
from cx_pipeline.adapters.database.recording_lookup import RecordingLookup, SeveralTenantsError
from cx_pipeline.adapters.playback.efswitch import EfSwitchAudio
from cx_pipeline.adapters.playback.screens import ScreenVideos
from cx_pipeline.adapters.playback.source import AudioSource, Playable, ReadableAudio
from cx_pipeline.core.errors import CxError, DatabaseUnavailableError
from cx_pipeline.gateway.access.principal import Principal
from cx_pipeline.gateway.audio.conditions import Validators
from cx_pipeline.gateway.audio.failures import playing
from cx_pipeline.gateway.audio.parts import Parts, parts_of
from cx_pipeline.gateway.audio.ranges import Span, asked_spans
from cx_pipeline.gateway.audio.streaming import StreamedAnswer, first_block_of
from cx_pipeline.gateway.metrics import Metrics
from cx_pipeline.gateway.problems import Problem, not_found
from cx_pipeline.settings import Settings

if TYPE_CHECKING:
    from cx_pipeline.adapters.eleveo.playback import EleveoAudio

PLAY, SCREEN, DOWNLOAD = "PLAY", "SCREEN", "DOWNLOAD"
"""Values of `action` in the log of access."""

_THREADS = 16
_THREADS_OF_ELEVEO = 64
"""More, as who plays for the first time waits there for another recorder, and others must not."""
_FLUSH_EVERY_S = 1.0
_STOP_ATTEMPTS = 3

_log = logging.getLogger(__name__)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request is for."""

    find: Callable[[], Playable | None]
    source: AudioSource
    """Opens what was found."""
    action: str
    leg_key: str | None = None


class AudioService:
    """What the routes of audio work with."""

    def __init__(self, settings: Settings, engine: Engine, metrics: Metrics) -> None:
        self.recordings = EfSwitchAudio(settings, engine)
        self.screens = ScreenVideos(settings, engine)
        self._eleveo = _eleveo(settings, engine)
        self.linked: AudioSource = self._eleveo or self.recordings
        self.lookup = RecordingLookup(engine)
        self.access_log = AccessLog(engine)
        self._threads = anyio.CapacityLimiter(_THREADS_OF_ELEVEO if self._eleveo else _THREADS)
        self._sent = Counter(
            "cx_gateway_audio_bytes",
            "Bytes of recordings that were sent.",
            ("action",),
            registry=metrics.registry,
        )
        kept = Gauge(
            "cx_gateway_audio_open_files", "Recordings that are kept open.", registry=metrics.registry
        )
        kept.set_function(lambda: len(self.recordings.readers) + len(self.screens.readers))

    async def in_thread(self, work: Callable[[], Result]) -> Result:
        """Do what waits for files or the database, off the event loop.

        Raises:
            Problem: what was asked for cannot be played; else what `work` raises.
        """
        return await run_sync(partial(_playing, work), limiter=self._threads)

    async def find(self, asked: Asked, principal: Principal) -> Playable:
        """What was asked for. Raises Problem: it is not there, or not theirs."""
        return await self.in_thread(lambda: _found(asked, principal))

    async def answer(self, request: Request, asked: Asked, principal: Principal) -> Response:
        """The bytes that a request asks for.

        Raises:
            Problem: it is not there or not theirs (404), was erased (410), cannot be opened now (503), is damaged (502).
        """
        return await self.in_thread(lambda: self._begun(request, asked, principal))

    def _begun(self, request: Request, asked: Asked, principal: Principal) -> Response:
        """An answer whose first block is read and of whom it is for is noted; it closes what it holds when it is sent."""
        playable = _found(asked, principal)
        now = datetime.now(UTC)
        validators = Validators.of(playable)
        headers = _headers(playable, asked, validators)
        unmet = validators.unmet(request.headers)
        if unmet == 412:
            return Response(status_code=412, headers=headers)
        access = _access(request, asked, principal, playable)
        if unmet == 304:
            self._note(request, access, now)
            return Response(status_code=304, headers=headers)
        with ExitStack() as stack:
            audio = stack.enter_context(asked.source.open(playable))
            parts = _parts(request, validators, playable, audio, now)
            if parts.status == 416:
                return Response(status_code=416, headers={**headers, **parts.headers})
            block = first_block_of(parts) if request.method != "HEAD" else None
            first = audio.read_at(block.start, block.size_bytes) if block is not None else b""
            on_sent = self._note(request, access, now)
            read = partial(self._read, audio)
            return StreamedAnswer(parts, headers, first, read, on_sent, stack.pop_all().close)

    def _note(self, request: Request, access: Access, now: datetime) -> Callable[[int], None]:
        """Write who asks, before anything leaves; what is returned counts what does."""
        if request.method == "HEAD":
            return lambda _: None
        row = self.access_log.begin(access, now)
        counted = self._sent.labels(access.action)

        def on_sent(count_bytes: int) -> None:
            counted.inc(count_bytes)
            self.access_log.sent(row, count_bytes, datetime.now(UTC))

        return on_sent

    async def _read(self, audio: ReadableAudio, span: Span) -> bytes:
        return await run_sync(audio.read_at, span.start, span.size_bytes, limiter=self._threads)

    async def keep_up(self) -> None:
        """Every second: bring the log of access up to date, close what nobody hears any more. Ends when cancelled."""
        is_behind = False
        while True:
            await anyio.sleep(_FLUSH_EVERY_S)
            try:
                await run_sync(self._tidy)
                is_behind = False
            except (CxError, OSError) as error:
                if not is_behind:
                    _log.warning("the log of access waits: %s", error)
                is_behind = True

    def _tidy(self) -> None:
        self.recordings.readers.sweep()
        self.screens.readers.sweep()
        self.access_log.flush()

    def close(self) -> None:
        """Note what is left to note, and close the files."""
        try:
            for attempt in stamina.retry_context(
                on=DatabaseUnavailableError, attempts=_STOP_ATTEMPTS, timeout=10
            ):
                with attempt:
                    self.access_log.flush()
        except CxError as error:
            _log.error("the last seconds of the log of access are lost: %s", error)
        self.recordings.readers.close()
        self.screens.readers.close()
        if self._eleveo is not None:
            self._eleveo.close()


@asynccontextmanager
async def open_service(settings: Settings, engine: Engine, metrics: Metrics) -> AsyncIterator[AudioService]:
    """The service, for as long as the gateway runs.

    Raises:
        ConfigurationError: the key ring or the backend cannot be used as they are set.
    """
    service = AudioService(settings, engine, metrics)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(service.keep_up)
        try:
            yield service
        finally:
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await run_sync(service.close)


def _eleveo(settings: Settings, engine: Engine) -> "EleveoAudio | None":
    """Where the links lead to that recorder's recordings: it."""
    if settings.recording_backend != "eleveo":
        return None
    from cx_pipeline.adapters.eleveo.playback import EleveoAudio  # few have one

    return EleveoAudio(settings, engine)


def _playing(work: Callable[[], Result]) -> Result:
    with playing():
        return work()


def _found(asked: Asked, principal: Principal) -> Playable:
    try:
        playable = asked.find()
    except SeveralTenantsError:
        raise Problem(409, "Ambiguous", "Recordings of several tenants fit: ask as one of them.") from None
    if playable is None or not principal.sees(playable.tenant_id):
        raise not_found()
    return playable


def _parts(
    request: Request, validators: Validators, playable: Playable, audio: ReadableAudio, now: datetime
) -> Parts:
    size_bytes = audio.size_bytes
    spans = None
    if request.method == "GET" and validators.allow_range(request.headers.get("if-range"), now):
        spans = asked_spans(request.headers.get("range"), size_bytes)
    return parts_of(spans, size_bytes, playable.media_type)


def _headers(playable: Playable, asked: Asked, validators: Validators) -> dict[str, str]:
    disposition = "attachment" if asked.action == DOWNLOAD else "inline"
    return {
        **validators.headers(),
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-store",
        "Content-Disposition": dump_options_header(disposition, {"filename": playable.file_name}),
        "Vary": "Accept",
        "X-Content-Type-Options": "nosniff",
    }


def _access(request: Request, asked: Asked, principal: Principal, playable: Playable) -> Access:
    return Access(
        tenant_id=playable.tenant_id,
        subject=principal.subject,
        access=principal.access,
        action=asked.action,
        playable_id=playable.playable_id,
        leg_id=playable.leg_id,
        leg_key=asked.leg_key,
        client=request.client.host if request.client else None,
        user_agent=request.headers.get("user-agent"),
    )
