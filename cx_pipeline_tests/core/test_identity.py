import re
import uuid

import mmh3
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_series_equal

from cx_pipeline.core.identity import SEPARATOR, murmur3_x64_128, name_of, uuid_of

UUID_8 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

STABLE = settings(derandomize=True, database=None, deadline=None)


def reference(text: str) -> tuple[int, int]:
    """The two words of MurmurHash3 x64 128, by another implementation."""
    return mmh3.hash64(text.encode(), seed=0, x64arch=True, signed=False)


def hashed(texts: list[str]) -> list[tuple[int, int]]:
    high, low = murmur3_x64_128(pl.Series(texts, dtype=pl.String))
    return list(zip(high.tolist(), low.tolist(), strict=True))


def test_the_hash_of_every_length_up_to_a_hundred_is_that_of_another_implementation() -> None:
    texts = ["".join(chr(33 + (7 * i + n) % 90) for i in range(n)) for n in range(101)]
    assert hashed(texts) == [reference(text) for text in texts]


def test_texts_of_one_length_are_hashed_like_texts_of_many() -> None:
    for length in (0, 1, 15, 16, 17, 36, 48):
        texts = [f"{i:0{length}d}"[:length] for i in range(20)] if length else [""] * 3
        assert hashed(texts) == [reference(text) for text in texts]


@given(st.lists(st.text(max_size=60), max_size=40))
@STABLE
def test_the_hash_of_any_text_is_that_of_another_implementation(texts: list[str]) -> None:
    assert hashed(texts) == [reference(text) for text in texts]


@given(st.lists(st.text(max_size=20), min_size=2, max_size=20), st.integers(0, 18))
@STABLE
def test_the_hash_of_a_text_does_not_depend_on_where_it_stands(texts: list[str], start: int) -> None:
    series = pl.Series(texts, dtype=pl.String)
    assert_series_equal(uuid_of(series.slice(start)), uuid_of(series).slice(start))
    assert uuid_of(series.reverse()).to_list() == uuid_of(series).to_list()[::-1]


def test_an_id_is_a_uuid_of_version_eight_in_the_usual_form() -> None:
    ids = uuid_of(pl.Series([f"name {i}" for i in range(1000)]))
    assert ids.dtype == pl.String
    assert all(UUID_8.fullmatch(text) for text in ids)
    assert {uuid.UUID(text).version for text in ids} == {8}
    assert ids.n_unique() == 1000


def test_an_id_is_the_hash_but_for_version_and_variant() -> None:
    high, low = reference("a name")
    number = uuid.UUID(uuid_of(pl.Series(["a name"]))[0]).int
    mask = ~((0xF << 76) | (0x3 << 62))
    assert number & mask == ((high << 64) | low) & mask


def test_ids_are_the_same_on_every_machine_version_and_day() -> None:
    """Pinned: whoever changes one of these changes every id that was ever stored."""
    names = pl.Series(
        ["", "call", SEPARATOR.join(["call", "default", "1_167890", "1705310620000000"]), "ÄÖ €𝄞"]
    )
    assert uuid_of(names).to_list() == [
        "00000000-0000-8000-8000-000000000000",
        "7e569c83-8c61-8151-947d-b23a324c0c36",
        "fd93a801-7ee0-85da-bf01-ebb33a6326ed",
        "29c32791-7985-8e2d-9eb3-1e25425439ff",
    ]


def test_no_names_have_no_ids() -> None:
    assert uuid_of(pl.Series([], dtype=pl.String)).to_list() == []


def test_a_name_joins_its_parts_and_reads_null_as_empty() -> None:
    frame = pl.DataFrame({"a": ["x", None], "b": [1, 2]})
    assert frame.select(name_of(pl.lit("leg"), pl.col("a"), pl.col("b"))).to_series().to_list() == [
        f"leg{SEPARATOR}x{SEPARATOR}1",
        f"leg{SEPARATOR}{SEPARATOR}2",
    ]
