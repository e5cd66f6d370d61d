"""Events as integers: what the correlation works on (specification of correlation, section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from cx_pipeline.core.calls.schema import QUARANTINE_SCHEMA
from cx_pipeline.core.directory import Directory
from cx_pipeline.core.errors import SchemaError
from cx_pipeline.core.events import intake, vocabulary
from cx_pipeline.core.events.call_keys import call_key
from cx_pipeline.core.events.encoding import (
    NONE,
    TextCodes,
    TextColumn,
    call_key_texts,
    numbers,
    rank_call_keys,
)
from cx_pipeline.core.events.schema import EVENT_SCHEMA, UTC_MICROSECONDS, with_event_columns
from cx_pipeline.core.events.tenancy import DEFAULT_TENANT, with_tenants

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

_TEXTS = {
    "tenant": "tenant_id",
    "source": "source",
    "listener": "listener_id",
    "name": "event_name",
    "call": "global_call_id",
    "previous": "previous_global_call_id",
    "link": "link_id",
    "connection": "connection_id",
    "jtapi": "jtapi_id",
    "extension": "extension",
    "calling": "calling_extension",
    "called": "called_extension",
    "terminal": "terminal",
    "calling_terminal": "calling_terminal",
    "called_terminal": "called_terminal",
    "direction": "direction",
    "cause": "cause",
    "reason": "feature_reason",
}
"""Short name of each text column; columns of one family share their texts."""

_FAMILIES = {
    "previous": "call",
    "calling": "extension",
    "called": "extension",
    "calling_terminal": "terminal",
    "called_terminal": "terminal",
}


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
    events = _with_known_tenants(_checked(events), directory)
    columns, dictionary = _as_numbers(_Reader(events))
    bad = _unusable(columns)
    quarantine = _quarantined(events, columns, bad)
    size = len(bad)
    if bad.any():
        columns = {name: values[~bad] for name, values in columns.items()}
    return Facts(pl.DataFrame(columns), dictionary, size, quarantine)


class _Reader:
    """Reads the events a column at a time: all at once would hold every text of a day in memory."""

    def __init__(self, events: pl.LazyFrame) -> None:
        self._events = events
        self._present = set(events.collect_schema().names())

    def read(self, expression: pl.Expr) -> pl.Series:
        """One column."""
        return self._events.select(expression.alias("read")).collect().to_series()

    def times(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Time of the event and of its arrival, microseconds; `NO_TIME` where there is none."""
        time = self.read(_microseconds("event_time") if "event_time" in self._present else pl.lit(NO_TIME))
        return time.to_numpy(), self.read(_received(self._present)).to_numpy()

    def texts(self, family: str) -> tuple[TextColumn, dict[str, pl.Series]]:
        """The columns of one family that have any text, as numbers of first sight."""
        column, read = TextColumn(), {}
        for short in (family, *(short for short, of in _FAMILIES.items() if of == family)):
            if _TEXTS[short] in self._present:
                sights = self.read(column.encoded(pl.col(_TEXTS[short]).cast(pl.String)))
                if sights.null_count() < len(sights):
                    read[short] = sights
        column.has_read(read.values())
        return column, read

    def names(self) -> tuple[TextColumn, pl.Series | None]:
        """The names of the events; where one came without, the name of its number."""
        column, read = self.texts("name")
        sights = read.get("name")
        if "event_code" in self._present and (sights is None or sights.null_count()):
            column = TextColumn()
            name = intake.event_name() if "event_name" in self._present else _code_name()
            sights = self.read(column.encoded(name))
            column.has_read([sights])
        return column, sights


_TEXT_TYPES = (pl.String, pl.Categorical, pl.Enum)


def _checked(events: pl.LazyFrame) -> pl.LazyFrame:
    schema = events.collect_schema()
    for name, dtype in EVENT_SCHEMA.items():
        given = schema.get(name)
        if given is None or given == pl.Null:
            continue
        if isinstance(dtype, pl.Datetime):
            if not (isinstance(given, pl.Datetime) and given.time_zone):
                raise SchemaError(f"column {name} must be a time with a zone, it is {given}")
        elif isinstance(dtype, pl.String) and not (given.is_integer() or isinstance(given, _TEXT_TYPES)):
            raise SchemaError(f"column {name} must be text, it is {given}")
    return events.select([pl.col(name).cast(dtype) if schema[name] == pl.Null else name
                          for name, dtype in EVENT_SCHEMA.items() if name in schema])  # fmt: skip


def _with_known_tenants(events: pl.LazyFrame, directory: Directory) -> pl.LazyFrame:
    """Look tenants up in the directory, where there is one and some event came without."""
    frames = (
        directory.agents,
        directory.service_numbers,
        directory.ranges,
        directory.domains,
        directory.clusters,
    )
    if all(frame.is_empty() for frame in frames):
        return events
    if (
        "tenant_id" in events.collect_schema()
        and not events.select(pl.col("tenant_id").has_nulls()).collect().item()
    ):
        return events
    return with_tenants(with_event_columns(events).with_columns(
        call_key=call_key(pl.col("global_call_id"))).collect(), directory).lazy()  # fmt: skip


def _code_name() -> pl.Expr:
    code = pl.col("event_code")
    known = code.replace_strict(vocabulary.JTAPI_NAMES_BY_CODE, default=None, return_dtype=pl.String)
    return pl.coalesce(known, pl.concat_str(pl.lit("#"), code.cast(pl.String)))


NO_TIME = np.iinfo(np.int64).min


def _microseconds(column: str) -> pl.Expr:
    return pl.col(column).cast(UTC_MICROSECONDS).to_physical().fill_null(NO_TIME)


def _received(present: set[str]) -> pl.Expr:
    if "received_at" not in present:
        return _microseconds("event_time")
    return pl.coalesce(
        pl.col("received_at").cast(UTC_MICROSECONDS).to_physical(), _microseconds("event_time")
    )


def _as_numbers(reader: _Reader) -> tuple[dict[str, npt.NDArray[Any]], Dictionary]:
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
    tenants, key_tenants, key_texts = _number_keys(reader, facts, codes.pop("tenant"))
    dictionary = Dictionary(tenants, key_tenants, key_texts, sources=sources, **_plural(codes))
    return facts, dictionary


def _plural(codes: dict[str, TextCodes]) -> dict[str, TextCodes]:
    return {f"{family}s": codes[family] for family in ("extension", "terminal", "connection", "jtapi")}


def _direction_of(text: str) -> int:
    return DIRECTIONS.get(text.strip().upper(), 0)


def _name_kinds(reader: _Reader, facts: dict[str, npt.NDArray[Any]]) -> tuple[str, ...]:
    """Fill `name`, `kind` and `source`; the sources by number."""
    column, sights = reader.names()
    given, read = reader.texts("source")
    names = [text.strip() for text in column.texts]
    size = len(facts["time"])
    name_sight = (
        np.zeros(size, dtype=np.uint32) if sights is None else numbers(sights, np.arange(len(names) + 1))
    )
    sources = (*sorted({*(text.strip() for text in given.texts), *map(vocabulary.source_of, names)} - {""}),)
    number_of = {source: number for number, source in enumerate(sources)}
    own = np.array([*(number_of[vocabulary.source_of(name)] for name in names), 0], dtype=np.uint8)
    facts["source"] = own[name_sight]
    if "source" in read:
        table = np.array([*(number_of.get(source.strip(), -1) for source in given.texts), -1], dtype=np.int16)
        reported = numbers(read["source"], table)
        facts["source"] = np.where(reported >= 0, reported, facts["source"]).astype(np.uint8)
    kinds = np.array(
        [[*(vocabulary.kind_of(source, name) for name in names), NONE] for source in sources or ("",)],
        dtype=np.uint8,
    )
    kinds[:, [i for i, name in enumerate(names) if not name]] = NONE
    facts["kind"] = kinds[facts["source"], name_sight]
    facts["name"] = column.in_order()[0][name_sight].astype(np.uint16)
    return sources


def _number_keys(
    reader: _Reader, facts: dict[str, npt.NDArray[Any]], tenants: TextCodes
) -> tuple[TextCodes, npt.NDArray[np.uint32], pl.Series]:
    """Fill `key` and `previous`: one number for tenant and call key; the tenant and the text of each."""
    column, read = reader.texts("call")
    table, keys = rank_call_keys(column.texts)
    nothing = np.zeros(len(facts["time"]), dtype=np.uint32)
    call = numbers(read["call"], table) if "call" in read else nothing
    tenant, tenants = _with_default(facts.pop("tenant", nothing), tenants)
    tenant = _adopted(tenant, call, facts["time"], tenants)
    count, many = len(keys), len(tenants.texts)
    if many * count > np.iinfo(np.uint32).max:
        raise SchemaError(
            f"{many} tenants with {count} call keys are more than one run can hold: split the input"
        )
    base = tenant * np.uint32(count) if many > 1 else np.uint32(0)
    facts["key"] = np.where(call == NONE, NONE, base + call).astype(np.uint32)
    if "previous" in read:
        previous = numbers(read["previous"], table)
        same = (previous == call) | (previous == NONE)
        facts["previous"] = np.where(same, NONE, base + previous).astype(np.uint32)
    if "link" in facts:  # equal links in two tenants join nothing
        links = np.uint32(facts["link"].max(initial=0) + 1)
        facts["link"] = np.where(facts["link"] == NONE, NONE, tenant * links + facts["link"]).astype(
            np.uint32
        )
    names = call_key_texts(keys)
    key_tenants = np.repeat(np.arange(many, dtype=np.uint32), count)
    return tenants, key_tenants, pl.concat([names] * many) if many > 1 else names


def _with_default(
    tenant: npt.NDArray[np.uint32], tenants: TextCodes
) -> tuple[npt.NDArray[np.uint32], TextCodes]:
    """Events without tenant are of the default one; numbers start at 0, in the order of the names."""
    texts = [text for text in tenants.texts.to_list() if text is not None]
    names = sorted({*texts, *([DEFAULT_TENANT] if (tenant == NONE).any() else [])})
    table = np.array(
        [names.index(text) for text in (DEFAULT_TENANT, *texts) if text in names], dtype=np.uint32
    )
    if len(table) == len(texts):  # nobody is of the default tenant: number 0 of the table stands for nothing
        table = np.concatenate([np.zeros(1, dtype=np.uint32), table])
    return table[tenant], TextCodes(pl.Series("tenant", names, dtype=pl.String))


def _adopted(
    tenant: npt.NDArray[np.uint32],
    call: npt.NDArray[np.uint32],
    time: npt.NDArray[np.int64],
    tenants: TextCodes,
) -> npt.NDArray[np.uint32]:
    """Facts that nobody could place are of the only tenant that other facts of their call key have around then.

    A fact about a whole call names no extension: the directory cannot place it, but its call's other facts can.
    """
    names = tenants.texts.to_list()
    if len(names) < 2 or DEFAULT_TENANT not in names:
        return tenant
    is_unplaced = pl.col("tenant") == names.index(DEFAULT_TENANT)
    facts = pl.DataFrame({"call": call, "time": time, "tenant": tenant}).with_row_index("row")
    placed = facts.filter(~is_unplaced).select("call", "tenant", at="time")
    around = (
        facts.filter(is_unplaced)
        .select("row", "call", "time")
        .join(placed.unique(), on="call")
        .with_columns(away=(pl.col("at") - pl.col("time")).abs())
        .filter(pl.col("away") <= _ADOPTED_WITHIN)
        .group_by("row")
        .agg(far=pl.col("tenant").unique(), near=pl.col("tenant").filter(pl.col("away") <= _NEAR).unique())
    )
    deciding = pl.when(pl.col("near").list.len() > 0).then("near").otherwise("far")
    found = around.select("row", tenants=deciding).filter(pl.col("tenants").list.len() == 1)
    adopted = tenant.copy()
    adopted[found["row"].to_numpy()] = found["tenants"].list.first().to_numpy()
    return adopted


_ADOPTED_WITHIN = 3_600_000_000 * 12
_NEAR = 300_000_000
"""How far, in microseconds, a placed fact may be to place another; and how near, to do so against another tenant's."""


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
