"""Cisco's reporting tables on PostgreSQL: their names and columns, in a schema for each flavour.

Rows stand in tables named `<table>_all`, with two columns more: the tenant they were simulated for, and when the row
has reached the reporting database. The tables of Cisco's names are views of what has reached it by now, where `now`
is the setting `simulated.now` of the session (a time with its zone), else the moment at which `set_clock` stopped the
schema's clock, else the present.

Names are lower case, as SQL Server and Informix take them in any case and PostgreSQL folds them.
"""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    DateTime,
    Double,
    Engine,
    Index,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
    delete,
    insert,
    text,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.schema import CreateSchema
from sqlalchemy.types import TypeEngine

Flavour = Literal["ucce", "uccx"]
FLAVOURS: tuple[Flavour, ...] = ("ucce", "uccx")
UCCE_VERSIONS = ("12.5", "11.6")
SCHEMAS: dict[Flavour, str] = {"ucce": "cisco_ucce", "uccx": "cisco_uccx"}
ALL_ROWS = "_all"
"""What the name of a table ends in that holds the rows of a view."""
TENANT, REPLICATED = "tenant_id", "replicated_at"
"""The columns of those tables that are not Cisco's."""
UTC_END = "callterminateddatetimeutc"
"""The column of Termination_Call_Detail that releases before 12.5 have not."""

CLOCK = "simulated_clock"
"""A table of one row: the moment at which the clock of the schema stands."""

_CREATION_LOCK = 5_820_061
_TO_THE_MILLISECOND = TIMESTAMP(precision=3)

_Columns = dict[str, TypeEngine[Any]]


def _numbered(name: str, first: int, last: int, kind: TypeEngine[Any]) -> _Columns:
    return {f"{name}{number}": kind for number in range(first, last + 1)}


_UCCE: dict[str, _Columns] = {
    "Termination_Call_Detail": {
        "RecoveryKey": Double(),
        "DateTime": _TO_THE_MILLISECOND,
        "DbDateTime": _TO_THE_MILLISECOND,
        "TimeZone": Integer(),
        "StartDateTimeUTC": _TO_THE_MILLISECOND,
        "CallTerminatedDateTimeUTC": _TO_THE_MILLISECOND,
        "PeripheralID": Integer(),
        "PeripheralCallKey": Integer(),
        "RouterCallKeyDay": Integer(),
        "RouterCallKey": Integer(),
        "RouterCallKeySequenceNumber": Integer(),
        "ICRCallKey": Integer(),
        "CallReferenceID": String(32),
        "ANI": String(32),
        "DNIS": String(32),
        "DigitsDialed": String(40),
        "CED": String(30),
        "InstrumentPortNumber": String(32),
        "AgentSkillTargetID": Integer(),
        "AgentPeripheralNumber": String(32),
        "SkillGroupSkillTargetID": Integer(),
        "ServiceSkillTargetID": Integer(),
        "NetworkTargetID": Integer(),
        "PeripheralCallType": SmallInteger(),
        "CallDisposition": SmallInteger(),
        "CallDispositionFlag": SmallInteger(),
        "CallTypeID": Integer(),
        **_numbered("Variable", 1, 10, String(40)),
        "WrapupData": String(512),
        "NetQTime": Integer(),
        "LocalQTime": Integer(),
        "RingTime": Integer(),
        "DelayTime": Integer(),
        "TimeToAband": Integer(),
        "HoldTime": Integer(),
        "TalkTime": Integer(),
        "WorkTime": Integer(),
        "ConferenceTime": Integer(),
        "Duration": Integer(),
    },
    "Agent": {
        "SkillTargetID": Integer(),
        "PeripheralID": Integer(),
        "PeripheralNumber": String(32),
        "PeripheralName": String(64),
        "EnterpriseName": String(64),
        "PersonID": Integer(),
        "Deleted": String(1),
    },
    "Dialer_Detail": {
        "RecoveryKey": Double(),
        "DateTime": _TO_THE_MILLISECOND,
        "DbDateTime": _TO_THE_MILLISECOND,
        "TimeZone": Integer(),
        "PeripheralID": Integer(),
        "PeripheralCallKey": Integer(),
        "PeripheralCallType": SmallInteger(),
        "RouterCallKeyDay": Integer(),
        "RouterCallKey": Integer(),
        "CampaignID": Integer(),
        "QueryRuleID": Integer(),
        "DialingListID": Integer(),
        "DialingMode": Integer(),
        "AgentPeripheralNumber": String(32),
        "SkillGroupSkillTargetID": Integer(),
        "AccountNumber": String(32),
        "FirstName": String(64),
        "LastName": String(64),
        "Phone": String(20),
        "CallResult": SmallInteger(),
        "CallDuration": Integer(),
        "WrapupData": String(512),
    },
}
_UCCX_KEY: _Columns = {
    "sessionID": Numeric(18, 0),
    "sessionSeqNum": SmallInteger(),
    "nodeID": SmallInteger(),
    "profileID": Integer(),
}
_UCCX: dict[str, _Columns] = {
    "ContactCallDetail": {
        **_UCCX_KEY,
        "contactid": String(64),
        "contactType": SmallInteger(),
        "contactDisposition": SmallInteger(),
        "originatorType": SmallInteger(),
        "originatorID": Integer(),
        "originatorDN": String(30),
        "destinationType": SmallInteger(),
        "destinationID": Integer(),
        "destinationDN": String(30),
        "startDateTime": _TO_THE_MILLISECOND,
        "endDateTime": _TO_THE_MILLISECOND,
        "gmtOffset": SmallInteger(),
        "calledNumber": String(30),
        "origCalledNumber": String(30),
        "applicationID": Integer(),
        "applicationName": String(30),
        "connectTime": SmallInteger(),
        **_numbered("customVariable", 1, 10, String(40)),
        "transfer": Boolean(),
        "conference": Boolean(),
        "redirect": Boolean(),
        "campaignID": Integer(),
    },
    "AgentConnectionDetail": {
        **_UCCX_KEY,
        "resourceID": Integer(),
        "startDateTime": _TO_THE_MILLISECOND,
        "endDateTime": _TO_THE_MILLISECOND,
        "contactid": String(64),
        "qIndex": SmallInteger(),
        "gmtOffset": SmallInteger(),
        "ringTime": SmallInteger(),
        "talkTime": SmallInteger(),
        "holdTime": SmallInteger(),
        "workTime": SmallInteger(),
        "callWrapupData": String(512),
        "callResult": SmallInteger(),
        "dialingListID": Integer(),
    },
    "ConsultLegDetail": {
        **_UCCX_KEY,
        "contactid": String(64),
        "originatorResourceID": Integer(),
        "destinationResourceID": Integer(),
        "destinationDN": String(30),
        "startDateTime": _TO_THE_MILLISECOND,
        "endDateTime": _TO_THE_MILLISECOND,
        "gmtOffset": SmallInteger(),
        "ringTime": SmallInteger(),
        "talkTime": SmallInteger(),
        "holdTime": SmallInteger(),
    },
    "Resource": {
        "resourceID": Integer(),
        "profileID": Integer(),
        "resourceLoginID": String(50),
        "resourceName": String(50),
        "extension": String(50),
        "active": Boolean(),
    },
    "DialingList": {
        "dialingListID": Integer(),
        "campaignID": Integer(),
        "accountNumber": String(40),
        "firstName": String(64),
        "lastName": String(64),
        "phone01": String(28),
        "callResult01": SmallInteger(),
        "callStatus": SmallInteger(),
    },
}
_SEARCHED = {
    "termination_call_detail_all": ("datetime", UTC_END, "peripheralcallkey"),
    "dialer_detail_all": ("datetime", "peripheralcallkey"),
    "contactcalldetail_all": ("enddatetime", "sessionid", "contactid"),
    "agentconnectiondetail_all": ("enddatetime", "sessionid"),
    "consultlegdetail_all": ("enddatetime", "sessionid"),
    "agent_all": ("skilltargetid",),
    "resource_all": ("resourceid",),
    "dialinglist_all": ("dialinglistid",),
}


def _clock(flavour: Flavour) -> Table:
    return Table(
        CLOCK,
        MetaData(schema=SCHEMAS[flavour]),
        Column("is_set", Boolean, CheckConstraint("is_set"), primary_key=True),
        Column("stands_at", DateTime(timezone=True), nullable=False),
    )


def _tables(flavour: Flavour, declared: dict[str, _Columns]) -> dict[str, Table]:
    metadata = MetaData(schema=SCHEMAS[flavour])
    tables = {}
    for name, columns in declared.items():
        base = f"{name.lower()}{ALL_ROWS}"
        table = Table(
            base,
            metadata,
            *(Column(column.lower(), kind) for column, kind in columns.items()),
            Column(TENANT, Text, nullable=False, index=True),
            Column(REPLICATED, DateTime(timezone=True), nullable=False),
        )
        for column in _SEARCHED[base]:
            Index(f"ix_{base}_{column}", table.c[column])
        tables[name.lower()] = table
    return tables


TABLES: dict[Flavour, dict[str, Table]] = {"ucce": _tables("ucce", _UCCE), "uccx": _tables("uccx", _UCCX)}
"""By flavour and name of Cisco's table (lower case): the table that holds its rows."""
_CLOCKS = {flavour: _clock(flavour) for flavour in FLAVOURS}


def create_tables(database: Engine | Connection, flavour: Flavour, version: str = "12.5") -> None:
    """Make the schema, the tables and the views of a flavour, or what of them is missing; rows stay.

    Args:
        database: an engine, or a connection in a transaction, which the caller ends.
        flavour: whose tables.
        version: of UCCE; before 12.5 Termination_Call_Detail has no CallTerminatedDateTimeUTC.
    """
    if isinstance(database, Engine):
        with database.begin() as connection:
            create_tables(connection, flavour, version)
        return
    tables = TABLES[flavour]
    database.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _CREATION_LOCK})
    database.execute(CreateSchema(SCHEMAS[flavour], if_not_exists=True))
    _CLOCKS[flavour].create(database, checkfirst=True)
    next(iter(tables.values())).metadata.create_all(database)
    for name, table in tables.items():
        _replace_view(database, name, table, hidden=() if version == "12.5" else (UTC_END,))


def set_clock(engine: Engine, flavour: Flavour, stands_at: datetime | None) -> None:
    """Stop the clock of a flavour's views, for all sessions: they show what had been replicated then. None: let it go."""
    clock = _CLOCKS[flavour]
    with engine.begin() as connection:
        connection.execute(delete(clock))
        if stands_at is not None:
            connection.execute(insert(clock).values(is_set=True, stands_at=stands_at))


def cisco_columns(table: Table) -> list[str]:
    """Names of a table's columns that are Cisco's."""
    return [column.name for column in table.c if column.name not in (TENANT, REPLICATED)]


def _replace_view(connection: Connection, name: str, table: Table, hidden: tuple[str, ...]) -> None:
    schema = table.schema
    columns = ", ".join(column for column in cisco_columns(table) if column not in hidden)
    # A view cannot be replaced by one with fewer columns: it is dropped, which only this transaction sees.
    connection.execute(text(f"DROP VIEW IF EXISTS {schema}.{name}"))
    connection.execute(
        text(
            # The names are those declared above.
            f"CREATE VIEW {schema}.{name} AS SELECT {columns} FROM {schema}.{table.name}"  # noqa: S608
            f" WHERE {REPLICATED} <= "
            "coalesce(nullif(current_setting('simulated.now', true), '')::timestamptz,"
            f" (SELECT stands_at FROM {schema}.{CLOCK}), now())"
        )
    )
