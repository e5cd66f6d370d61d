"""Rows of UCCE's Termination_Call_Detail, with what the dialler wrote, as records."""

from datetime import datetime, timedelta

import polars as pl

from cx_pipeline.adapters.cisco.row_frames import Columns
from cx_pipeline.core.enrichment.schema import INBOUND, OUTBOUND, RESERVATION

NEEDED = ("recoverykey", "peripheralid", "peripheralcallkey", "datetime")
"""Columns without which a row is no record."""
UTC_END = "callterminateddatetimeutc"

RESERVATION_TYPES = (18, *range(27, 32))
OUTBOUND_TYPES = (7, 8, 9, 17, *range(32, 38), 41)
"""Values of PeripheralCallType (guide 20.6.1; 8 and 9 by Cisco's table of call types)."""

DIALLER_TOLERANCE = timedelta(hours=1)
"""How far from the end of an agent's part the dialler may have written of the call. Call keys are used again."""
COMPARED_DIGITS = 7
_NUMBERS = ("ani", "digitsdialed", "dnis")
_DIALLER = ("callresult", "lastname", "firstname", "accountnumber", "phone", "campaignid", "dialinglistid")
_DIALLER_SCHEMA = pl.Schema(
    {"peripheralid": pl.String(), "peripheralcallkey": pl.String(), "datetime": pl.Datetime("us")}
)

_VARIABLES = {f"variable{number}": f"Variable{number}" for number in range(1, 11)} | {
    "dialler_firstname": "DiallerFirstName",
    "dialler_accountnumber": "DiallerAccountNumber",
    "dialler_phone": "DiallerPhone",
    "dialler_campaignid": "DiallerCampaignID",
    "dialler_dialinglistid": "DiallerDialingListID",
}
_SIGN_TOLERANCE = timedelta(minutes=15)


def bias_of(zone_minutes: int, last_end: datetime | None, last_start_utc: datetime | None) -> timedelta:
    """What is to be added to a local time of a zone to have UTC.

    TimeZone counts as Windows does: minutes that UTC is ahead, 300 for New York in winter. Only where the records say
    the contrary is it the other way round: the last of them ended (local time) when the last had begun (UTC).
    """
    bias = timedelta(minutes=zone_minutes)
    if last_end is None or last_start_utc is None:
        return bias
    observed = last_start_utc.replace(tzinfo=None) - last_end.replace(tzinfo=None)
    is_contrary = abs(observed + bias) <= _SIGN_TOLERANCE < abs(observed - bias)
    return -bias if is_contrary else bias


def ucce_columns(raw: pl.DataFrame, bias: timedelta | None) -> list[pl.Expr]:
    """Columns of records, but for those that all flavours share.

    Args:
        raw: rows with their dialler's (`with_dialler`).
        bias: what is to be added to DateTime for UTC; None: each row's own TimeZone.
    """
    columns = Columns(raw)
    call_type = columns.number("peripheralcalltype")
    kind = (
        pl.when(call_type.is_in(RESERVATION_TYPES))
        .then(pl.lit(RESERVATION))
        .when(call_type.is_in(OUTBOUND_TYPES))
        .then(pl.lit(OUTBOUND))
        .otherwise(pl.lit(INBOUND))
    )
    dialled, dnis = columns.text("digitsdialed"), columns.text("dnis")
    outbound_number = pl.coalesce(dialled, columns.text("dialler_phone"), dnis)
    call_id = columns.text("peripheralcallkey")
    return [
        _own_key(columns).alias("own_key"),
        pl.when(call_id != "0").then(call_id).alias("jtapi_id"),
        columns.text("peripheralid").alias("peripheral_id"),
        columns.text("ani").alias("ani"),
        pl.when(kind == OUTBOUND)
        .then(outbound_number)
        .otherwise(pl.coalesce(dnis, dialled))
        .alias("dialled_number"),
        columns.text("wrapupdata").alias("wrap_up"),
        columns.text("agentskilltargetid").alias("agent_id"),
        columns.text("agentname").alias("agent_name"),
        columns.text("instrumentportnumber").alias("extension"),
        _ended_at(columns, bias).alias("ended_at"),
        columns.text("dialler_lastname").alias("dialler_call_id"),
        columns.number("dialler_callresult").alias("call_result"),
        columns.number("calldisposition").alias("disposition"),
        kind.alias("conversation_type"),
        columns.number("talktime").alias("talk_s"),
        columns.number("holdtime").alias("hold_s"),
        columns.number("worktime").alias("work_s"),
        columns.number("ringtime").alias("ring_s"),
        _sum(columns.number("localqtime"), columns.number("netqtime")).alias("queue_s"),
        columns.json_of(_VARIABLES).alias("custom_variables"),
        columns.raw_json().alias("raw"),
    ]


def _own_key(columns: Columns) -> pl.Expr:
    """RecoveryKey; a row without one is told by all that tells it from others."""
    parts = [columns.text(name) for name in ("peripheralid", "peripheralcallkey", "datetime")]
    parts += [columns.text("instrumentportnumber"), columns.text("routercallkeysequencenumber")]
    without = pl.concat_str([part.fill_null("") for part in parts], separator="-")
    return pl.coalesce(columns.text("recoverykey"), without)


def _ended_at(columns: Columns, bias: timedelta | None) -> pl.Expr:
    local = columns.utc("datetime")
    if bias is not None:
        return pl.coalesce(columns.utc(UTC_END), local + bias)
    return pl.coalesce(
        columns.utc(UTC_END), local + pl.duration(minutes=columns.number("timezone").fill_null(0))
    )


def _sum(first: pl.Expr, second: pl.Expr) -> pl.Expr:
    return pl.when(first.is_not_null() | second.is_not_null()).then(first.fill_null(0) + second.fill_null(0))


def dialler_rows(raw: pl.DataFrame) -> pl.DataFrame:
    """The dialler's rows for `with_dialler`: keys as text, in order of time, with their own names."""
    columns = Columns(raw)
    keys = [columns.text("peripheralid"), columns.text("peripheralcallkey"), _local(columns)]
    named = [pl.col(name).alias(f"dialler_{name}") for name in _DIALLER if name in raw.columns]
    return (
        raw.select(*keys, *named)
        .filter(pl.col("datetime").is_not_null())
        .sort("datetime", maintain_order=True)
    )


def no_dialler_rows() -> pl.DataFrame:
    """What stands for the dialler's rows where there are none."""
    return pl.DataFrame(schema=_DIALLER_SCHEMA)


def with_dialler(raw: pl.DataFrame, dialler: pl.DataFrame) -> pl.DataFrame:
    """Each row with the dialler's nearest in time that has its call key and its peripheral; never more rows.

    Where the dialler says which number it called, and none of the row's numbers is that one, the row is of another
    call that has the key: it gets nothing. Both times are local to the central controller, so they compare as they are.
    """
    if dialler.is_empty():
        return raw
    columns = Columns(raw)
    keyed = raw.with_row_index("row_").select(
        "row_",
        *(_last_digits(columns.text(name)).alias(f"its_{name}") for name in _NUMBERS),
        columns.text("peripheralid"),
        columns.text("peripheralcallkey"),
        _local(columns),
    )
    found = (
        keyed.filter(pl.col("datetime").is_not_null())
        .sort("datetime")
        .join_asof(
            dialler,
            on="datetime",
            by=["peripheralid", "peripheralcallkey"],
            strategy="nearest",
            tolerance=DIALLER_TOLERANCE,
            check_sortedness=False,  # both were just sorted; it cannot look within the groups
        )
    )
    names = [name for name in dialler.columns if name.startswith("dialler_")]
    if "dialler_phone" in names:
        phone = _last_digits(pl.col("dialler_phone").cast(pl.String))
        is_its_own = pl.any_horizontal(phone == pl.col(f"its_{name}") for name in _NUMBERS)
        knows_none = pl.all_horizontal(pl.col(f"its_{name}").is_null() for name in _NUMBERS)
        found = found.filter(phone.is_null() | knows_none | is_its_own.fill_null(value=False))
    return raw.with_row_index("row_").join(found.select("row_", *names), on="row_", how="left").drop("row_")


def _last_digits(number: pl.Expr) -> pl.Expr:
    """The end of a telephone number, which is the same with and without prefixes; null for what has no digits."""
    digits = number.str.replace_all(r"\D", "").str.tail(COMPARED_DIGITS)
    return pl.when(digits != "").then(digits)


def _local(columns: Columns) -> pl.Expr:
    return columns.utc("datetime").dt.replace_time_zone(None).alias("datetime")
