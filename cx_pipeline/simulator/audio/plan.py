"""How the simulated recorders record: how many, by which clocks, in which form, and with how much of what goes wrong."""

from dataclasses import dataclass, field

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.simulator.settings_text import from_text

PROBABILITIES = (
    "missing_side",
    "missing_manifest",
    "died",
    "unfinished_header",
    "empty",
    "missing_file",
    "overlap",
    "restart",
    "mask",
    "siprec",
    "efswitch",
    "foreign",
)
MOST_OFFSET_MS = 3_600_000
MOST_DRIFT_PPM = 10_000
MOST_SETUP_MS = 10_000


@dataclass(frozen=True, slots=True)
class AudioTrouble:
    """What real recorders do; every field is a probability from 0 to 1 unless it says otherwise."""

    missing_side: float = 0.0
    """Of a pair, one file and its manifest were never made."""
    missing_manifest: float = 0.0
    """A file without a manifest."""
    died: float = 0.0
    """The recorder died: the file ends early, its header was never finished, the manifest is still a `.part`."""
    unfinished_header: float = 0.0
    """The file is whole, but its header says that it holds nothing."""
    empty: float = 0.0
    """A file of a header only: 44 bytes."""
    missing_file: float = 0.0
    """A manifest without a file."""
    overlap: float = 0.0
    """Of a pair, one side is recorded into a second file before the first one is closed."""
    restart: float = 0.0
    """The recorder restarts in mid-call: one to five seconds are lost, new files are begun."""
    mask: float = 0.0
    """A few seconds of both sides are masked: silence in the files, told in the manifests."""
    siprec: float = 0.0
    """A call with one agent is recorded at the gateway instead: one stereo file without a call key."""
    efswitch: float = 0.0
    """A call is recorded by the CX switch instead: one stereo file over the whole call."""
    foreign: float = 0.0
    """Files of calls inside CX of which no listener heard, as a share of all calls."""
    clock_offset_ms: int = 0
    """A recorder's clock is up to this much ahead or behind."""
    drift_ppm: int = 0
    """A recorder writes up to this many more or fewer frames for each million."""
    setup_ms: tuple[int, int] = (0, 0)
    """Least and greatest time from a talk's start to the first frame of its files."""

    def __post_init__(self) -> None:
        for name in PROBABILITIES:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigurationError(
                    f"trouble {name}={getattr(self, name)}: give a probability from 0 to 1"
                )
        for name, most in (("clock_offset_ms", MOST_OFFSET_MS), ("drift_ppm", MOST_DRIFT_PPM)):
            if not 0 <= getattr(self, name) <= most:
                raise ConfigurationError(f"trouble {name}={getattr(self, name)}: give 0 to {most}")
        least, greatest = self.setup_ms
        if not 0 <= least <= greatest <= MOST_SETUP_MS:
            raise ConfigurationError(
                f"trouble setup_ms={least}-{greatest}: give two numbers from 0 to {MOST_SETUP_MS}"
            )


QUIET = AudioTrouble()
REALISTIC = AudioTrouble(
    missing_side=0.005,
    missing_manifest=0.003,
    died=0.004,
    unfinished_header=0.01,
    empty=0.003,
    missing_file=0.003,
    overlap=0.01,
    restart=0.01,
    mask=0.02,
    siprec=0.04,
    efswitch=0.04,
    foreign=0.01,
    clock_offset_ms=3000,
    drift_ppm=200,
    setup_ms=(5, 60),
)
PRESETS = {"none": QUIET, "realistic": REALISTIC}


@dataclass(frozen=True, slots=True)
class AudioPlan:
    """How the audio is made. The same plan and legs give the same files on every machine."""

    seed: int = 0
    recorders: int = 3
    """Of each tenant. The second tells no call key, the third writes G.711."""
    older_tenants: frozenset[str] | None = None
    """Tenants with an older release, whose recorders know the extension only. Null: every second one by name."""
    trouble: AudioTrouble = field(default_factory=lambda: REALISTIC)

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigurationError(f"seed {self.seed}: give 0 or more")
        if not 1 <= self.recorders <= 99:
            raise ConfigurationError(f"recorders {self.recorders}: give 1 to 99 for each tenant")


def trouble_from_text(text: str, base: AudioTrouble = QUIET) -> AudioTrouble:
    """The trouble that `realistic`, `none` or `empty=0.1,setup_ms=5-60` names; settings change `base`.

    Raises:
        ConfigurationError: an unknown name, or a value that does not fit.
    """
    return from_text(text, base, PRESETS, _value_of)


def _value_of(name: str, value: str) -> float | int | tuple[int, int]:
    try:
        if name in PROBABILITIES:
            return float(value)
        if name == "setup_ms":
            least, _, greatest = value.partition("-")
            return int(least), int(greatest or least)
        if name in ("clock_offset_ms", "drift_ppm"):
            return int(value)
    except ValueError:
        wanted = "a probability from 0 to 1" if name in PROBABILITIES else "whole numbers"
        raise ConfigurationError(f"trouble {name}={value}: give {wanted}") from None
    known = ", ".join([*PRESETS, *(f"{name}=P" for name in PROBABILITIES)])
    raise ConfigurationError(
        f"trouble {name!r} is not known; give one of: {known}, setup_ms=A-B, clock_offset_ms=N, drift_ppm=N"
    )
