"""Recordings of Eleveo as the gateway plays them: found by a leg's key, put together of their couples, served as one file."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import BoundedSemaphore, Lock
from time import monotonic
from typing import Any, BinaryIO

from sqlalchemy import Engine

from cx_pipeline.adapters.eleveo.client import open_eleveo
from cx_pipeline.adapters.eleveo.connections import site_of
from cx_pipeline.adapters.eleveo.held_audio import HeldAudio
from cx_pipeline.adapters.eleveo.legs import legs_of_key
from cx_pipeline.adapters.eleveo.searching import merge_rules, search_calls
from cx_pipeline.adapters.eleveo.sessions import EleveoSessions
from cx_pipeline.adapters.eleveo.single_flight import SingleFlight
from cx_pipeline.adapters.eleveo.splicing import Part, splice
from cx_pipeline.adapters.playback.source import Playable, ReadableAudio
from cx_pipeline.core.errors import DestinationUnavailableError, InputError
from cx_pipeline.core.linking.eleveo import RecordedLeg
from cx_pipeline.core.linking.eleveo_answers import call_keys_of
from cx_pipeline.core.linking.eleveo_calls import calls_of, recording_id_of, version_of
from cx_pipeline.core.linking.eleveo_matching import MatchedLeg, OurCall, closest, dialog_call
from cx_pipeline.core.recording.leg_keys import LegKey, parse_leg_key
from cx_pipeline.settings import Settings

CACHE_FOLDER = "eleveo-cache"
MEDIA_TYPE = "audio/wav"
KNOWN_FOR_S = 60.0
"""So long a leg's couples are not looked up again: a player asks for one recording many times in a row."""
MOST_KNOWN = 1000


class EleveoAudio:
    """An `AudioSource` over one Eleveo. Close it at the end."""

    def __init__(self, settings: Settings, engine: Engine, *, clock: Callable[[], float] = monotonic) -> None:
        """Nothing is asked yet.

        Raises:
            ConfigurationError: Eleveo is not set.
        """
        self._site = site_of(settings)
        self._rules = merge_rules(self._site, settings.link_tolerance_s)
        self._engine = engine
        self._sessions = EleveoSessions(self._site)
        self._clock = clock
        # Of three attempts each of a search and of some downloads: who waits longer would be told nothing better.
        self._patience_s = 4 * self._site.total_timeout_s
        self._held = HeldAudio(settings.home / CACHE_FOLDER, patience_s=self._patience_s, clock=clock)
        self._lookups = SingleFlight[Playable | None](self._patience_s)
        self._known: dict[str, tuple[float, Playable]] = {}
        self._known_lock = Lock()
        self._downloads = BoundedSemaphore(self._site.concurrency)

    def close(self) -> None:
        """Let go of the files that are held."""
        self._held.close()

    def of_leg_key(self, leg_key: str, tenant_id: str | None) -> Playable | None:
        """What a leg's key names; see `AudioSource`. A recording that still goes on cannot be played yet.

        Raises:
            DatabaseUnavailableError, DestinationUnavailableError: the database or Eleveo does not answer.
            ConfigurationError, InputError: Eleveo refuses us, or answers nonsense.
        """
        if tenant_id not in (None, self._site.tenant_id):
            return None
        key = parse_leg_key(leg_key)
        if key is None or key.extension is None:
            return None
        return self._known_playable(leg_key) or self._lookups.done(
            leg_key, lambda: self._looked_up(leg_key, key)
        )

    @contextmanager
    def open(self, playable: Playable) -> Iterator[ReadableAudio]:
        """Its bytes: fetched and put together at the first time, then held for a while.

        Raises:
            InputError: a couple is not there any more, or cannot be decoded.
            StorageUnavailableError: there is no room to hold it.
            DestinationUnavailableError, ConfigurationError: Eleveo does not answer, or refuses us.
        """
        with self._held.opened(playable.version, lambda target: self._fetch(playable, target)) as audio:
            yield audio

    def _looked_up(self, leg_key: str, key: LegKey) -> Playable | None:
        found = self._recorded(key)
        if found is None or found.recorded.end_time is None:
            return None
        playable = self._playable(found)
        with self._known_lock:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[leg_key] = self._clock() + KNOWN_FOR_S, playable
        return playable

    def _known_playable(self, leg_key: str) -> Playable | None:
        with self._known_lock:
            until, playable = self._known.get(leg_key, (0.0, None))
        return playable if self._clock() < until else None

    def _recorded(self, key: LegKey) -> MatchedLeg | None:
        matched = search_calls(self._site, self._calls(key), self._rules, self._sessions)
        every = [each for call in matched for each in call]
        return closest(every, key.extension or "", key.start_time)

    def _calls(self, key: LegKey) -> list[OurCall]:
        """The call that the key names; where we know none, its text may be what Eleveo knows a call by (guide 11.1)."""
        site, text = self._site, key.call_text
        calls = calls_of(legs_of_key(self._engine, key, site.tenant_id), site.tenant_id, site.id_form)
        if calls:
            return calls
        call_key = call_keys_of([text])[0] or text
        return [dialog_call(text, call_key, key.extension or "", key.start_time)]

    def _playable(self, found: MatchedLeg) -> Playable:
        recorded, tenant_id = found.recorded, self._site.tenant_id
        name = f"{recorded.start_time:%Y%m%dT%H%M%SZ}_{recorded.agent_extension}.wav"
        return Playable(
            tenant_id=tenant_id,
            playable_id=recording_id_of(recorded, tenant_id),
            version=version_of(recorded, tenant_id),
            media_type=MEDIA_TYPE,
            file_name=name,
            start_time=recorded.start_time,
            leg_id=found.leg.leg_id if found.leg else None,
            place=_place_of(recorded),
        )

    def _fetch(self, playable: Playable, target: BinaryIO) -> None:
        if not self._downloads.acquire(timeout=self._patience_s):
            raise DestinationUnavailableError("Eleveo is busy: too many recordings are being fetched")
        try:
            with ExitStack() as stack:
                parts = [
                    Part(sid, stack.enter_context(self._held.nameless_file()), offset_ms)
                    for sid, offset_ms in _couples_at(playable.place)
                ]
                asyncio.run(self._download(parts))
                splice(parts, target)
        finally:
            self._downloads.release()

    async def _download(self, parts: list[Part]) -> None:
        async with open_eleveo(self._site, self._sessions) as client:
            for part in parts:
                await client.download(part.name, part.file)


def _place_of(recorded: RecordedLeg) -> str:
    return json.dumps([[placed.couple.sid, placed.offset_ms] for placed in recorded.couples])


def _couples_at(place: str) -> list[tuple[str, int]]:
    try:
        found: list[Any] = json.loads(place)
        return [(str(sid), int(offset_ms)) for sid, offset_ms in found]
    except (ValueError, TypeError):
        raise InputError("this is no recording of Eleveo") from None
