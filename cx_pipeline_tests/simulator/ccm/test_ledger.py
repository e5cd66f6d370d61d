import pytest

from cx_pipeline.simulator.ccm.ledger import Ledger, Receipt, violations_of
from cx_pipeline_tests.simulator.ccm.messages import message, recording

WHOLE = ("CALL_LEG_STARTED", "CALL_HOLD", "CALL_RESUME", "CALL_LEG_ENDED", "WRAPUP")


def receipts(*messages):
    return [Receipt.of(each) for each in messages]


def wrong(*messages):
    return [violation.what for violation in violations_of(receipts(*messages))]


def test_a_leg_told_as_it_went_is_in_order_whatever_comes_between():
    one, other = ([message(intent, leg) for intent in WHOLE] for leg in ("leg-1", "leg-2"))
    between = [each for pair in zip(one, other, strict=True) for each in pair]
    assert wrong(recording(), *between) == []


@pytest.mark.parametrize(
    ("first", "second", "what"),
    [
        ("CALL_LEG_ENDED", "CALL_LEG_STARTED", "CALL_LEG_ENDED before CALL_LEG_STARTED"),
        ("CALL_RESUME", "CALL_HOLD", "CALL_HOLD after CALL_RESUME"),
        ("CALL_LEG_ENDED", "CALL_RESUME", "CALL_RESUME after CALL_LEG_ENDED"),
        ("WRAPUP", "CALL_LEG_ENDED", "CALL_LEG_ENDED after WRAPUP"),
    ],
)
def test_each_exchange_of_two_messages_is_noticed(first, second, what):
    order = [each for each in WHOLE if each not in (first, second)]
    place = min(WHOLE.index(first), WHOLE.index(second))
    order[place:place] = [first, second]
    assert what in wrong(*map(message, order))


def test_a_correction_comes_after_what_it_supersedes():
    told = [message(intent) for intent in WHOLE]
    assert wrong(*told, message("CALL_LEG_ENDED", revision=1)) == []
    assert wrong(*told[:3], message("CALL_LEG_ENDED", revision=1), *told[3:]) == [
        "before the message that it supersedes"
    ]
    assert wrong(*told, message("WRAPUP", revision=2)) == ["before the message that it supersedes"]


def test_a_correction_of_another_kind_of_message_is_noticed():
    other = message("WRAPUP", revision=1)
    other["body"]["additionalDetail"]["supersedes"] = message("CALL_HOLD")["id"]
    assert wrong(*map(message, WHOLE), other) == ["supersedes another kind of message"]


def test_a_hold_may_follow_the_end_only_where_the_end_is_corrected_with_it():
    told = [message(intent) for intent in ("CALL_LEG_STARTED", "CALL_LEG_ENDED")]
    late = [message("CALL_HOLD"), message("CALL_RESUME")]
    assert wrong(*told, *late, message("CALL_LEG_ENDED", revision=1)) == []
    assert wrong(*told, *late) == ["CALL_HOLD after CALL_LEG_ENDED"]


def test_messages_are_counted_by_id_intent_and_call():
    ledger = Ledger()
    for each in (message("CALL_LEG_STARTED"), message("CALL_LEG_ENDED"), recording()):
        assert ledger.receive(Receipt.of(each))
    assert not ledger.receive(Receipt.of(message("CALL_LEG_STARTED")))
    ledger.reject("no")
    count = ledger.to_json()
    started, ended = message("CALL_LEG_STARTED")["id"], message("CALL_LEG_ENDED")["id"]
    assert (count["messages"], count["receptions"], count["duplicates"]) == (3, 4, 1)
    assert count["by_intent"] == {"CALL_LEG_ENDED": 1, "CALL_LEG_STARTED": 1, "VOICE_RECORDING": 1}
    assert count["by_message"][started] == 2
    assert count["by_call"] == {"call-1": [started, ended], "leg-key": [recording()["id"]]}
    assert count["rejected"] == {"no": 1}
    assert "by_message" not in ledger.to_json(is_detailed=False)
