"""The Cisco sources of a deployment: records of a span of time, whatever the flavour and the driver."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import polars as pl
from pydantic import SecretStr

from cx_pipeline.adapters.cisco import ucce_rows, uccx_rows
from cx_pipeline.adapters.cisco.dialler import Dialler
from cx_pipeline.adapters.cisco.pool import SourceDatabase
from cx_pipeline.adapters.cisco.records import Once, records_of
from cx_pipeline.adapters.cisco.row_frames import raw_frame
from cx_pipeline.adapters.database.connection import database_url
from cx_pipeline.adapters.sql_statements import Statement, Value, load_statement
from cx_pipeline.core.errors import SourceRefusedError
from cx_pipeline.settings import Settings
from cx_pipeline.system_settings import CiscoSourceSettings

WIDER = timedelta(hours=16)
"""How far local times lie from UTC at most, 14 hours, and two for what an agent does after a call has ended."""
_TRIAL = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """What a trial query found."""

    name: str
    flavour: str
    statement: str
    """Name of the statement that this database is asked with."""
    record_count: int
    """Records of the last quarter of an hour."""


class CiscoSource:
    """One of Cisco's reporting databases. Connects when first read; may be read again and again.

    Args:
        settings: of the source.
        embedded_url: gives the application's own database, for the connection `embedded`.
    """

    def __init__(self, settings: CiscoSourceSettings, *, embedded_url: Callable[[], SecretStr]) -> None:
        self.name = settings.name
        self._settings = settings
        self._database = SourceDatabase(settings, embedded_url)
        self._has_utc_end: bool | None = None

    def __repr__(self) -> str:
        """Without the connection, which is a secret."""
        return f"CiscoSource({self.name!r}, {self._settings.flavour!r})"

    def read(self, ended_from: datetime, ended_to: datetime) -> Iterator[pl.DataFrame]:
        """Records (CISCO_RECORD_SCHEMA) that ended from `ended_from` until before `ended_to`, some thousands at a time.

        Each record comes once; in no certain order. None at all: there are none. A read that failed raises.

        Raises:
            ConfigurationError: a statement is missing, or has a parameter that it may not use.
            SourceRefusedError: the database does not let us in, or has not the tables or columns.
            SourceUnavailableError: it does not answer, or not in time.
        """
        if ended_from >= ended_to:
            return
        once = Once(ended_from, ended_to)
        read = self._read_ucce if self._settings.flavour == "ucce" else self._read_uccx
        for records in read(ended_from.astimezone(UTC), ended_to.astimezone(UTC)):
            if not (new := once.new_of(records)).is_empty():
                yield new

    def check(self) -> SourceCheck:
        """Try a query of the last quarter of an hour. Raises as `read` does."""
        now = datetime.now(UTC)
        count = sum(len(records) for records in self.read(now - _TRIAL, now))
        return SourceCheck(self.name, self._settings.flavour, self._records_statement().file.stem, count)

    def close(self) -> None:
        """Give back the connections."""
        self._database.close()

    def _read_uccx(self, ended_from: datetime, ended_to: datetime) -> Iterator[pl.DataFrame]:
        values = _span(ended_from, ended_to)
        for raw in self._raw(self._records_statement(), values, uccx_rows.NEEDED):
            yield records_of(raw, uccx_rows.uccx_columns(raw), self._settings)

    def _read_ucce(self, ended_from: datetime, ended_to: datetime) -> Iterator[pl.DataFrame]:
        statement = self._records_statement()
        dialler = Dialler(partial(self._raw, self._statement("dialler_records")))
        values = _span(ended_from, ended_to)
        if self._is_utc_known():
            for raw in self._raw(statement, values, ucce_rows.NEEDED):
                yield self._ucce_records(raw, dialler, None)
            return
        for zone_minutes, bias in self._zones(values):
            local: dict[str, Value] = {
                "time_zone": zone_minutes,
                "local_from": _naive(ended_from - bias),
                "local_to": _naive(ended_to - bias),
            }
            for raw in self._raw(statement, {**values, **local}, ucce_rows.NEEDED):
                yield self._ucce_records(raw, dialler, bias)

    def _ucce_records(self, raw: pl.DataFrame, dialler: Dialler, bias: timedelta | None) -> pl.DataFrame:
        joined = dialler.joined_to(raw)
        return records_of(joined, ucce_rows.ucce_columns(joined, bias), self._settings)

    def _zones(self, values: Mapping[str, Value]) -> list[tuple[int, timedelta]]:
        """The zones of the records around a span (minutes, as the records have them), and what makes UTC of each."""
        zones = []
        for raw in self._raw(self._statement("time_zones"), values, ("zoneminutes", "lastend")):
            for row in raw.iter_rows(named=True):
                minutes = int(row["zoneminutes"])
                zones.append((minutes, ucce_rows.bias_of(minutes, row["lastend"], row.get("laststartutc"))))
        return zones

    def _is_utc_known(self) -> bool:
        """Whether it is UCCE 12.5 or later; asked once."""
        if self._has_utc_end is None:
            names, _ = next(iter(self._database.rows(self._statement("columns"), {})))
            self._has_utc_end = ucce_rows.UTC_END in {name.lower() for name in names}
        return self._has_utc_end

    def _records_statement(self) -> Statement:
        is_old = self._settings.flavour == "ucce" and not self._is_utc_known()
        return self._statement("call_records_before_12_5" if is_old else "call_records")

    def _statement(self, name: str) -> Statement:
        return load_statement(self._settings.flavour, name, self._settings.sql_folder)

    def _raw(
        self, statement: Statement, values: Mapping[str, Value], needed: tuple[str, ...]
    ) -> Iterator[pl.DataFrame]:
        for names, rows in self._database.rows(statement, values):
            returned = {name.lower() for name in names}
            if missing := [name for name in needed if name not in returned]:
                message = (
                    f"{statement.file} does not return {', '.join(missing)}: add them, see sql/README.md"
                )
                raise SourceRefusedError(f"Cisco source {self.name!r}: {message}")
            if rows:
                yield raw_frame(names, rows)


def open_sources(settings: Settings) -> list[CiscoSource]:
    """The Cisco sources of a deployment. Connects to none of them yet."""
    return [
        CiscoSource(source, embedded_url=partial(database_url, settings)) for source in settings.cisco_sources
    ]


def _span(ended_from: datetime, ended_to: datetime) -> dict[str, Value]:
    return {
        "ended_from": _naive(ended_from),
        "ended_to": _naive(ended_to),
        "wide_from": _naive(ended_from - WIDER),
        "wide_to": _naive(ended_to + WIDER),
    }


def _naive(moment: datetime) -> datetime:
    """As Cisco's databases keep times: UTC, or local, without a zone."""
    return moment.replace(tzinfo=None)
