"""How a recording is to be made: what a rule may ask for."""

from dataclasses import dataclass

from cx_pipeline.core.recording.schema import FORMATS, HOLD_SILENCE, STEREO


@dataclass(frozen=True, slots=True)
class MixParameters:
    """The parameters of a decision (guide 19.7.1)."""

    layout: str = STEREO
    sample_rate_hz: int | None = None
    """Null: the highest rate of the files."""
    hold: str = HOLD_SILENCE
    hold_fade_ms: int = 0
    """With `hold` cut: 0 for a hard cut, 50 for the guide's fade."""
    is_normalised: bool = False
    format: str = FORMATS[0]
    is_encrypted: bool | None = None
    """Null: as the deployment says."""
    retention_days: int | None = None
    """Null: as the deployment says."""
