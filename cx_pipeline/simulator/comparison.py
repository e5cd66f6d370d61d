"""Legs that were found, held against the legs that truly were."""

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

KEY = ("tenant_id", "agent_extension", "root_call_key", "start_time")
SAME_LEG = ("tenant_id", "agent_extension", "root_call_key", "place")
"""What pairs the legs that are left over once the key was tried: the n-th of this extension in this call."""

COMPARED = (
    "start_time",
    "end_time",
    "duration_ms",
    "held_ms",
    "status",
    "call_type",
    "direction",
    "start_reason",
    "end_reason",
    "rona_reason",
    "ring_time",
    "hold_segments",
    "is_answered",
    "is_reportable",
    "is_artefact",
    "consult_source",
    "consult_target",
    "consult_result",
    "transferred_from",
    "transferred_to",
    "conference_id",
    "participants",
    "other_party",
)
DIFFERENCE_SCHEMA = pl.Schema(
    {
        "tenant_id": pl.String(),
        "call_number": pl.Int64(),
        "scenario": pl.String(),
        "root_call_key": pl.String(),
        "agent_extension": pl.String(),
        "start_time": pl.Datetime("us", "UTC"),
        "field": pl.String(),
        "true_value": pl.String(),
        "found_value": pl.String(),
    }
)

BEFORE_A_DISTURBED_CALL = timedelta(minutes=1)
AFTER_A_DISTURBED_CALL = timedelta(hours=14)
"""A call whose end was lost may be closed by silence; its key rests for as long in the simulation."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the comparison found. Legs of calls that lost an event, or were stamped by a wrong clock, count apart."""

    true: int
    """True legs of undisturbed calls."""
    matched: int
    """Those of them that were found with all fields equal."""
    mismatched: pl.DataFrame
    """True legs that were found with other values; `differing` lists the fields."""
    differences: pl.DataFrame
    """One row for each field that differs, with both values as text (`DIFFERENCE_SCHEMA`)."""
    missing: pl.DataFrame
    """True legs that were not found."""
    unexpected: pl.DataFrame
    """Found legs that never were."""
    disturbed: int
    """True legs of disturbed calls."""
    disturbed_matched: int
    """Those of them that were found with all fields equal nevertheless."""

    @property
    def is_equal(self) -> bool:
        """Whether all legs of undisturbed calls were found, rightly, and no other."""
        return self.matched == self.true and self.unexpected.is_empty()


def compare(true_legs: pl.DataFrame, legs: pl.DataFrame) -> Comparison:
    """Hold `legs` (names of the leg schema) against `true_legs` (those of the simulator).

    A leg is found by tenant, extension, root call key and start; what is left over is paired by its place among
    the extension's legs in that call, so that a wrong start is one mismatch rather than a leg missing and another
    too many. Only fields that both frames have are compared.
    """
    true_legs = true_legs.with_row_index("true_row")
    legs = legs.with_row_index("found_row")
    pairs = leg_pairs(true_legs, legs)
    fields = [name for name in COMPARED if name in true_legs.columns and name in legs.columns]
    paired = pairs.join(true_legs, on="true_row", maintain_order="left").join(
        legs.select("found_row", pl.col(fields).name.suffix("_found")), on="found_row", maintain_order="left"
    )
    differs = [pl.col(name).ne_missing(pl.col(f"{name}_found")).alias(name) for name in fields]
    differing = pl.concat_list(
        [pl.when(condition).then(pl.lit(name)) for name, condition in zip(fields, differs, strict=True)]
    ).list.drop_nulls()
    paired = paired.with_columns(differing=differing)
    disturbed = pl.col("has_lost_event") | pl.col("has_skew")
    is_equal = pl.col("differing").list.len() == 0
    undisturbed = paired.filter(~disturbed)
    mismatched = undisturbed.filter(~is_equal)
    missing = true_legs.join(pairs, on="true_row", how="anti").filter(~disturbed).drop("true_row")
    unexpected = legs.join(pairs, on="found_row", how="anti").drop("found_row")
    return Comparison(
        true=true_legs.filter(~disturbed).height,
        matched=undisturbed.filter(is_equal).height,
        mismatched=mismatched.select(*true_legs.drop("true_row").columns, "differing"),
        differences=_differences(mismatched, fields),
        missing=missing,
        unexpected=_without_disturbed(unexpected, true_legs.filter(disturbed)),
        disturbed=true_legs.filter(disturbed).height,
        disturbed_matched=paired.filter(disturbed & is_equal).height,
    )


def leg_pairs(true_legs: pl.DataFrame, legs: pl.DataFrame) -> pl.DataFrame:
    """`true_row` and `found_row` of the legs that are the same leg, given both frames with these indexes."""
    by_key = _joined(true_legs, legs, KEY)
    true_rest = _placed(true_legs.join(by_key, on="true_row", how="anti"))
    found_rest = _placed(legs.join(by_key, on="found_row", how="anti"))
    by_place = _joined(true_rest, found_rest, SAME_LEG)
    return pl.concat([by_key, by_place])


def _joined(true_legs: pl.DataFrame, legs: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
    joined = true_legs.select("true_row", *key).join(legs.select("found_row", *key), on=list(key))
    return joined.select("true_row", "found_row").unique("true_row").unique("found_row").sort("true_row")


def _placed(legs: pl.DataFrame) -> pl.DataFrame:
    same_call = SAME_LEG[:-1]
    return legs.sort("start_time").with_columns(place=pl.int_range(pl.len()).over(same_call))


def _differences(mismatched: pl.DataFrame, fields: list[str]) -> pl.DataFrame:
    context = [name for name in DIFFERENCE_SCHEMA if name not in ("field", "true_value", "found_value")]
    parts = [
        mismatched.filter(pl.col("differing").list.contains(name)).select(
            *context,
            field=pl.lit(name),
            true_value=_as_text(mismatched, name),
            found_value=_as_text(mismatched, f"{name}_found"),
        )
        for name in fields
    ]
    return pl.concat([DIFFERENCE_SCHEMA.to_frame(), *parts]).sort(*context, "field")


def _as_text(frame: pl.DataFrame, name: str) -> pl.Expr:
    if not isinstance(frame.schema[name], pl.List):
        return pl.col(name).cast(pl.String)
    return pl.struct(name).struct.json_encode()


def _without_disturbed(unexpected: pl.DataFrame, disturbed: pl.DataFrame) -> pl.DataFrame:
    """Found legs that lie in no disturbed call: what such a call gives is counted apart."""
    spans = (
        disturbed.explode("call_keys")
        .group_by("tenant_id", root_call_key="call_keys")
        .agg(
            begin=pl.col("first_fact_time").min() - BEFORE_A_DISTURBED_CALL,
            finish=pl.col("first_fact_time").max() + AFTER_A_DISTURBED_CALL,
        )
    )
    return (
        unexpected.join(spans, on=["tenant_id", "root_call_key"], how="left", maintain_order="left")
        .filter((pl.col("start_time").is_between("begin", "finish")).not_().fill_null(value=True))
        .drop("begin", "finish")
    )
