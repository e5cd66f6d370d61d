import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cx_pipeline.core.events.call_keys import call_key, call_key_parts
from cx_pipeline.core.events.encoding import NONE, call_key_texts, rank_call_keys

STABLE = settings(derandomize=True, database=None, deadline=None)


def keys_of(*texts: str | None) -> list[str | None]:
    return (
        pl.DataFrame({"id": pl.Series(texts, dtype=pl.String)})
        .select(call_key(pl.col("id")))
        .to_series()
        .to_list()
    )


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("1_167890", "1_167890"),
        ("167890/1", "1_167890"),
        ("16945106", "1_167890"),
        ("167890", "167890"),
        ("0_167890", "167890"),
        (" 1_167890 ", "1_167890"),
        ("01_0167890", "1_167890"),
        ("16777215", "16777215"),
        ("16777216", "1_0"),
        ("4294967295", "255_16777215"),
        ("", None),
        ("   ", None),
        (None, None),
        ("4294967296", "4294967296"),
        ("-1", "-1"),
        ("1_2_3", "1_2_3"),
        ("1/2/3", "1/2/3"),
        ("_167890", "_167890"),
        ("00FA-77-beef", "00FA-77-beef"),
        ("1.5", "1.5"),
    ],
)
def test_a_call_id_has_one_key_however_it_is_written(text: str | None, key: str | None) -> None:
    assert keys_of(text) == [key]


@given(st.integers(1, 255), st.integers(0, 2**24 - 1))
@STABLE
def test_the_three_ways_of_writing_a_call_id_give_one_key(node: int, gcid: int) -> None:
    assert set(keys_of(f"{node}_{gcid}", f"{gcid}/{node}", str(node << 24 | gcid))) == {f"{node}_{gcid}"}


@given(st.lists(st.one_of(st.text(max_size=12), st.integers(0, 2**33).map(str)), max_size=20))
@STABLE
def test_a_key_is_its_own_key(texts: list[str]) -> None:
    once = keys_of(*texts)
    # A gcid alone and a key of node 0 are written alike; everything else is left as it is the second time.
    assert keys_of(*once) == once


@given(
    st.lists(
        st.one_of(st.sampled_from(["1_5", "5/1", "16777221", "5", "x", " "]), st.text(max_size=5)),
        max_size=20,
    )
)
@STABLE
def test_numbers_of_call_ids_are_equal_where_their_keys_are(texts: list[str]) -> None:
    different = list(dict.fromkeys(texts))
    numbers, keys = rank_call_keys(pl.Series(different, dtype=pl.String))
    names = call_key_texts(keys).to_list()
    assert [names[number] for number in numbers[:-1]] == keys_of(*different)
    assert numbers[-1] == NONE
    assert len(set(names)) == len(names)


def test_the_parts_of_a_call_id_are_node_and_number() -> None:
    frame = (
        pl.DataFrame({"id": ["3_7", "7", "beef"]}).select(parts=call_key_parts(pl.col("id"))).unnest("parts")
    )
    assert frame.rows() == [(3, 7), (0, 7), (None, None)]
