"""A FusionPBX for tests: its table of call records, in a schema of the test's database."""

from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Engine, text

_CREATE = """
    CREATE TABLE v_xml_cdr (
        xml_cdr_uuid uuid PRIMARY KEY, domain_uuid uuid, domain_name text, direction text, caller_id_number text,
        caller_destination text, destination_number text, start_epoch numeric, answer_epoch numeric, end_epoch numeric,
        duration numeric, billsec numeric, billmsec numeric, hold_accum_seconds numeric, bridge_uuid uuid,
        record_path text, record_name text, record_length numeric, leg char(1), originating_leg_uuid uuid,
        sip_call_id text, hangup_cause text
    )
"""
_INSERT = """
    INSERT INTO v_xml_cdr (xml_cdr_uuid, domain_name, direction, caller_id_number, caller_destination,
        destination_number, start_epoch, answer_epoch, end_epoch, record_path, record_name, leg, hangup_cause)
    VALUES (:xml_cdr_uuid, :domain_name, :direction, '+1800', '8001', '1005', :start, :answer, :end, :record_path,
        :record_name, 'a', 'NORMAL_CLEARING')
"""


class FusionPbx:
    """The table; the engine's database is FusionPBX's."""

    def __init__(self, engine: Engine, url: SecretStr) -> None:
        self.engine, self.url = engine, url
        with engine.begin() as connection:
            connection.execute(text(_CREATE))

    def call(self, number: int, start: datetime, end: datetime, file: Path | None, **changes: Any) -> None:
        """A call that was recorded into a file."""
        row = {
            "xml_cdr_uuid": f"00000000-0000-4000-8000-{number:012}",
            "domain_name": "acme.example",
            "direction": "inbound",
            "start": int(start.timestamp()) - 5,
            "answer": int(start.timestamp()),
            "end": int(end.timestamp()),
            "record_path": None if file is None else str(file.parent),
            "record_name": None if file is None else file.name,
        }
        with self.engine.begin() as connection:
            connection.execute(text(_INSERT), row | changes)
