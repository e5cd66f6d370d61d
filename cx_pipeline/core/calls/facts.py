"""Events as integers: what the correlation works on (specification of correlation, section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from cx_pipeline.core.calls.event_columns import NO_TIME, EventReader, checked
from cx_pipeline.core.calls.fact_tenants import adopted, with_default, with_known_tenants
from cx_pipeline.core.calls.schema import QUARANTINE_SCHEMA
from cx_pipeline.core.directory import Directory
from cx_pipeline.core.errors import SchemaError
from cx_pipeline.core.events import intake, vocabulary
from cx_pipeline.core.events.encoding import NONE, TextCodes, call_key_texts, numbers, rank_call_keys

FACT_COLUMNS = {
    "row": np.uint32,  # position of the event in the input
    "key": np.uint32,  # tenant and call key together
    "previous": np.uint32,  # the call key that this one continues, of the same tenant
    "link": np.uint32,
    "time": np.int64,  # microseconds since the epoch, as the source or the listener stamped it
    "received": np.int64,
    "kind": np.uint8,
    "name": np.uint16,
    "source": np.uint8,
    "listener": np.uint32,
    "connection": np.uint32,
    "jtapi": np.uint32,
    "extension": np.uint32,
    "terminal": np.uint32,
    "calling": np.uint32,
    "called": np.uint32,
    "calling_terminal": np.uint32,
    "called_terminal": np.uint32,
    "direction": np.uint8,
    "cause": np.uint8,
    "reason": np.uint8,
}

DIRECTIONS = {"INBOUND": 1, "OUTBOUND": 2, "INTERNAL": 3}


@dataclass(frozen=True, slots=True)
class Dictionary:
    """What the numbers of the facts stand for."""

    tenants: TextCodes
    key_tenants: npt.NDArray[np.uint32]
    key_texts: pl.Series
    extensions: TextCodes
    terminals: TextCodes
    connections: TextCodes
    jtapis: TextCodes
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Usable events as integers (`FACT_COLUMNS`; a column that no event has is left out), and their dictionary."""

    frame: pl.DataFrame
    dictionary: Dictionary
    input_count: int
    quarantine: pl.DataFrame


def read_facts(events: pl.LazyFrame, directory: Directory) -> Facts:
    """Read events as integers; those without call id, time or name go to quarantine.

    Raises:
        SchemaError: a column has another type than `EVENT_SCHEMA` says.
    """
    events = with_known_tenants(checked(events), directory)
    columns, dictionary = _as_numbers(EventReader(events))
    bad = _unusable(columns)
    quarantine = _quarantined(events, columns, bad)
    size = len(bad)
    if bad.any():
        columns = {name: values[~bad] for name, values in columns.items()}
    return Facts(pl.DataFrame(columns), dictionary, size, quarantine)


def _as_numbers(reader: EventReader) -> tuple[dict[str, npt.NDArray[Any]], Dictionary]:
    """Read every column as numbers, and what they stand for."""
    time, received = reader.times()
    size = len(time)
    facts: dict[str, npt.NDArray[Any]] = {
        "row": np.arange(size, dtype=np.uint32),
        "time": time,
        "received": received,
    }
    codes: dict[str, TextCodes] = {}
    for family in ("link", "connection", "jtapi", "extension", "terminal", "listener", "tenant"):
        column, read = reader.texts(family)
        table, codes[family] = column.in_order()
        facts |= {short: numbers(sights, table) for short, sights in read.items()}
    meanings = {
        "cause": vocabulary.cause_of,
        "reason": vocabulary.feature_reason_of,
        "direction": _direction_of,
    }
    for family, meaning in meanings.items():
        column, read = reader.texts(family)
        table = column.mapped(meaning, np.uint8)
        facts[family] = numbers(read[family], table) if family in read else np.zeros(size, dtype=np.uint8)
    sources = _name_kinds(reader, facts)
    _drop_what_tells_nothing(facts, sources)
    tenants, key_tenants, key_texts = _number_keys(reader, facts, codes.pop("tenant"))
    dictionary = Dictionary(tenants, key_tenants, key_texts, sources=sources, **_plural(codes))
    return facts, dictionary


def _plural(codes: dict[str, TextCodes]) -> dict[str, TextCodes]:
    return {f"{family}s": codes[family] for family in ("extension", "terminal", "connection", "jtapi")}


def _drop_what_tells_nothing(facts: dict[str, npt.NDArray[Any]], sources: tuple[str, ...]) -> None:
    """Leave out what only the persisted table needs where there is none of it, and a listener that is the only one."""
    if vocabulary.JTAPI_TABLE not in sources:
        for name in ("direction", "calling_terminal", "called_terminal"):
            facts.pop(name, None)
    if "listener" in facts and len(facts["listener"]) and facts["listener"].min() == facts["listener"].max():
        del facts["listener"]


def _direction_of(text: str) -> int:
    return DIRECTIONS.get(text.strip().upper(), 0)


def _name_kinds(reader: EventReader, facts: dict[str, npt.NDArray[Any]]) -> tuple[str, ...]:
    """Fill `name`, `kind` and `source`; the sources by number."""
    column, sights = reader.names()
    given, read = reader.texts("source")
    names = [text.strip() for text in column.texts]
    size = len(facts["time"])
    each = np.arange(len(names) + 1, dtype=np.uint16)
    name_sight = np.zeros(size, dtype=np.uint16) if sights is None else numbers(sights, each)
    sources = (*sorted({*(text.strip() for text in given.texts), *map(vocabulary.source_of, names)} - {""}),)
    number_of = {source: number for number, source in enumerate(sources)}
    own = np.array([*(number_of[vocabulary.source_of(name)] for name in names), 0], dtype=np.uint8)
    facts["source"] = own[name_sight]
    if "source" in read:
        table = np.array([*(number_of.get(source.strip(), -1) for source in given.texts), -1], dtype=np.int16)
        reported = numbers(read["source"], table)
        unknown = reported < 0
        facts["source"] = (
            reported.astype(np.uint8) if not unknown.any() else np.where(unknown, facts["source"], reported)
        )
        facts["source"] = facts["source"].astype(np.uint8, copy=False)
    kinds = np.array(
        [[*(vocabulary.kind_of(source, name) for name in names), NONE] for source in sources or ("",)],
        dtype=np.uint8,
    )
    kinds[:, [i for i, name in enumerate(names) if not name]] = NONE
    facts["kind"] = kinds.ravel()[facts["source"].astype(np.uint32) * (len(names) + 1) + name_sight]
    facts["name"] = column.in_order()[0][name_sight].astype(np.uint16)
    return sources


def _number_keys(
    reader: EventReader, facts: dict[str, npt.NDArray[Any]], tenants: TextCodes
) -> tuple[TextCodes, npt.NDArray[np.uint32], pl.Series]:
    """Fill `key` and `previous`: one number for tenant and call key; the tenant and the text of each."""
    column, read = reader.texts("call")
    table, keys = rank_call_keys(column.texts)
    nothing = np.zeros(len(facts["time"]), dtype=np.uint32)
    call = numbers(read["call"], table) if "call" in read else nothing
    tenant, tenants = with_default(facts.pop("tenant", nothing), tenants)
    tenant = adopted(tenant, call, facts["time"], tenants)
    count, many = len(keys), len(tenants.texts)
    if many * count > np.iinfo(np.uint32).max:
        raise SchemaError(
            f"{many} tenants with {count} call keys are more than one run can hold: split the input"
        )
    base = tenant * np.uint32(count) if many > 1 else np.uint32(0)
    facts["key"] = np.where(call == NONE, NONE, base + call).astype(np.uint32) if many > 1 else call
    if "previous" in read:
        previous = numbers(read["previous"], table)
        naming = np.flatnonzero((previous != NONE) & (previous != call))  # a few of a hundred
        facts["previous"] = np.zeros(len(previous), dtype=np.uint32)
        facts["previous"][naming] = previous[naming] + (
            base[naming] if isinstance(base, np.ndarray) else base
        )
    if "link" in facts:  # equal links in two tenants join nothing
        links = np.uint32(facts["link"].max(initial=0) + 1)
        facts["link"] = np.where(facts["link"] == NONE, NONE, tenant * links + facts["link"]).astype(
            np.uint32
        )
    names = call_key_texts(keys)
    key_tenants = np.repeat(np.arange(many, dtype=np.uint32), count)
    return tenants, key_tenants, pl.concat([names] * many) if many > 1 else names


def _unusable(facts: dict[str, npt.NDArray[Any]]) -> npt.NDArray[np.bool_]:
    unusable: npt.NDArray[np.bool_] = (
        (facts["key"] == NONE) | (facts["time"] == NO_TIME) | (facts["kind"] == NONE)
    )
    return unusable


def _quarantined(
    events: pl.LazyFrame, facts: dict[str, npt.NDArray[Any]], bad: npt.NDArray[np.bool_]
) -> pl.DataFrame:
    if not bad.any():
        return QUARANTINE_SCHEMA.to_frame()
    reasons = np.where(
        facts["key"] == NONE,
        intake.NO_CALL_ID,
        np.where(facts["time"] == NO_TIME, intake.NO_EVENT_TIME, intake.NO_EVENT_NAME),
    )
    return quarantined(events, facts["row"][bad], pl.Series(reasons[bad].tolist(), dtype=pl.String))


def quarantined(events: pl.LazyFrame, rows: npt.NDArray[np.uint32], reasons: pl.Series) -> pl.DataFrame:
    """The events at `rows` as they came, each with its reason (`QUARANTINE_SCHEMA`)."""
    wanted = pl.DataFrame(
        {"__row": rows, "reason": reasons}, schema={"__row": pl.UInt32, "reason": pl.String}
    )
    found = events.with_row_index("__row").join(wanted.lazy(), on="__row").sort("__row").drop("__row")
    present = found.collect_schema().names()
    times = [pl.col(name) for name in ("event_time", "global_call_id") if name in present]
    row = pl.struct(pl.exclude("reason")).struct.json_encode()
    frame = found.select("reason", *times, row=row).collect()
    missing = [
        pl.lit(None, dtype).alias(name)
        for name, dtype in QUARANTINE_SCHEMA.items()
        if name not in frame.columns
    ]
    return frame.with_columns(missing).select(pl.col(n).cast(t) for n, t in QUARANTINE_SCHEMA.items())
