"""Texts to integers: each different text gets a number once, and the correlation works on the numbers.

The numbers follow the order of the texts, so that whatever is sorted by them does not depend on the order of
arrival. 0 is «none» in every column, so that no column has nulls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from cx_pipeline.core.events.call_keys import call_key_parts

NONE = 0
"""The number of a missing text."""

Codes = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class TextCodes:
    """The texts that numbers stand for: `texts[number]`, null at 0."""

    texts: pl.Series

    def decode(self, codes: pl.Series | npt.NDArray[Any]) -> pl.Series:
        """The texts of `codes`; null for 0."""
        numbers = codes if isinstance(codes, pl.Series) else pl.Series(codes)
        return self.texts.gather(numbers)

    def code_of(self, texts: Iterable[str | None]) -> Codes:
        """The numbers of `texts`; 0 for one that did not occur."""
        wanted = pl.DataFrame({"text": pl.Series(list(texts), dtype=pl.String)})
        known = pl.DataFrame({"text": self.texts}).with_row_index("code").drop_nulls("text")
        joined = wanted.join(known, on="text", how="left", maintain_order="left")
        return joined["code"].fill_null(NONE).to_numpy().astype(np.uint32)


class TextColumn:
    """One text column (or several that share their texts), on its way to numbers.

    Polars gives each different text a number while it reads (a categorical of its own, forgotten afterwards);
    `numbered` replaces these by numbers in the order of the texts.
    """

    def __init__(self) -> None:
        self._dtype = pl.Categorical(pl.Categories.random(physical=pl.UInt32))
        # Polars forgets the texts with the last column of the type: this one stays as long as they are wanted.
        self._anchor = pl.Series([], dtype=self._dtype)
        self.texts = pl.Series("text", [], dtype=pl.String)
        """Every text that was read, in order of first sight."""

    def encoded(self, text: pl.Expr) -> pl.Expr:
        """The expression that reads the column: numbers in order of first sight, null for none."""
        return text.cast(self._dtype).to_physical()

    def has_read(self, columns: Iterable[pl.Series]) -> None:
        """Learn the texts of the columns that were read."""
        highest = max((cast("int", column.max()) for column in columns if column.count()), default=-1)
        sights = pl.Series("text", np.arange(highest + 1, dtype=np.uint32))
        self.texts = sights.cat.to(self._dtype).cast(pl.String)

    def in_order(self) -> tuple[Codes, TextCodes]:
        """The final number for each number of first sight (the last element: none), and what they stand for.

        A blank text is none.
        """
        seen = pl.DataFrame({"text": self.texts}).with_row_index("sight")
        ordered = seen.filter(pl.col("text").str.strip_chars() != "").sort("text")
        number = np.full(len(seen) + 1, NONE, dtype=np.uint32)
        number[ordered["sight"].to_numpy()] = np.arange(1, len(ordered) + 1, dtype=np.uint32)
        return number, TextCodes(pl.concat([pl.Series("text", [None], dtype=pl.String), ordered["text"]]))

    def mapped(
        self, function: Callable[[str], int], dtype: type[np.unsignedinteger[Any]]
    ) -> npt.NDArray[Any]:
        """`function` of each text, by number of first sight (the last element, none: 0)."""
        return np.array([*(function(text) for text in self.texts), NONE], dtype=dtype)


def numbers(read: pl.Series, table: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The final numbers of a column that was read: `table` by number of first sight, its last element for null."""
    if read.null_count():
        read = read.fill_null(len(table) - 1)
    final: npt.NDArray[Any] = table[read.to_numpy()]
    return final


def rank_call_keys(texts: pl.Series) -> tuple[Codes, pl.DataFrame]:
    """Numbers for call ids, equal where two ways of writing mean one key, in the order of node, gcid and text.

    Args:
        texts: call ids as they came, each different one once.

    Returns:
        The number for each element of `texts` (from 1, and a last element 0 for none), and the keys by number: a
        frame with `node`, `gcid` and `verbatim`, whose row 0 is none.
    """
    parts = _pairs(texts.cast(pl.String).str.strip_chars().rename("text"))
    keys = parts.select("pair", "verbatim").filter(pl.any_horizontal(pl.all().is_not_null())).unique()
    keys = keys.sort("pair", "verbatim", nulls_last=True)
    others = keys["verbatim"].count()
    numbers_of_pairs = (
        parts["pair"].rank("dense") if len(keys) > others else pl.repeat(None, len(parts), eager=True)
    )
    numbers_of_texts = parts["verbatim"].rank("dense") + (len(keys) - others)
    number = parts.select(
        pl.coalesce(numbers_of_pairs.rename("n"), numbers_of_texts.rename("m"), pl.lit(NONE)).cast(pl.UInt32)
    )
    table = (
        np.append(number.to_series().to_numpy(), np.uint32(NONE))
        if len(parts)
        else np.zeros(1, dtype=np.uint32)
    )
    node, gcid = (pl.col("pair") // _GCIDS).cast(pl.UInt32), (pl.col("pair") % _GCIDS).cast(pl.UInt32)
    none = pl.DataFrame({"pair": [None], "verbatim": [None]}, schema=keys.schema)
    return table, pl.concat([none, keys]).select(node=node, gcid=gcid, verbatim="verbatim")


_GCIDS = 1 << 32


def _pairs(texts: pl.Series) -> pl.DataFrame:
    """For each call id `pair`, node and gcid in one number that sorts and compares as the two do; else `verbatim`."""
    # Nearly all are written `node_gcid`: only the rest is tried in every form.
    usual = texts.to_frame().select(fields=pl.col("text").str.splitn("_", 2)).unnest("fields")
    usual = usual.select(pl.all().cast(pl.UInt32, strict=False))
    pair = usual.select(_pair(pl.col("field_0"), pl.col("field_1"))).to_series()
    if pair.null_count():
        parts = pl.when(pair.is_null()).then(call_key_parts(pl.when(pair.is_null()).then(pl.col("text"))))
        fields = texts.to_frame().select(parts=parts).unnest("parts")
        pair = pl.select(
            pl.coalesce(pair, fields.select(_pair(pl.col("node"), pl.col("gcid"))).to_series())
        ).to_series()
    blank_is_none = pl.col("text").replace("", None)
    return texts.to_frame().select(pair=pair, verbatim=pl.when(pair.is_null()).then(blank_is_none))


def _pair(node: pl.Expr, gcid: pl.Expr) -> pl.Expr:
    return node.cast(pl.UInt64) * _GCIDS + gcid


def call_key_texts(keys: pl.DataFrame) -> pl.Series:
    """The normalised text of each key of `rank_call_keys`."""
    node, gcid = pl.col("node"), pl.col("gcid").cast(pl.String)
    numbered = pl.when(node == 0).then(gcid).otherwise(pl.concat_str(node.cast(pl.String), pl.lit("_"), gcid))
    return keys.select(text=pl.when(pl.col("gcid").is_null()).then("verbatim").otherwise(numbered))["text"]
