"""Mutated headers and manifests by the thousand: no crash, no read outside of the roots, little memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MUTATIONS = int(os.environ.get("CX_STRESS_MUTATIONS", "2000"))
MOST_MB = 256


@pytest.mark.stress
@pytest.mark.timeout(1800)
def test_mutated_headers_and_manifests_do_no_harm(tmp_path: Path) -> None:
    module = "cx_pipeline_tests.adapters.freeswitch.mutations"
    command = [sys.executable, "-m", module, str(tmp_path / "streams"), str(MUTATIONS), "1"]
    environment = os.environ | {"POLARS_MAX_THREADS": "2"}
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1700, env=environment)
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert told["outside"] == []
    assert told["peak_mb"] <= MOST_MB
    assert sum(told["wavs"].values()) >= MUTATIONS // 2
    assert told["wavs"]["unfinished, all frames back"] > MUTATIONS // 20
    assert min(told["wavs"][kind] for kind in ("usable", "EMPTY", "NOT_AUDIO")) > 0
    assert (
        min(
            told["manifests"][kind]
            for kind in ("usable", "OUTSIDE_ROOTS", "NOT_AUDIO", "MISSING", "NOT_JSON")
        )
        > 0
    )
