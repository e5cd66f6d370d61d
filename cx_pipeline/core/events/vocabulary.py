"""One vocabulary of kinds, and one table from each source's event names to it. Nothing downstream knows a source.

Names and numbers are those of Cisco's JTAPI client library (constants of releases 11.5 to 15) and of JTAPI 1.3.1.
"""

from enum import IntEnum


class Kind(IntEnum):
    """What a fact says. The values are the order of facts that bear the same time (specification, section 2)."""

    STARTED = 1
    OFFERED = 2
    INITIATED = 3
    DIALING = 4
    QUEUED = 5
    ALERTING = 6
    RINGING = 7
    ESTABLISHED = 8
    HELD = 9
    CONSULT = 10
    TALKING = 11
    TRANSFER = 12
    CONFERENCE = 13
    MERGED = 14
    DROPPED = 15
    DISCONNECTED = 16
    FAILED = 17
    ENDED = 18
    OTHER = 19


ENDING_KINDS = (Kind.DROPPED, Kind.DISCONNECTED, Kind.FAILED, Kind.ENDED)
"""Kinds that never open a call."""

TERMINAL_KINDS = (Kind.RINGING, Kind.TALKING, Kind.HELD, Kind.DROPPED)
"""Facts about a terminal: the extension that they name is an agent's."""

JTAPI = "jtapi"
JTAPI_TABLE = "jtapi_table"

JTAPI_KINDS = {
    "CallActiveEv": Kind.STARTED,
    "CallCtlConnOfferedEv": Kind.OFFERED,
    "CallCtlConnQueuedEv": Kind.QUEUED,
    "CallCtlConnInitiatedEv": Kind.INITIATED,
    "CallCtlConnDialingEv": Kind.DIALING,
    "CallCtlConnAlertingEv": Kind.ALERTING,
    "CallCtlConnEstablishedEv": Kind.ESTABLISHED,
    "CallCtlTermConnRingingEv": Kind.RINGING,
    "TermConnRingingEv": Kind.RINGING,
    "CallCtlTermConnTalkingEv": Kind.TALKING,
    "CallCtlTermConnHeldEv": Kind.HELD,
    "CiscoConsultCallActiveEv": Kind.CONSULT,
    "CiscoTransferStartEv": Kind.TRANSFER,
    "CiscoConferenceStartEv": Kind.CONFERENCE,
    "CallCtlConferencedEv": Kind.CONFERENCE,  # not in Cisco's library, but in recorded data
    "CiscoTransferEndEv": Kind.MERGED,
    "CiscoConferenceEndEv": Kind.MERGED,
    "CallCtlTermConnDroppedEv": Kind.DROPPED,
    "TermConnDroppedEv": Kind.DROPPED,
    "ConnDisconnectedEv": Kind.DISCONNECTED,
    "CallCtlConnDisconnectedEv": Kind.DISCONNECTED,
    "CallCtlConnFailedEv": Kind.FAILED,
    "CallInvalidEv": Kind.ENDED,
    "CallObservationEndedEv": Kind.ENDED,
}

PERSISTED_TABLE_KINDS = {
    "CALL_CONNECTED": Kind.TALKING,
    "CALL_HELD": Kind.HELD,
    "CALL_RESUMED": Kind.TALKING,
    "CALL_CONSULT_STARTED": Kind.CONSULT,
    "CALL_TRANSFERRED": Kind.TRANSFER,
    "CALL_CONF_STARTED": Kind.CONFERENCE,
    "CALL_CONF_ENDED": Kind.MERGED,
    "CALL_DISCONNECTED": Kind.DROPPED,  # of an agent's connection; DISCONNECTED of any other
}

KINDS_BY_SOURCE = {JTAPI: JTAPI_KINDS, JTAPI_TABLE: PERSISTED_TABLE_KINDS}

JTAPI_NAMES_BY_CODE = {
    100: "AddrObservationEndedEv",
    101: "CallActiveEv",
    102: "CallInvalidEv",
    103: "CallObservationEndedEv",
    104: "ConnAlertingEv",
    105: "ConnConnectedEv",
    106: "ConnCreatedEv",
    107: "ConnDisconnectedEv",
    108: "ConnFailedEv",
    109: "ConnInProgressEv",
    110: "ConnUnknownEv",
    111: "ProvInServiceEv",
    112: "ProvObservationEndedEv",
    113: "ProvOutOfServiceEv",
    114: "ProvShutdownEv",
    115: "TermConnActiveEv",
    116: "TermConnCreatedEv",
    117: "TermConnDroppedEv",
    118: "TermConnPassiveEv",
    119: "TermConnRingingEv",
    120: "TermConnUnknownEv",
    121: "TermObservationEndedEv",
    203: "CallCtlConnAlertingEv",
    204: "CallCtlConnDialingEv",
    205: "CallCtlConnDisconnectedEv",
    206: "CallCtlConnEstablishedEv",
    207: "CallCtlConnFailedEv",
    208: "CallCtlConnInitiatedEv",
    209: "CallCtlConnNetworkAlertingEv",
    210: "CallCtlConnNetworkReachedEv",
    211: "CallCtlConnOfferedEv",
    212: "CallCtlConnQueuedEv",
    213: "CallCtlConnUnknownEv",
    214: "CallCtlTermConnBridgedEv",
    215: "CallCtlTermConnDroppedEv",
    216: "CallCtlTermConnHeldEv",
    217: "CallCtlTermConnInUseEv",
    218: "CallCtlTermConnRingingEv",
    219: "CallCtlTermConnTalkingEv",
    220: "CallCtlTermConnUnknownEv",
    1073754114: "CiscoConferenceEndEv",
    1073754115: "CiscoConferenceStartEv",
    1073754116: "CiscoConsultCallActiveEv",
    1073754117: "CiscoTransferEndEv",
    1073754118: "CiscoTransferStartEv",
    1073754120: "CiscoCallChangedEv",
    1073762308: "CiscoTermConnRecordingStartEv",
    1073762309: "CiscoTermConnRecordingEndEv",
    1073762312: "CiscoTermConnRecordingTargetInfoEv",
}


class Cause(IntEnum):
    """The causes that decide something; every other one is NONE here."""

    NONE = 0
    NO_USER_RESPONDING = 18
    NO_ANSWER_FROM_USER = 19
    CALL_REJECTED = 21


class FeatureReason(IntEnum):
    """The Cisco feature reasons that decide something; every other one is NONE here."""

    NONE = 0
    TRANSFER = 2
    FORWARD_NO_ANSWER = 3
    REDIRECT = 6
    BLIND_TRANSFER = 7


CAUSES = {
    "18": Cause.NO_USER_RESPONDING,
    "NOUSERRESPONDING": Cause.NO_USER_RESPONDING,
    "NOUSERRESPONSE": Cause.NO_USER_RESPONDING,
    "19": Cause.NO_ANSWER_FROM_USER,
    "NOANSWERFROMUSER": Cause.NO_ANSWER_FROM_USER,
    "21": Cause.CALL_REJECTED,
    "CALLREJECTED": Cause.CALL_REJECTED,
}
"""Cause as number or as name, without `CAUSE_` and underscores."""

FEATURE_REASONS = {
    "2": FeatureReason.TRANSFER,
    "TRANSFER": FeatureReason.TRANSFER,
    "3": FeatureReason.FORWARD_NO_ANSWER,
    "FORWARDNOANSWER": FeatureReason.FORWARD_NO_ANSWER,
    "6": FeatureReason.REDIRECT,
    "REDIRECT": FeatureReason.REDIRECT,
    "7": FeatureReason.BLIND_TRANSFER,
    "BLINDTRANSFER": FeatureReason.BLIND_TRANSFER,
}
"""Feature reason as number or as name, without `REASON_` and underscores."""


def kind_of(source: str, event_name: str) -> Kind:
    """The kind of an event; a name that the source's table has not is OTHER, in whatever package it came."""
    names = KINDS_BY_SOURCE.get(source, JTAPI_KINDS)
    return names.get(event_name.rsplit(".", 1)[-1], Kind.OTHER)


def cause_of(text: str) -> Cause:
    """The cause that a number or a name (`CAUSE_CALLREJECTED`, `CALL_REJECTED`, `21`) says."""
    return CAUSES.get(text.strip().upper().removeprefix("CAUSE_").replace("_", ""), Cause.NONE)


def feature_reason_of(text: str) -> FeatureReason:
    """The feature reason that a number or a name (`REASON_TRANSFER`, `TRANSFER`, `2`) says."""
    return FEATURE_REASONS.get(
        text.strip().upper().removeprefix("REASON_").replace("_", ""), FeatureReason.NONE
    )


def source_of(event_name: str) -> str:
    """The source of an event that came without one: the persisted table has eight names that no other source has."""
    return JTAPI_TABLE if event_name in PERSISTED_TABLE_KINDS else JTAPI
