"""A time line as rows of characters: one row for each party, columns in time; readable without colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.text import Text

from cx_pipeline.cli.rendering.console import time_of_day
from cx_pipeline.core.calls.time_line import Party, Span, State, TimeLine


@dataclass(frozen=True, slots=True)
class Look:
    """How a state is drawn."""

    symbol: str
    ascii_symbol: str
    style: str
    colour: str
    """For pictures."""
    words: str


LOOKS = {
    State.DIALING: Look("-", "-", "cyan", "#7fb3d5", "dialling"),
    State.RINGING: Look("·", ".", "yellow", "#f4d03f", "ringing"),
    State.TALKING: Look("█", "#", "green", "#27ae60", "talking"),
    State.HELD: Look("▒", "=", "magenta", "#af7ac5", "held"),
}
END_SYMBOL = "|"
MARK_LETTERS = {"CONSULT": "C", "TRANSFER": "T", "CONFERENCE": "F", "MERGED": "M"}
MARK_WORDS = {"CONSULT": "consult", "TRANSFER": "transfer", "CONFERENCE": "conference", "MERGED": "merged"}
_TICK_WIDTH = len("09:00:00")
_LONGEST_LABEL = 24


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines of text: an axis, the marks, the parties, a legend."""

    lines: tuple[Text, ...]


def draw(line: TimeLine, width: int, *, is_ascii: bool) -> Chart:
    """Draw the time line in `width` columns. `is_ascii`: the terminal knows no other characters."""
    labels = [label_of(party) for party in line.parties]
    margin = max(map(len, [*labels, "marks"])) + 1
    scale = Scale(line.start, line.end, max(width - margin - 1, 20))
    lines = [_padded("", margin).append(scale.axis())]
    if line.marks:
        lines.append(_padded("marks", margin).append(_marks(line, scale)))
    for party, label in zip(line.parties, labels, strict=True):
        lines.append(_padded(label, margin).append_text(_bar(party, scale, is_ascii=is_ascii)))
    return Chart((*lines, _legend(line, is_ascii=is_ascii)))


def label_of(party: Party) -> str:
    """The extension, with the agent's name where it is known."""
    label = f"{party.extension} {party.name}" if party.name else party.extension
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…"


@dataclass(frozen=True, slots=True)
class Scale:
    """From moments to columns."""

    start: datetime
    end: datetime
    columns: int

    def column(self, moment: datetime) -> int:
        """The column in which the moment lies; the end has the one after the last."""
        length = self.end - self.start
        if length <= timedelta(0):
            return 0
        return min(max(int((moment - self.start) / length * self.columns), 0), self.columns)

    def axis(self) -> str:
        """The times of day along the columns, as many as there is room for."""
        count = max(min(self.columns // (_TICK_WIDTH * 2), 5), 2)
        row = [" "] * (self.columns + 1)
        for tick in range(count):
            share = tick / (count - 1)
            text = time_of_day(self.start + (self.end - self.start) * share, with_ms=False)
            at = min(
                max(round(share * self.columns) - (len(text) // 2 if tick > 0 else 0), 0),
                len(row) - len(text),
            )
            row[at : at + len(text)] = text
        return "".join(row)


def _padded(label: str, width: int) -> Text:
    return Text(label.ljust(width), no_wrap=True)


def _marks(line: TimeLine, scale: Scale) -> str:
    row = [" "] * (scale.columns + 1)
    for mark in line.marks:
        at = scale.column(mark.time)
        free = next((column for column in range(at, len(row)) if row[column] == " "), None)
        if free is not None:
            row[free] = MARK_LETTERS[mark.kind]
    return "".join(row)


def _bar(party: Party, scale: Scale, *, is_ascii: bool) -> Text:
    cells: list[tuple[str, str]] = [(" ", "")] * (scale.columns + 1)
    last = 0
    for begin, end, span in _placed(party.spans, scale):
        look = LOOKS[span.state]
        cells[begin:end] = [(look.ascii_symbol if is_ascii else look.symbol, look.style)] * (end - begin)
        last = max(last, end)
    for moment in party.ends:
        at = max(scale.column(moment), last if moment == party.ends[-1] else 0)
        cells[min(at, scale.columns)] = (END_SYMBOL, "bold")
    return Text.assemble(*cells, no_wrap=True)


def _placed(spans: Sequence[Span], scale: Scale) -> list[tuple[int, int, Span]]:
    """The columns of each span: at least one, and none that a span before it needs to be seen."""
    placed: list[tuple[int, int, Span]] = []
    for span in spans:
        begin = scale.column(span.start)
        before = [end for _, end, other in placed if other.end == span.start]
        begin = min(max([begin, *before]), scale.columns)
        placed.append((begin, max(scale.column(span.end), begin + 1), span))
    return placed


def _legend(line: TimeLine, *, is_ascii: bool) -> Text:
    states = {span.state for party in line.parties for span in party.spans}
    legend = Text(style="dim")
    for state, look in LOOKS.items():
        if state in states:
            legend.append(look.ascii_symbol if is_ascii else look.symbol, look.style).append(
                f" {look.words}   "
            )
    legend.append(f"{END_SYMBOL} ended")
    for kind in sorted({mark.kind for mark in line.marks}, key=list(MARK_LETTERS).index):
        legend.append(f"   {MARK_LETTERS[kind]} {MARK_WORDS[kind]}")
    return legend
