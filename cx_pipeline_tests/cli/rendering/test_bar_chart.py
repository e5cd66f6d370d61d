"""Bars in characters: every state is to be seen, in the order in which it came, and in the width that there is."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cx_pipeline.cli.rendering.bar_chart import END_SYMBOL, LOOKS, draw
from cx_pipeline.core.calls.time_line import Mark, Party, Span, State, TimeLine

START = datetime(2024, 1, 15, 9, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def line(*parties: Party, length: float = 600, marks: tuple[Mark, ...] = ()) -> TimeLine:
    return TimeLine(START, at(length), is_running=False, parties=parties, marks=marks)


def agent(*spans: tuple[State, float, float], name: str | None = None) -> Party:
    drawn = tuple(Span(state, at(start), at(end)) for state, start, end in spans)
    return Party("1005", name, is_agent=True, spans=drawn, ends=(max(span.end for span in drawn),))


def bar(time_line: TimeLine, width: int = 100) -> str:
    texts = [text.plain for text in draw(time_line, width, is_ascii=False).lines]
    return next(text for text in texts if text.startswith("1005"))


def test_a_ring_of_a_second_in_a_call_of_an_hour_is_to_be_seen() -> None:
    row = bar(line(agent((State.RINGING, 0, 1), (State.TALKING, 1, 3600)), length=3600))
    assert row.count(LOOKS[State.RINGING].symbol) == 1
    assert row.index(LOOKS[State.RINGING].symbol) < row.index(LOOKS[State.TALKING].symbol)


def test_a_bar_is_as_long_as_its_share_of_the_call() -> None:
    row = bar(line(agent((State.TALKING, 0, 300))))
    assert row.count(LOOKS[State.TALKING].symbol) == pytest.approx(47, abs=1)
    assert row.rstrip().endswith(END_SYMBOL)


def test_a_hold_covers_the_talk_and_the_talk_goes_on_after_it() -> None:
    talk, held = LOOKS[State.TALKING].symbol, LOOKS[State.HELD].symbol
    row = bar(line(agent((State.TALKING, 0, 600), (State.HELD, 200, 400))))
    assert row.index(talk) < row.index(held) < row.rindex(held) < row.rindex(talk) < row.index(END_SYMBOL)


def test_a_call_of_no_length_is_drawn() -> None:
    assert LOOKS[State.TALKING].symbol in bar(line(agent((State.TALKING, 0, 0)), length=0))


def test_marks_at_one_instant_stand_beside_each_other() -> None:
    marks = tuple(Mark(at(300), kind, "1005", "1_1") for kind in ("TRANSFER", "MERGED"))
    texts = [
        text.plain
        for text in draw(line(agent((State.TALKING, 0, 600)), marks=marks), 100, is_ascii=False).lines
    ]
    assert "TM" in next(text for text in texts if text.startswith("marks"))


def test_a_long_name_is_cut_and_leaves_room_for_the_bars() -> None:
    row = bar(line(agent((State.TALKING, 0, 600), name="Annabella Montgomery-Featherstonehaugh")))
    assert "…" in row
    assert row.count(LOOKS[State.TALKING].symbol) > 60


@given(
    width=st.integers(60, 200),
    spans=st.lists(
        st.tuples(st.sampled_from(State), st.floats(0, 600), st.floats(0, 600)), min_size=1, max_size=8
    ),
)
def test_no_line_is_wider_than_the_terminal_and_characters_can_be_ascii(
    width: int, spans: list[tuple[State, float, float]]
) -> None:
    time_line = line(agent(*((state, min(a, b), max(a, b)) for state, a, b in spans)))
    for text in draw(time_line, width, is_ascii=True).lines:
        assert text.plain.isascii()
        assert len(text.plain) <= width or text.plain.endswith("ended")
