"""An explained call as a picture (SVG): the time line as bars, and below it the legs with their decisions."""

from dataclasses import dataclass, field
from datetime import datetime
from html import escape

from cx_pipeline.cli.rendering.bar_chart import LOOKS, MARK_LETTERS, label_of
from cx_pipeline.cli.rendering.console import time_of_day
from cx_pipeline.cli.rendering.explanation_report import (
    details,
    heading,
    mark_line,
    outcome_of,
    reason_of,
    summary_lines,
)
from cx_pipeline.core.calls.explanation import Explanation
from cx_pipeline.core.calls.time_line import Party, TimeLine

WIDTH = 1120
_LEFT, _RIGHT = 200, 24
_ROW, _BAR, _LINE = 30, 16, 18
_TICKS = 5
_STYLE = (
    "text{font:13px ui-monospace,Menlo,Consolas,monospace;fill:#222}"
    ".b{font-weight:bold}.d{fill:#777}.a{font-size:11px;fill:#555}"
)


@dataclass(slots=True)
class _Sheet:
    """Elements from top to bottom."""

    y: float = 24
    parts: list[str] = field(default_factory=list)

    def text(self, x: float, text: str, style: str = "", anchor: str = "start") -> None:
        attributes = f' class="{style}"' if style else ""
        self.parts.append(
            f'<text x="{x:.1f}" y="{self.y:.1f}" text-anchor="{anchor}"{attributes} xml:space="preserve">'
            f"{escape(text)}</text>"
        )

    def line(self, text: str, style: str = "", x: float = 16) -> None:
        self.text(x, text, style)
        self.y += _LINE

    def bar(self, x: float, width: float, colour: str, title: str) -> None:
        self.parts.append(
            f'<rect x="{x:.1f}" y="{self.y - _BAR + 3:.1f}" width="{width:.1f}" height="{_BAR}" fill="{colour}">'
            f"<title>{escape(title)}</title></rect>"
        )

    def rule(self, x: float, top: float, bottom: float, colour: str) -> None:
        self.parts.append(
            f'<line x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" y2="{bottom:.1f}" stroke="{colour}"/>'
        )


def explanation_svg(explanation: Explanation) -> str:
    """The whole explanation as one SVG document, without anything from outside of it."""
    sheet = _Sheet()
    for number, line in enumerate(summary_lines(explanation)):
        sheet.line(line, "b" if number == 0 else "")
    sheet.y += _LINE
    _draw_time_line(sheet, explanation.time_line)
    for mark in explanation.time_line.marks:
        sheet.line(f"{MARK_LETTERS[mark.kind]}  {mark_line(mark)}")
    for leg in explanation.legs:
        sheet.y += _LINE / 2
        sheet.line(heading(leg), "b")
        for line in details(leg):
            sheet.line(line, "d", x=32)
        for decision in leg.decisions:
            sheet.text(32, decision.subject)
            sheet.text(150, outcome_of(decision), "b")
            sheet.line(decision.sentence, x=320)
            sheet.line(reason_of(decision), "d", x=320)
    height = sheet.y + _LINE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
        f'height="{height:.0f}" role="img" aria-label="{escape(explanation.call["call_id"])}">'
        f'<style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff"/>{"".join(sheet.parts)}</svg>\n'
    )


def _x(share: float) -> float:
    return _LEFT + share * (WIDTH - _LEFT - _RIGHT)


def _share(line: TimeLine, moment: datetime) -> float:
    length = (line.end - line.start).total_seconds()
    return (moment - line.start).total_seconds() / length if length else 0.0


def _draw_time_line(sheet: _Sheet, line: TimeLine) -> None:
    top = sheet.y
    for tick in range(_TICKS):
        share = tick / (_TICKS - 1)
        moment = line.start + (line.end - line.start) * share
        anchor = "start" if tick == 0 else "end" if tick == _TICKS - 1 else "middle"
        sheet.text(_x(share), time_of_day(moment), "a", anchor)
    bottom = top + _ROW * (len(line.parties) + 1)
    for tick in range(_TICKS):
        sheet.rule(_x(tick / (_TICKS - 1)), top + 6, bottom, "#e5e5e5")
    for party in line.parties:
        sheet.y += _ROW
        _draw_party(sheet, line, party)
    for mark in line.marks:
        x = _x(_share(line, mark.time))
        sheet.rule(x, top + 10, bottom - _ROW / 2, "#c0392b")
        sheet.y = bottom
        sheet.text(x, MARK_LETTERS[mark.kind], "b", "middle")
    sheet.y = bottom + _LINE * 1.5
    x = 16.0
    for state in sorted(
        {span.state for party in line.parties for span in party.spans}, key=list(LOOKS).index
    ):
        look = LOOKS[state]
        sheet.bar(x, 18, look.colour, look.words)
        sheet.text(x + 24, look.words)
        x += 120
    sheet.y += _LINE * 1.5


def _draw_party(sheet: _Sheet, line: TimeLine, party: Party) -> None:
    sheet.text(16, label_of(party), "b" if party.is_agent else "")
    for span in party.spans:
        look = LOOKS[span.state]
        begin, end = (_x(_share(line, moment)) for moment in (span.start, span.end))
        title = f"{party.extension} {look.words}, {time_of_day(span.start)} to {time_of_day(span.end)}"
        sheet.bar(begin, max(end - begin, 1.5), look.colour, title)
    for moment in party.ends:
        x = _x(_share(line, moment))
        sheet.rule(x, sheet.y - _BAR, sheet.y + 6, "#222")
