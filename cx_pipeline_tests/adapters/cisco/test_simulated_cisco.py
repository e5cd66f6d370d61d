"""The records of a simulated site, with all that goes wrong in a real one, are read as they were written."""

from datetime import timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sqlalchemy import Engine

from cx_pipeline.simulator.cisco.fill import fill
from cx_pipeline.simulator.cisco.tables import Flavour
from cx_pipeline_tests.adapters.cisco.cisco_rows import records
from cx_pipeline_tests.adapters.cisco.conftest import OpenSource
from cx_pipeline_tests.simulator.cisco.simulated import START, simulated

HOUR = timedelta(hours=1)
TOLD = ("extension", "ended_at", "wrap_up", "talk_s", "hold_s")
SAME_TIME = pl.col("ended_at").dt.truncate("1ms")
"""Cisco keeps milliseconds."""


@pytest.mark.parametrize(("flavour", "version"), [("ucce", "12.5"), ("ucce", "11.6"), ("uccx", "12.5")])
def test_every_record_of_the_simulated_site_is_read_once_and_as_it_was_written(
    flavour: Flavour, version: str, engine: Engine, open_source: OpenSource
) -> None:
    site = simulated(flavour, version=version)
    fill(engine, site)
    read = records(open_source(flavour), START - 24 * HOUR, START + 48 * HOUR).with_columns(SAME_TIME)
    stripped = pl.col("wrap_up").str.strip_chars().replace("", None)
    truth = site.truth.with_columns(
        SAME_TIME, stripped, record_id=pl.concat_str(pl.lit("hds:"), "record_key")
    ).sort("record_id")
    assert_frame_equal(read.select("record_id", *TOLD), truth.select("record_id", *TOLD))
    of_legs = read.select("record_id", "call_key", "dialler_call_id").join(
        truth, on="record_id", suffix="_true"
    )
    of_legs = of_legs.filter(kind="LEG")
    assert of_legs["call_key"].to_list() == of_legs["call_key_true"].to_list()
    # The dialler's id stands with its agent; the others of the call may have it too.
    of_the_dialler = of_legs.drop_nulls("dialler_call_id_true")
    assert len(of_the_dialler) > 20
    assert of_the_dialler["dialler_call_id"].to_list() == of_the_dialler["dialler_call_id_true"].to_list()
    is_reserved = read["conversation_type"] == "RESERVATION"
    assert is_reserved.to_list() == (truth["kind"] == "RESERVATION").to_list()


@pytest.mark.parametrize(("flavour", "version"), [("ucce", "12.5"), ("ucce", "11.6"), ("uccx", "12.5")])
def test_spans_side_by_side_give_every_record_once(
    flavour: Flavour, version: str, engine: Engine, open_source: OpenSource
) -> None:
    fill(engine, simulated(flavour, version=version))
    source = open_source(flavour)
    whole = records(source, START - 2 * HOUR, START + 4 * HOUR)
    parts = [list(source.read(START + n * HOUR, START + (n + 1) * HOUR)) for n in range(-2, 4)]
    together = pl.concat([chunk for part in parts for chunk in part]).sort("record_id")
    assert together["record_id"].to_list() == whole["record_id"].to_list()
