import pytest

from cx_pipeline.core.events.vocabulary import (
    ENDING_KINDS,
    JTAPI,
    JTAPI_KINDS,
    JTAPI_NAMES_BY_CODE,
    JTAPI_TABLE,
    PERSISTED_TABLE_KINDS,
    Cause,
    FeatureReason,
    Kind,
    cause_of,
    feature_reason_of,
    kind_of,
    source_of,
)
from cx_pipeline_tests.core.calls.scenario import KIND_EVENTS


def test_every_name_of_cisco_for_a_kind_is_known() -> None:
    assert {kind_of(JTAPI, event) for event in KIND_EVENTS.values()} == set(Kind)
    assert {name: kind_of(JTAPI, event).name for name, event in KIND_EVENTS.items()} == {
        n: n for n in KIND_EVENTS
    }


def test_a_name_is_known_in_whatever_package_it_stands() -> None:
    assert kind_of(JTAPI, "com.cisco.jtapi.extensions.CiscoTransferStartEv") == Kind.TRANSFER


def test_what_no_table_has_is_other() -> None:
    assert kind_of(JTAPI, "CALL_CONNECTED") == Kind.OTHER
    assert kind_of(JTAPI_TABLE, "CallActiveEv") == Kind.OTHER
    assert kind_of("genesys", "CallActiveEv") == Kind.STARTED


def test_the_kinds_at_one_instant_stand_in_the_order_of_the_specification() -> None:
    order = (
        "STARTED OFFERED INITIATED DIALING QUEUED ALERTING RINGING ESTABLISHED HELD CONSULT TALKING TRANSFER "
        "CONFERENCE MERGED DROPPED DISCONNECTED FAILED ENDED OTHER"
    )
    assert [kind.name for kind in sorted(Kind)] == order.split()
    assert [kind.name for kind in ENDING_KINDS] == ["DROPPED", "DISCONNECTED", "FAILED", "ENDED"]


def test_every_number_that_stands_for_a_kind_stands_for_a_name_of_the_table() -> None:
    numbered = set(JTAPI_NAMES_BY_CODE.values())
    assert set(JTAPI_KINDS) - numbered == {"CallCtlConferencedEv"}


def test_the_persisted_table_has_eight_names() -> None:
    assert len(PERSISTED_TABLE_KINDS) == 8
    assert {source_of(name) for name in PERSISTED_TABLE_KINDS} == {JTAPI_TABLE}
    assert source_of("CallActiveEv") == source_of("whatever") == JTAPI


@pytest.mark.parametrize("text", ["21", "CAUSE_CALLREJECTED", "CALLREJECTED", "call_rejected", " 21 "])
def test_a_cause_is_a_number_or_a_name(text: str) -> None:
    assert cause_of(text) == Cause.CALL_REJECTED


@pytest.mark.parametrize("text", ["3", "REASON_FORWARDNOANSWER", "FORWARDNOANSWER", "Forward_No_Answer"])
def test_a_feature_reason_is_a_number_or_a_name(text: str) -> None:
    assert feature_reason_of(text) == FeatureReason.FORWARD_NO_ANSWER


def test_causes_and_reasons_that_decide_nothing_are_none() -> None:
    assert cause_of("16") == cause_of("") == cause_of("nonsense") == Cause.NONE
    assert feature_reason_of("99") == feature_reason_of("") == FeatureReason.NONE
