"""What came of a plan: the figures of a rendered file."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChannelFigures:
    """One output channel as it was written."""

    name: str
    loudness_lufs: float | None
    """Gated speech level (ITU-R BS.1770-4) before the gain; null: silence, or not normalised and so not measured."""
    peak_dbfs: float | None
    """Largest sample written; null: silence."""
    gain_db: float
    limited_by: str | None
    """`ceiling`, `largest_gain` or `smallest_gain` where that kept it from its target."""
    silence_share: float
    """Share of its time, in stretches of 20 ms, that is nowhere above −60 dBFS, 0 to 1."""
    level_dbfs: float | None = None
    """Root mean square of what is not silent, as it was written; null: all of it is silent."""


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """A finished file, under its final name."""

    path: str
    """Below the recordings' root, with forward slashes."""
    metadata_path: str
    size_bytes: int
    """On disk."""
    audio_bytes: int
    """Of the file before it was sealed."""
    sha256: str
    md5: str
    """Of the file before it was sealed, hexadecimal."""
    encryption: str
    """`none`, `gcm` or `cfb`."""
    channels: tuple[ChannelFigures, ...]
    input_sha256: tuple[tuple[str, str], ...]
    """Manifest id and hash of each file that was read."""
    render_s: float
    hash_s: float
    """For both hashes of the file and those of the inputs; not in `render_s`."""
    clipped_frames: int = 0
    """Samples that were cut off at full scale, where voices were added up."""
