"""The id of a recording: of what it is, how it is made, and what it is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import polars as pl

from cx_pipeline.core.identity import SEPARATOR, uuid_of
from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline.core.recording.shares import Share, SourceFile


def ids_of(names: Sequence[str]) -> list[str]:
    """The ids of recordings by their names; many at once cost hardly more than one."""
    return uuid_of(pl.Series(names, dtype=pl.String)).to_list() if names else []


def recording_name_of(
    kind: str,
    owner: str,
    parameters: MixParameters,
    shares: Sequence[Share],
    files: Iterable[SourceFile],
    unknown_clocks: frozenset[str],
) -> str:
    """What an id is made of: the same inputs never make two recordings; a late file, a corrected leg or another rule makes a new one.

    How long it is kept is no part of it, nor is the clock's offset: while a window is open each new leg moves the
    estimate by a millisecond. That it is known at all is: what was placed by a clock not yet known is placed anew.
    """
    how = (
        parameters.layout,
        parameters.sample_rate_hz,
        parameters.hold,
        parameters.hold_fade_ms,
        parameters.is_normalised,
        parameters.format,
        parameters.is_encrypted,
    )
    spans = [(*_of_leg(share), "masked", *share.told_masks) for share in shares]
    inputs = [
        (each.input.manifest_id, each.input.size_bytes, each.input.frames, each.recorder_id in unknown_clocks)
        for each in files
    ]
    parts = [*map(_text, how), *map(_text, sorted(spans, key=repr)), *map(_text, sorted(inputs))]
    # A call of four hours has hundreds of files: what they are goes into the name as one short text.
    digest = hashlib.sha256(SEPARATOR.join(parts).encode()).hexdigest()
    return SEPARATOR.join(("recording", kind, owner, digest))


def _of_leg(share: Share) -> tuple[object, ...]:
    """What a corrected leg changes. A share without a leg is what its files are."""
    if share.leg_id is None:
        return (share.agent,)
    return (share.leg_id, share.agent, share.start_us, share.end_us, *share.holds)


def _text(value: object) -> str:
    return "" if value is None else str(value)
