import polars as pl
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.conversations import Conversations, KnownConversation

SCHEMA = {"call_id": pl.String, "conversation_id": pl.String, "channel_session_id": pl.String}


def activities(*rows: tuple[str | None, str | None, str | None]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=SCHEMA, orient="row")


def test_what_the_list_told_of_a_call_is_known_afterwards(engine: Engine):
    conversations = Conversations(engine)
    rows = activities(
        ("a", "conv-1", "session-1"), ("b", None, None), (None, "conv-2", None), ("c", "conv-3", None)
    )
    assert conversations.learn(rows) == 2
    assert conversations.of_calls(["a", "b", "c", "d"]) == {
        "a": KnownConversation("conv-1", "session-1"),
        "c": KnownConversation("conv-3", None),
    }


def test_what_is_known_already_is_not_written_again_and_what_changed_is(engine: Engine):
    conversations = Conversations(engine)
    conversations.learn(activities(("a", "conv-1", "session-1"), ("b", "conv-2", None)))
    before = "SELECT cx_call_id, xmin::text FROM call_conversation ORDER BY 1"
    with engine.connect() as connection:
        rows = connection.execute(text(before)).all()
    assert conversations.learn(activities(("a", "conv-1", "session-1"), ("b", "conv-2", "session-2"))) == 1
    with engine.connect() as connection:
        after = connection.execute(text(before)).all()
    assert after[0] == rows[0]
    assert after[1] != rows[1]
    assert conversations.of_calls(["b"])["b"].channel_session_id == "session-2"


def test_several_legs_of_a_call_tell_its_conversation_once(engine: Engine):
    conversations = Conversations(engine)
    assert (
        conversations.learn(activities(("a", "conv-1", "s"), ("a", "conv-1", "s"), ("a", "conv-0", "s"))) == 1
    )
    assert conversations.of_calls(["a"])["a"].conversation_id == "conv-0"


def test_a_hundred_thousand_calls_are_asked_for_at_once(engine: Engine):
    conversations = Conversations(engine)
    conversations.learn(activities(("99999", "conv", "session")))
    assert list(conversations.of_calls([str(number) for number in range(100_000)])) == ["99999"]
