"""Rows of Cisco's tables for tests: a plain one, and what is to differ from it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from cx_pipeline.adapters.cisco.source import CiscoSource

NOON = datetime(2026, 6, 8, 12, tzinfo=UTC)
HOUR = (NOON, NOON + timedelta(hours=1))
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NEW_YORK = 240
"""TimeZone of New York in June: minutes that UTC is ahead."""


def naive(minutes: float = 0, zone: int = 0) -> datetime:
    """A time after noon (UTC), as a database keeps it: without its zone, local to it."""
    return (NOON + timedelta(minutes=minutes - zone)).replace(tzinfo=None)


def tcd(recovery_key: int = 1, ended: float = 10, zone: int = 0, **other: Any) -> dict[str, Any]:
    """A row of Termination_Call_Detail that ended some minutes after noon."""
    return {
        "RecoveryKey": float(recovery_key),
        "DateTime": naive(ended, zone),
        "TimeZone": zone,
        "StartDateTimeUTC": naive(ended - 5),
        "CallTerminatedDateTimeUTC": naive(ended),
        "PeripheralID": 5000,
        "PeripheralCallKey": 16945106,
        "ANI": "+18005550199",
        "DNIS": "8001",
        "DigitsDialed": "8001",
        "InstrumentPortNumber": "1005",
        "AgentSkillTargetID": 5001,
        "PeripheralCallType": 2,
        "CallDisposition": 13,
        "TalkTime": 300,
        "HoldTime": 20,
        "WorkTime": 30,
        "RingTime": 4,
        "LocalQTime": 7,
        **other,
    }


def dialled(ended: float = 10, **other: Any) -> dict[str, Any]:
    """A row of Dialer_Detail."""
    return {
        "RecoveryKey": 1.0,
        "DateTime": naive(ended),
        "TimeZone": 0,
        "PeripheralID": 5000,
        "PeripheralCallKey": 16945106,
        "LastName": "cx-call-1",
        "Phone": "18005550199",
        "CallResult": 10,
        **other,
    }


KEY = {"sessionID": 90001, "sessionSeqNum": 0, "nodeID": 1, "profileID": 1}


def ccd(ended: float = 10, **other: Any) -> dict[str, Any]:
    """A row of ContactCallDetail."""
    return {
        **KEY,
        "contactid": "16945106",
        "contactType": 1,
        "contactDisposition": 2,
        "originatorType": 3,
        "originatorDN": "+18005550199",
        "calledNumber": "8001",
        "startDateTime": naive(ended - 5),
        "endDateTime": naive(ended),
        **other,
    }


def acd(resource: int, ended: float = 10, **other: Any) -> dict[str, Any]:
    """A row of AgentConnectionDetail."""
    return {
        **KEY,
        "resourceID": resource,
        "startDateTime": naive(ended - 4),
        "endDateTime": naive(ended),
        "contactid": "16945106",
        "talkTime": 200,
        "holdTime": 10,
        **other,
    }


def agent(resource: int, **other: Any) -> dict[str, Any]:
    """A row of Resource."""
    return {
        "resourceID": resource,
        "profileID": 1,
        "resourceName": f"Agent {resource}",
        "extension": f"1{resource:03d}",
        "active": True,
        **other,
    }


def records(source: CiscoSource, *span: datetime) -> pl.DataFrame:
    """All records of a span (by default the hour after noon), in order of their ids."""
    return pl.concat(source.read(*(span or HOUR))).sort("record_id")
