"""What should hold of a window's manifests and recordings, as verdicts. They warn: nothing waits for them."""

from collections.abc import Mapping

import polars as pl

from cx_pipeline.core.recording.schema import COMPLETED, FAILED
from cx_pipeline.core.window_checks import Verdict

FEWEST = 20
"""Of fewer files or recordings a rate tells nothing."""
MOST_PROBLEMS = 0.02
MOST_ONE_SIDED = 0.02
ONE_SIDED = "one_sided"


def manifest_verdicts(manifests: pl.DataFrame, figures: Mapping[str, int]) -> dict[str, Verdict]:
    """Whether the files that the recorders tell of are there and can be read.

    Args:
        manifests: `RECORDING_MANIFEST_SCHEMA`.
        figures: of the reading; `quarantined` counts manifests that did not parse.
    """
    problems = manifests.filter(pl.col("file_problem").is_not_null())
    counts = dict(problems.group_by("file_problem").len().sort("file_problem").rows())
    share = problems.height / manifests.height if manifests.height else 0.0
    quarantined = int(figures.get("quarantined", 0))
    passed = (manifests.height < FEWEST or share <= MOST_PROBLEMS) and not quarantined
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "none"
    description = f"{problems.height} of {manifests.height} files cannot be used ({kinds}); {quarantined} manifests quarantined now"
    return {
        "usable_files": Verdict(
            passed, description, {"files": manifests.height, "problems": problems.height}, is_grave=False
        )
    }


def rules_verdict(problem: str | None) -> Verdict:
    """Whether the newest set of rules is in force, or the last good one because the newest was refused."""
    if problem is None:
        return Verdict(True, "the newest set of rules is in force", is_grave=False)
    return Verdict(False, f"the last good set of rules stays in force: {problem}", is_grave=False)


def recording_verdicts(recordings: pl.DataFrame) -> dict[str, Verdict]:
    """Whether what was to be recorded is, with both voices.

    Args:
        recordings: `MIXED_RECORDING_SCHEMA`.
    """
    made = recordings.filter(pl.col("state") == COMPLETED)
    failed = recordings.filter(pl.col("state") == FAILED)
    causes = dict(failed.group_by("failure").len().sort("failure").rows())
    told = ", ".join(f"{count} {cause}" for cause, count in causes.items())
    one_sided = made.filter(pl.col("warnings").list.contains(ONE_SIDED)).height
    share = one_sided / made.height if made.height else 0.0
    return {
        "nothing_failed": Verdict(
            failed.is_empty(),
            f"{failed.height} recordings were not made: {told}"
            if failed.height
            else "all that is due is made",
            {"failed": failed.height, "made": made.height},
            is_grave=False,
        ),
        "both_voices": Verdict(
            made.height < FEWEST or share <= MOST_ONE_SIDED,
            f"{one_sided} of {made.height} recordings lack a voice",
            {"one_sided": one_sided, "made": made.height},
            is_grave=False,
        ),
    }
