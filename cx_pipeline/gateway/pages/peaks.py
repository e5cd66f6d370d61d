"""The picture of a recording, made when somebody looks and kept for a while, in memory only: the audio is sealed."""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response

from cx_pipeline.adapters.audio.peaks import AudioPeaks, peaks_of
from cx_pipeline.adapters.playback.source import AudioSource, Playable, ReadableAudio
from cx_pipeline.core.errors import InputError
from cx_pipeline.gateway.access.principal import Principal
from cx_pipeline.gateway.problems import Problem, not_found

MOST_KEPT = 128
"""Pictures; each is some 40 kB."""
AT_ONCE = 2
"""How many are made at a time: they are work for a processor."""
PEAKS_VIEW = "peaks"
"""Value of the query's `view` that asks an address of audio for its picture instead."""


class _Key(NamedTuple):
    tenant_id: str
    playable_id: str
    version: str


class PeaksCache:
    """Pictures as JSON, the least looked at forgotten first. Two that want the same one wait for one making."""

    def __init__(self, most_kept: int = MOST_KEPT) -> None:
        self._most_kept = most_kept
        self._kept: OrderedDict[_Key, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._making: dict[_Key, anyio.Lock] = {}
        self._limiter = anyio.CapacityLimiter(AT_ONCE)

    async def of(self, playable: Playable, make: Callable[[], bytes]) -> bytes:
        """The picture, made in a thread where it is not kept."""
        key = _Key(playable.tenant_id, playable.playable_id, playable.version)
        kept = self._find(key)
        if kept is not None:
            return kept
        making = self._making.setdefault(key, anyio.Lock())
        try:
            async with making:
                kept = self._find(key)
                if kept is None:
                    kept = await anyio.to_thread.run_sync(make, limiter=self._limiter)
                    self._keep(key, kept)
                return kept
        finally:
            if not making.statistics().tasks_waiting and not making.locked():
                self._making.pop(key, None)

    def _find(self, key: _Key) -> bytes | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _keep(self, key: _Key, content: bytes) -> None:
        with self._lock:
            self._kept[key] = content
            while len(self._kept) > self._most_kept:
                self._kept.popitem(last=False)


async def peaks_answer(
    request: Request, principal: Principal, playable: Playable, source: AudioSource
) -> Response:
    """The picture of what is played: JSON with the levels and the spans of speech of each channel.

    Args:
        request: its `app.state.pages` keeps the pictures.
        principal: who was let in to play it.
        playable: what it is of.
        source: opens it.

    Raises:
        Problem: 404 for another tenant's, 415 for what is no audio.
        InputError, StorageUnavailableError, KeyMissingError, BrokenSealError: as the source raises them.
    """
    if not principal.sees(playable.tenant_id):
        raise not_found()

    def make() -> bytes:
        with source.open(playable) as audio:
            return _drawn(audio)

    cache: PeaksCache = request.app.state.pages.peaks
    content = await cache.of(playable, make)
    headers = {"Cache-Control": "private, max-age=3600", "Vary": "Cookie, Authorization"}
    return Response(content, media_type="application/json", headers=headers)


def _drawn(audio: ReadableAudio) -> bytes:
    try:
        return peaks_json(peaks_of(audio))
    except InputError:
        raise Problem(415, "No picture", "The audio is in a format that cannot be drawn.") from None


def peaks_json(peaks: AudioPeaks) -> bytes:
    """As the page reads it; `peak` and `rms` from 0 to 255, times in milliseconds."""
    document = {
        "durationMs": peaks.duration_ms,
        "channels": [
            {"peak": each.peak, "rms": each.rms, "speech": each.speech_ms} for each in peaks.channels
        ],
    }
    return json.dumps(document, separators=(",", ":")).encode()
