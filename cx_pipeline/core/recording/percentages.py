"""The share of calls that a PERCENTAGE rule takes: always the same calls, known as soon as the call's key is."""

import numpy as np
import polars as pl

from cx_pipeline.core.identity import murmur3_x64_128, name_of

HUNDREDTHS = 10_000
"""Of the whole: 12.5 percent are 1,250 of them."""


def sampling_numbers(calls: pl.DataFrame) -> pl.Series:
    """A number from 0 to 9,999 for each call: it is in every share of more hundredths of a percent than that.

    The first word of MurmurHash3 (`core.identity`) over tenant and root call key, modulo 10,000: a share of 10 percent
    is part of one of 20 percent (guide 19.7.2: `hash % 100 < percentage`).

    Args:
        calls: `tenant_id` and `root_call_key`. Without a key there is no number.
    """
    names = calls.select(name_of(pl.col("tenant_id"), pl.col("root_call_key"))).to_series()
    word, _ = murmur3_x64_128(names)
    numbers = pl.Series("sampling_number", (word % np.uint64(HUNDREDTHS)).astype(np.uint16))
    return (
        calls.select(pl.when(pl.col("root_call_key").is_not_null()).then(numbers))
        .to_series()
        .alias("sampling_number")
    )
