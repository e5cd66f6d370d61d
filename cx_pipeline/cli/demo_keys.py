"""The keys of the demo's recordings: `cx-pipeline up` shows them when the demo is over, and they are to be heard there."""

from pathlib import Path

from cx_pipeline.settings import Settings

RING_FILE = "key-ring.json"


def demo_folder(home: Path) -> Path:
    """Where a demo below this home has its files."""
    return home.expanduser().absolute() / "demo"


def keys_to_listen(settings: Settings) -> dict[str, str]:
    """The variables by which a gateway opens the demo's recordings, where nobody set a key ring.

    For the gateway alone, which only opens what is sealed: nothing else is to be sealed by these keys.
    """
    ring = demo_folder(settings.home) / RING_FILE
    is_set = settings.key_ring is not None or settings.key_ring_file is not None
    return {} if is_set or not ring.exists() else {"CX_KEY_RING_FILE": str(ring)}
