"""Which legs a file may belong to: one refci, one call, one phone or one number, near in time.

Times are microseconds since 1970, of files by their recorder's clock, of legs by that of the events.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from cx_pipeline.core.enrichment.shared_keys import pairs_of
from cx_pipeline.core.events.call_keys import call_key
from cx_pipeline.core.recording.options import PlanOptions
from cx_pipeline.core.recording.schema import BIB, BOTH, SCREEN

BY_REFCI, BY_CALL_KEY, BY_DIALOG, BY_DEVICE, BY_EXTENSION, BY_NUMBERS = (
    "REFCI",
    "CALL_KEY",
    "DIALOG",
    "DEVICE",
    "EXTENSION",
    "NUMBERS",
)
METHODS = (BY_REFCI, BY_CALL_KEY, BY_DIALOG, BY_DEVICE, BY_EXTENSION, BY_EXTENSION, BY_NUMBERS)
"""Values of `method` by rank, the surest first. The second BY_EXTENSION is from another phone of the extension."""
RANK_OF_TIME = METHODS.index(BY_DEVICE)
"""From this rank on nothing but time tells one call of a phone or a number from the next."""
RANK_OF_OTHER_PHONE = 5

PAIR_SCHEMA = pl.Schema({"file": pl.UInt32(), "leg": pl.UInt32(), "rank": pl.Int8()})

_MICROSECOND = timedelta(microseconds=1)
_BUCKET_US = 600_000_000
"""Ten minutes: most talks touch one or two such."""
_TAIL = 9
"""Digits by which numbers are compared: what stands before them is written differently everywhere."""


def numbered_files(manifests: pl.DataFrame) -> pl.DataFrame:
    """What the matching needs of each file that may hold a voice, with its number `file`.

    `is_shared`: a file of a whole line, which may hold several legs. What one of two siblings does not tell is taken
    from the other (releases of CUCM differ in what they write into which dialog).
    """
    length = pl.col("frames") * 1_000_000 // pl.col("sample_rate_hz")
    begin = pl.col("start_time").dt.epoch("us")
    files = (
        manifests.with_row_index("file")
        .filter(pl.col("recording_type").ne_missing(SCREEN), pl.col("start_time").is_not_null())
        .select(
            "file",
            "manifest_id",
            "tenant_id",
            "side",
            "refci",
            "dialog_id",
            "call_key",
            "jtapi_id",
            pl.col("recorder_id").fill_null(""),
            extension="agent_extension",
            device=pl.col("agent_device").str.to_uppercase(),
            calling=_digits("calling_number"),
            called=_digits("called_number"),
            is_shared=(pl.col("side") == BOTH) & (pl.col("recording_type") != BIB),
            begin=begin,
            told_end=pl.col("end_time").dt.epoch("us"),
            end=pl.max_horizontal(
                begin, pl.coalesce(begin + length, pl.col("end_time").dt.epoch("us"), begin)
            ),
        )
    )
    return _told_by_siblings(files)


def _digits(number: str) -> pl.Expr:
    return pl.col(number).str.replace_all(r"\D", "").str.tail(_TAIL).replace("", None)


def _told_by_siblings(files: pl.DataFrame) -> pl.DataFrame:
    """Fill what a file does not tell from those of the same refci at the same time."""
    told = ["call_key", "jtapi_id", "extension", "device", "calling", "called"]
    named = files.filter(pl.col("refci").is_not_null()).sort("tenant_id", "refci", "begin", "manifest_id")
    dialog = ["tenant_id", "refci"]
    # A refci comes again after days: what does not overlap is another talk.
    apart = (pl.col("begin") > pl.col("end").cum_max().shift().over(dialog)).fill_null(value=True)
    grouped = named.with_columns(talk=apart.cum_sum())
    filled = grouped.with_columns(
        pl.coalesce(name, pl.col(name).drop_nulls().first().over("talk")) for name in told
    ).drop("talk")
    return pl.concat([filled, files.filter(pl.col("refci").is_null())]).sort("file")


def numbered_legs(legs: pl.DataFrame, options: PlanOptions) -> pl.DataFrame:
    """What the matching needs of each leg, with its number `leg`; one in progress lasts beyond the window."""
    beyond = pl.lit(options.window.end + options.slack, dtype=pl.Datetime("us", "UTC"))
    begin = pl.coalesce("start_time", "ring_time")
    return (
        legs.with_row_index("leg")
        .filter(begin.is_not_null())
        .select(
            "leg",
            "leg_id",
            "call_id",
            "tenant_id",
            "root_call_key",
            "jtapi_id",
            "connection_id",
            "cx_call_id",
            "hold_segments",
            extension="agent_extension",
            device=pl.col("agent_terminal").str.to_uppercase(),
            is_answered=pl.col("is_answered").fill_null(value=False),
            is_start_told=_is_told("is_start_estimated"),
            is_end_told=_is_told("is_end_estimated") & pl.col("end_time").is_not_null(),
            party=_digits("other_party"),
            customer=_digits("customer_identifier"),
            own=_digits("agent_extension"),
            begin=begin.dt.epoch("us"),
            end=pl.max_horizontal(begin, pl.coalesce("end_time", beyond)).dt.epoch("us"),
        )
    )


def _is_told(estimated: str) -> pl.Expr:
    """Whether events told a moment of the leg, stamped by a clock that is right."""
    doubts = [pl.col(name).fill_null(value=False) for name in (estimated, "has_clock_skew")]
    return ~pl.any_horizontal(doubts)


def rough_pairs(files: pl.DataFrame, legs: pl.DataFrame, slack: timedelta) -> pl.DataFrame:
    """Each file beside each leg that it may belong to, by its surest method: `PAIR_SCHEMA`.

    They overlap, or lie no further apart than `slack`: the recorders' clocks are not corrected yet.
    """
    slack_us = slack // _MICROSECOND
    near = legs.filter("is_answered")
    found = [
        _by_refci(files, legs),
        _by_call(files, legs),
        _by_dialog(files, legs),
        *_by_phone(files.filter(~pl.col("is_shared")), near, slack_us),
        _by_numbers(files.filter(pl.col("side") == BOTH), near, slack_us),
    ]
    pairs = pl.concat([_ranked(pairs, rank) for rank, pairs in enumerate(found)])
    surest = pairs.group_by("file", "leg").agg(pl.min("rank"))
    together = with_spans(surest, files, legs)
    is_near = (pl.col("begin") <= pl.col("leg_end") + slack_us) & (
        pl.col("end") >= pl.col("leg_begin") - slack_us
    )
    return together.filter(is_near).select(PAIR_SCHEMA.names()).sort("file", "leg")


def _ranked(pairs: pl.DataFrame, rank: int) -> pl.DataFrame:
    return pairs.select("file", "leg", rank=pl.lit(rank, pl.Int8))


def with_spans(pairs: pl.DataFrame, files: pl.DataFrame, legs: pl.DataFrame) -> pl.DataFrame:
    """The pairs with `begin`, `end` of the file, `leg_begin`, `leg_end` of the leg."""
    return pairs.join(files.select("file", "begin", "end"), on="file", how="left").join(
        legs.select("leg", leg_begin="begin", leg_end="end"), on="leg", how="left"
    )


def _same(one: str, other: str) -> pl.Expr:
    """Equal, and both known."""
    return (pl.col(one) == pl.col(other)).fill_null(value=False)


def _differ(one: str, other: str) -> pl.Expr:
    """Both known, and not equal."""
    return (pl.col(one) != pl.col(other)).fill_null(value=False)


def _by_refci(files: pl.DataFrame, legs: pl.DataFrame) -> pl.DataFrame:
    """One dialog: the refci that the events bear as connection id, unless it is another phone's."""
    return (
        files.filter(pl.col("refci").is_not_null())
        .join(legs, left_on=["tenant_id", "refci"], right_on=["tenant_id", "connection_id"])
        .filter(~_differ("extension", "extension_right"))
    )


def _by_call(files: pl.DataFrame, legs: pl.DataFrame) -> pl.DataFrame:
    """One call, in whichever form either writes its key, and the phone of the leg; a shared file is of all its legs."""
    keys_of_calls = legs.group_by("call_id").agg(call_keys=call_key(pl.col("jtapi_id")).drop_nulls().unique())
    told = [
        files.select("tenant_id", record="file", call_key=key)
        for key in (pl.col("call_key"), call_key(pl.col("jtapi_id")))
    ]
    of_legs = legs.select("leg", "call_id", "tenant_id", "root_call_key", "jtapi_id")
    pairs = pairs_of(of_legs, keys_of_calls, pl.concat(told).unique()).rename({"record": "file"})
    phones = files.select("file", "is_shared", "extension", "device")
    of_phone = pairs.join(phones, on="file").join(legs.select("leg", "extension", "device"), on="leg")
    by_device = ~_differ("extension", "extension_right") & ~_differ("device", "device_right")
    return of_phone.filter(pl.col("is_shared") | _same("extension", "extension_right") | by_device)


def _by_dialog(files: pl.DataFrame, legs: pl.DataFrame) -> pl.DataFrame:
    """A switch's own id of the call, where the legs bear it."""
    named = files.filter(pl.col("dialog_id").is_not_null())
    found = [
        named.join(legs, left_on=["tenant_id", "dialog_id"], right_on=["tenant_id", column])
        for column in ("jtapi_id", "connection_id", "cx_call_id", "root_call_key")
    ]
    return pl.concat([pairs.select("file", "leg") for pairs in found])


def _by_phone(
    files: pl.DataFrame, legs: pl.DataFrame, slack_us: int
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """One device and no other extension; one extension where a device is not known; and where it is another one.

    An extension may ring on several phones, and events tell of the one that answered only later, or not at all.
    """
    by_device = _near_in_time(files, legs, "device", slack_us).filter(
        ~_differ("extension", "extension_right")
    )
    by_extension = _near_in_time(files, legs, "extension", slack_us)
    is_other = _differ("device", "device_right")
    return by_device, by_extension.filter(~is_other), by_extension.filter(is_other)


def _by_numbers(files: pl.DataFrame, legs: pl.DataFrame, slack_us: int) -> pl.DataFrame:
    """One number outside, or the agent's own where all are inside; only files of both voices have nothing better."""
    of_files = pl.concat(
        [files.with_columns(number=pl.col(name)) for name in ("calling", "called", "extension")]
    )
    of_legs = pl.concat([legs.with_columns(number=pl.col(name)) for name in ("party", "customer")])
    outside = pl.col("number").str.len_chars() >= _TAIL
    own = legs.with_columns(number=pl.col("own"))
    by_party = _near_in_time(of_files, of_legs.filter(outside), "number", slack_us)
    only_inside = pl.col("calling").str.len_chars().fill_null(0) < _TAIL
    inside = of_files.filter(only_inside & (pl.col("called").str.len_chars().fill_null(0) < _TAIL))
    by_own = _near_in_time(inside, own, "number", slack_us)
    return pl.concat([by_party.select("file", "leg"), by_own.select("file", "leg")])


def _near_in_time(files: pl.DataFrame, legs: pl.DataFrame, column: str, slack_us: int) -> pl.DataFrame:
    """The files beside the legs with the same value in `column` that are near in time.

    Both are dealt out to spans of ten minutes first: a phone has thousands of talks, but few at one time.
    """
    dealt_legs = _dealt(legs.filter(pl.col(column).is_not_null()), slack_us)
    dealt_files = _dealt(files.filter(pl.col(column).is_not_null()), 0)
    return dealt_files.join(dealt_legs, on=["tenant_id", column, "bucket"])


def _dealt(spans: pl.DataFrame, slack_us: int) -> pl.DataFrame:
    first = (pl.col("begin") - slack_us) // _BUCKET_US
    last = (pl.col("end") + slack_us) // _BUCKET_US
    return spans.with_columns(bucket=pl.int_ranges(first, last + 1)).explode("bucket")
