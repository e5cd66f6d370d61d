"""Calls as pasted tables: what was reported, and the legs and calls that must come of it.

    outcome = correlated('''
        time     | event   | key   | ext  | reason
        10:00:00 | STARTED | 1_100 |      |
        10:00:02 | RINGING | 1_100 | 1005 |
        10:00:05 | TALKING | 1_100 | 1005 |
        10:02:00 | DROPPED | 1_100 | 1005 | REASON_TRANSFER
    ''')
    outcome.has_legs('''
        ext  | start    | end      | type   | holds
        1005 | 10:00:05 | 10:02:00 | SIMPLE |
    ''')

An `event` is a name as a source writes it (`CallActiveEv`), or a kind, which stands for Cisco's name of it. A time is
of 16 January 2024, UTC; `+1d 10:00:00` is of the day after. In a table of events an empty cell is null. In an expected
table an empty cell is not compared, `-` is null (an empty list), and whoever is not listed must not be there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from typing import Any

import polars as pl
from polars.testing import assert_frame_equal

from cx_pipeline.core.calls.correlate import Correlation, correlate
from cx_pipeline.core.calls.rules import DEFAULT_RULES, CorrelationRules
from cx_pipeline.core.calls.schema import CALL_SCHEMA, LEG_SCHEMA
from cx_pipeline.core.directory import EMPTY_DIRECTORY, Directory
from cx_pipeline.core.events.schema import EVENT_SCHEMA

DAY = datetime(2024, 1, 16, tzinfo=UTC)

KIND_EVENTS = {
    "STARTED": "CallActiveEv",
    "OFFERED": "CallCtlConnOfferedEv",
    "QUEUED": "CallCtlConnQueuedEv",
    "INITIATED": "CallCtlConnInitiatedEv",
    "DIALING": "CallCtlConnDialingEv",
    "ALERTING": "CallCtlConnAlertingEv",
    "ESTABLISHED": "CallCtlConnEstablishedEv",
    "RINGING": "CallCtlTermConnRingingEv",
    "TALKING": "CallCtlTermConnTalkingEv",
    "HELD": "CallCtlTermConnHeldEv",
    "CONSULT": "CiscoConsultCallActiveEv",
    "TRANSFER": "CiscoTransferStartEv",
    "CONFERENCE": "CiscoConferenceStartEv",
    "MERGED": "CiscoTransferEndEv",
    "DROPPED": "CallCtlTermConnDroppedEv",
    "DISCONNECTED": "CallCtlConnDisconnectedEv",
    "FAILED": "CallCtlConnFailedEv",
    "ENDED": "CallInvalidEv",
    "OTHER": "CallCtlConnNetworkReachedEv",
}
"""Cisco's name of each kind, for tables that would rather be short."""

EVENT_COLUMNS = {
    "time": "event_time",
    "received": "received_at",
    "event": "event_name",
    "code": "event_code",
    "key": "global_call_id",
    "previous": "previous_global_call_id",
    "link": "link_id",
    "ext": "extension",
    "calling": "calling_extension",
    "called": "called_extension",
    "listener": "listener_id",
    "tenant": "tenant_id",
    "connection": "connection_id",
    "jtapi": "jtapi_id",
    "reason": "feature_reason",
}
LEG_COLUMNS = {
    "tenant": "tenant_id",
    "root": "root_call_key",
    "number": "leg_number",
    "ext": "agent_extension",
    "terminal": "agent_terminal",
    "type": "call_type",
    "starts_as": "start_reason",
    "ends_as": "end_reason",
    "rona": "rona_reason",
    "ring": "ring_time",
    "start": "start_time",
    "end": "end_time",
    "holds": "hold_segments",
    "consulted_by": "consult_source",
    "consults": "consult_target",
    "result": "consult_result",
    "from": "transferred_from",
    "to": "transferred_to",
    "conference": "conference_id",
    "parties": "participants",
    "other": "other_party",
}
CALL_COLUMNS = {
    "tenant": "tenant_id",
    "root": "root_call_key",
    "keys": "call_keys",
    "type": "call_type",
    "start": "start_time",
    "end": "end_time",
    "last": "last_fact_time",
    "parties": "participants",
    "legs": "leg_count",
    "events": "event_count",
}
"""The short heads of the columns; any other head must be the column's own name."""

FLAGS = {
    "UNANSWERED": ("is_answered", False),
    "UNREPORTABLE": ("is_reportable", False),
    "ARTEFACT": ("is_artefact", True),
    "START_ESTIMATED": ("is_start_estimated", True),
    "END_ESTIMATED": ("is_end_estimated", True),
    "SKEWED": ("has_clock_skew", True),
}
"""Words of the column `flags`: all that are true of the leg must be listed."""

_CALL, _FLAGS, _NULL = "call", "flags", "-"


class ScenarioError(ValueError):
    """A table cannot be read; the message names the line."""


@dataclass(frozen=True)
class Outcome:
    """What the correlation made of a scenario."""

    correlation: Correlation

    def has_legs(self, table: str) -> Outcome:
        """The legs, in the order of start and extension, are those of the table."""
        legs = self.correlation.legs.sort("start_time", "agent_extension", "leg_number").to_dicts()
        _compare("legs", legs, _expected(table, LEG_COLUMNS, LEG_SCHEMA, (_CALL, _FLAGS)))
        return self

    def has_no_legs(self) -> Outcome:
        """There is no leg."""
        assert self.correlation.legs.is_empty(), self.correlation.legs
        return self

    def has_calls(self, table: str) -> Outcome:
        """The calls, in the order of start, tenant and key, are those of the table."""
        calls = self.correlation.calls.sort("start_time", "tenant_id", "root_call_key").to_dicts()
        _compare("calls", calls, _expected(table, CALL_COLUMNS, CALL_SCHEMA, ()))
        return self

    def has_quarantined(self, **reasons: int) -> Outcome:
        """So many events are in quarantine for each reason, and none for another."""
        found = self.correlation.quarantine.group_by("reason").len()
        assert dict(found.iter_rows()) == reasons
        assert self.correlation.counts.quarantined == sum(reasons.values())
        return self

    def has_duplicates(self, count: int) -> Outcome:
        """So many events were reports of what another event had reported."""
        assert self.correlation.counts.duplicates == count
        return self

    @property
    def only_leg(self) -> dict[str, Any]:
        """The one leg that there is."""
        assert len(self.correlation.legs) == 1, self.correlation.legs
        return self.correlation.legs.row(0, named=True)


def correlated(
    table: str,
    *,
    rules: CorrelationRules = DEFAULT_RULES,
    directory: Directory = EMPTY_DIRECTORY,
    as_of: str | None = None,
) -> Outcome:
    """Correlate the events of a table, seen from `as_of` (without it: five minutes after the last event).

    What comes out is the same when the events arrive backwards and each of them twice: that is tried every time.
    """
    events = events_of(table)
    times = events["event_time"].drop_nulls()
    moment = time_of(as_of) if as_of else (max(times) if len(times) else DAY) + timedelta(minutes=5)
    result = correlate(events, rules, directory, moment)
    backwards = events.reverse()
    again = correlate(pl.concat([backwards, backwards]), rules, directory, moment)
    assert_frame_equal(result.calls, again.calls)
    assert_frame_equal(result.legs, again.legs)
    balance(result)
    balance(again)
    return Outcome(result)


def balance(correlation: Correlation) -> None:
    """Every event is in one call, a duplicate, or in quarantine: counted from what came out."""
    counts = correlation.counts
    assert counts.input == counts.used + counts.duplicates + counts.quarantined
    assert correlation.calls["event_count"].sum() == counts.used
    assert correlation.quarantine.height == counts.quarantined


def events_of(table: str) -> pl.DataFrame:
    """The events of a table, with every column of `EVENT_SCHEMA`.

    Raises:
        ScenarioError: a head is no column, a line has too few or too many cells, or a cell cannot be read.
    """
    rows = []
    for line, cells in _lines(table):
        row: dict[str, Any] = {}
        for head, text in cells.items():
            name = _column(head, EVENT_COLUMNS, EVENT_SCHEMA, line)
            row[name] = _read(text, EVENT_SCHEMA[name], line) if text else None
        if event := row.get("event_name"):
            row["event_name"] = KIND_EVENTS.get(event, event)
        rows.append(row)
    return pl.DataFrame(rows, schema=EVENT_SCHEMA)


def time_of(text: str) -> datetime:
    """The moment that `10:00:05.250` or `+1d 10:00:05` means.

    Raises:
        ScenarioError: the text is none of these.
    """
    days, _, clock = text.rpartition("d ")
    try:
        offset = int(days) if days else 0
        time = clock_time.fromisoformat(clock)
    except ValueError:
        raise ScenarioError(f"{text!r} is no time: write 10:00:05.250 or +1d 10:00:05") from None
    return datetime.combine(DAY + timedelta(days=offset), time, tzinfo=UTC)


def _lines(table: str) -> list[tuple[str, dict[str, str]]]:
    lines = [line.strip() for line in table.splitlines() if line.strip()]
    if not lines:
        raise ScenarioError("the table is empty: its first line must name the columns")
    heads = [head.strip() for head in lines[0].split("|")]
    if len(set(heads)) < len(heads):
        raise ScenarioError(f"a column is named twice: {lines[0]!r}")
    rows = []
    for line in lines[1:]:
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) != len(heads):
            raise ScenarioError(
                f"{len(cells)} cells, but {len(heads)} columns ({', '.join(heads)}): {line!r}"
            )
        rows.append((line, dict(zip(heads, cells, strict=True))))
    return rows


def _column(head: str, short: Mapping[str, str], schema: pl.Schema, line: str) -> str:
    name = short.get(head, head)
    if name not in schema:
        known = ", ".join([*short, *schema])
        raise ScenarioError(f"no column is called {head!r} (line {line!r}); there are {known}")
    return name


def _read(text: str, dtype: pl.DataType, line: str) -> Any:
    readers: list[tuple[type[pl.DataType], Callable[[str], Any]]] = [
        (pl.Datetime, time_of),
        (pl.String, str),
        (pl.List, lambda cell: _list(cell, dtype)),
        (pl.Boolean, {"yes": True, "no": False}.__getitem__),
        (pl.Int64, int),
        (pl.Int32, int),
    ]
    for kind, reader in readers:
        if isinstance(dtype, kind):
            try:
                return reader(text)
            except (KeyError, ValueError) as error:
                raise ScenarioError(f"{text!r} cannot be read as {dtype} (line {line!r}): {error}") from error
    raise ScenarioError(f"a column of type {dtype} cannot be written in a table (line {line!r})")


def _list(text: str, dtype: pl.DataType) -> list[Any]:
    words = text.split()
    if dtype == pl.List(pl.String):
        return words
    spans = [word.split("-") for word in words]
    return [
        {"start_time": time_of(span[0]), "end_time": time_of(span[1]) if span[1] else None} for span in spans
    ]


def _expected(
    table: str, short: Mapping[str, str], schema: pl.Schema, special: tuple[str, ...]
) -> list[dict[str, Any]]:
    rows = []
    for line, cells in _lines(table):
        row: dict[str, Any] = {}
        for head, text in cells.items():
            if head == _FLAGS and head in special:
                row[head] = _flags(text, line)
            elif head == _CALL and head in special:
                row[head] = text
            elif text:
                name = _column(head, short, schema, line)
                nothing: Any = [] if isinstance(schema[name], pl.List) else None
                row[name] = nothing if text == _NULL else _read(text, schema[name], line)
        rows.append(row)
    return rows


def _flags(text: str, line: str) -> set[str]:
    words = set() if text == _NULL else set(text.split())
    if unknown := words - FLAGS.keys():
        raise ScenarioError(
            f"no flag is called {', '.join(unknown)} (line {line!r}); there are {', '.join(FLAGS)}"
        )
    return words


def _compare(what: str, found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    problems = [] if len(found) == len(expected) else [f"{len(found)} {what}, expected {len(expected)}"]
    for number, (row, wanted) in enumerate(zip(found, expected, strict=False), start=1):
        for name, value in wanted.items():
            got = _value(row, name)
            if name != _CALL and got != value:
                problems.append(f"{number}. {name}: {_shown(got)}, expected {_shown(value)}")
    if not problems:
        problems = _wrongly_shared_calls(found, expected)
    assert not problems, "\n".join([*problems, f"the {what} are", *map(_summary, found)])


def _value(row: dict[str, Any], name: str) -> Any:
    if name == _FLAGS:
        return {word for word, (column, value) in FLAGS.items() if row[column] is value}
    return row.get(name)


def _wrongly_shared_calls(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> list[str]:
    """Legs with the same label of a call are of one call, those with different labels are not."""
    pairs = {
        (wanted[_CALL], row["call_id"])
        for row, wanted in zip(found, expected, strict=True)
        if _CALL in wanted
    }
    labels, ids = {label for label, _ in pairs}, {call_id for _, call_id in pairs}
    if len(labels) == len(ids) == len(pairs):
        return []
    return [f"the legs are not of the calls that the table says: {sorted(pairs)}"]


def _shown(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%d. %H:%M:%S.%f")
    if isinstance(value, list):
        return [_shown(item) for item in value]
    if isinstance(value, dict):
        return {name: _shown(item) for name, item in value.items()}
    return value


def _summary(row: dict[str, Any]) -> str:
    """All of a row that says something, without the long columns."""
    silent = ("leg_id", "leg_key", "call_id", "evidence")
    return "  " + " ".join(
        f"{name}={_shown(value)}"
        for name, value in row.items()
        if name not in silent and value not in (None, False, [])
    )
