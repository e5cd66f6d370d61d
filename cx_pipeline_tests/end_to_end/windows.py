"""Windows computed as the assets compute them, by the same functions, with no Dagster around."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import Engine

from cx_pipeline.adapters.database.event_store import EventStore
from cx_pipeline.adapters.database.leg_store import LegStore
from cx_pipeline.adapters.storage.frame_store import FrameMark, FrameStore
from cx_pipeline.core.calls.rules import DEFAULT_RULES
from cx_pipeline.core.directory import Directory
from cx_pipeline.core.errors import StaleWriterError
from cx_pipeline.core.events.vocabulary import JTAPI_KINDS, Kind
from cx_pipeline.core.frames import RAW_JTAPI_EVENTS
from cx_pipeline.core.window_computation import compute_window
from cx_pipeline.core.windows import Window, windows_between

HOUR = timedelta(hours=1)
ENDING_NAMES = [name for name, kind in JTAPI_KINDS.items() if kind is Kind.ENDED]


@dataclass(frozen=True)
class Windows:
    """What computes windows: an engine on the store and the tables, and a folder of frames."""

    engine: Engine
    frames_root: Path
    directory: Directory

    def compute(self, window: Window, now: datetime) -> None:
        """Read the window, correlate it, and write its calls and legs."""
        frames, is_open = FrameStore(self.frames_root), window.is_open(now)
        raw = EventStore(self.engine).read_window(
            window, max_silence=DEFAULT_RULES.max_silence, is_open=is_open, ending_names=ENDING_NAMES
        )
        mark = FrameMark(raw.high_water, is_open)
        frames.write(raw.events, RAW_JTAPI_EVENTS, window, mark)
        stored = frames.read(RAW_JTAPI_EVENTS, window)
        legs = compute_window(
            stored.frame,
            window,
            rules=DEFAULT_RULES,
            directory=self.directory,
            now=now,
            had_open_calls=stored.mark.is_open,
        )
        assert legs.may_be_written, legs.verdicts
        mark = FrameMark(stored.mark.high_water, legs.is_open)
        try:
            LegStore(self.engine).write_window(
                window,
                legs.correlation,
                legs.open_call_keys,
                high_water=mark.high_water,
                is_open=mark.is_open,
                run_id="test",
                other_calls=legs.other_calls,
            )
        except StaleWriterError:
            return  # a newer one was quicker, and stays
        for contract, frame in legs.frames():
            frames.write(frame, contract, window, mark)

    def compute_all(self, windows: Sequence[Window], now: datetime, *, at_once: int = 3) -> None:
        """Compute windows in the order given, some at a time."""
        with ThreadPoolExecutor(at_once) as workers:
            for done in [workers.submit(partial(self.compute, window, now)) for window in windows]:
                done.result()

    def frame_bytes(self) -> dict[str, bytes]:
        """Every stored frame, by its path below the root."""
        paths = FrameStore(self.frames_root).paths()
        return {path.relative_to(self.frames_root).as_posix(): path.read_bytes() for path in paths}


def hours(start: datetime, end: datetime) -> list[Window]:
    """The hourly windows of a span."""
    return list(windows_between(start, end, HOUR))
