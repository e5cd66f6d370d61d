"""Rows of UCCX's ContactCallDetail and AgentConnectionDetail as records."""

import polars as pl

from cx_pipeline.adapters.cisco.row_frames import Columns
from cx_pipeline.core.enrichment.schema import INBOUND, OUTBOUND

NEEDED = ("sessionid", "sessionseqnum", "nodeid", "profileid", "contactid", "callenddatetime")
"""Columns without which a row is no record."""

OUTBOUND_TYPES = (2, 6, 7, 8, 9)
"""Values of contactType: dialled by the system, by a campaign, or by an agent. UCCX has no reservation calls."""

_KEY = (
    "sessionid",
    "sessionseqnum",
    "nodeid",
    "profileid",
    "connectionresourceid",
    "connectionstartdatetime",
)
_ENDS = ("connectionenddatetime", "consultenddatetime", "callenddatetime")
_VARIABLES = {f"customvariable{number}": f"customVariable{number}" for number in range(1, 11)} | {
    "diallerfirstname": "DiallerFirstName",
    "dialleraccountnumber": "DiallerAccountNumber",
    "diallerphone": "DiallerPhone",
    "dialinglistid": "DiallerDialingListID",
}


def uccx_columns(raw: pl.DataFrame) -> list[pl.Expr]:
    """Columns of records, but for those that all flavours share. Times in UCCX are UTC."""
    columns = Columns(raw)
    is_outbound = columns.number("contacttype").is_in(OUTBOUND_TYPES)
    called = pl.coalesce(columns.text("callednumber"), columns.text("origcallednumber"))
    kind = pl.when(is_outbound).then(pl.lit(OUTBOUND)).otherwise(pl.lit(INBOUND))
    return [
        pl.concat_str([columns.text(name) for name in _KEY], separator="-", ignore_nulls=True).alias(
            "own_key"
        ),
        columns.text("contactid").alias("jtapi_id"),
        # UCCX has no peripherals; its profile is what a site's parts may be told by.
        columns.text("profileid").alias("peripheral_id"),
        columns.text("originatordn").alias("ani"),
        pl.when(is_outbound)
        .then(pl.coalesce(called, columns.text("diallerphone")))
        .otherwise(called)
        .alias("dialled_number"),
        columns.text("callwrapupdata").alias("wrap_up"),
        columns.text("resourceid").alias("agent_id"),
        columns.text("resourcename").alias("agent_name"),
        columns.text("extension").alias("extension"),
        pl.coalesce([columns.utc(name) for name in _ENDS]).alias("ended_at"),
        columns.text("diallerlastname").alias("dialler_call_id"),
        columns.number("callresult").alias("call_result"),
        columns.number("contactdisposition").alias("disposition"),
        kind.alias("conversation_type"),
        columns.number("talktime").alias("talk_s"),
        columns.number("holdtime").alias("hold_s"),
        columns.number("worktime").alias("work_s"),
        columns.number("ringtime").alias("ring_s"),
        pl.lit(None, pl.Int64).alias("queue_s"),
        columns.json_of(_VARIABLES).alias("custom_variables"),
        columns.raw_json().alias("raw"),
    ]
