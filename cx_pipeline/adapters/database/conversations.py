"""Which conversation a call belongs to, as the conversation manager's list last told."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl
from sqlalchemy import Engine, Text, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, insert

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.message_tables import call_conversation
from cx_pipeline.adapters.database.staging import stage, staging_table

_NAMES = ("cx_call_id", "conversation_id", "channel_session_id")
_CALL_IDS = bindparam("call_ids", type_=ARRAY(Text))
_NEW = staging_table("new_call_conversation", call_conversation, _NAMES)


@dataclass(frozen=True, slots=True)
class KnownConversation:
    """The conversation of a call and its channel session; either may be unknown."""

    conversation_id: str | None
    channel_session_id: str | None


class Conversations:
    """Reads and writes the conversations of calls."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of_calls(self, call_ids: Collection[str]) -> Mapping[str, KnownConversation]:
        """The conversations that are known of some calls, by the CX call id.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        table = call_conversation
        # One array, not a parameter for each: a large site's first plan asks for a hundred thousand calls.
        query = select(*(table.c[name] for name in _NAMES)).where(table.c.cx_call_id == func.any(_CALL_IDS))
        with database_errors("to read conversations"), self._engine.connect() as connection:
            return {
                call_id: KnownConversation(conversation, session)
                for call_id, conversation, session in connection.execute(query, {"call_ids": list(call_ids)})
            }

    def learn(self, activities: pl.DataFrame) -> int:
        """Note the conversations of voice activities (`call_id`, `conversation_id`, `channel_session_id`); how many changed.

        Raises:
            DatabaseUnavailableError: the database does not answer.
        """
        known = (
            activities.filter(pl.col("call_id").is_not_null() & pl.col("conversation_id").is_not_null())
            .select(pl.col("call_id").alias("cx_call_id"), "conversation_id", "channel_session_id")
            .sort("cx_call_id", "conversation_id", "channel_session_id", nulls_last=True)
            .unique("cx_call_id", keep="first", maintain_order=True)
        )
        if known.is_empty():
            return 0
        with database_errors("to note conversations"), self._engine.begin() as connection:
            stage(connection, _NEW, known)
            rows = insert(call_conversation).from_select(_NAMES, select(*_NEW.c), include_defaults=False)
            new = {name: rows.excluded[name] for name in _NAMES[1:]}
            differs = or_(*(call_conversation.c[name].is_distinct_from(value) for name, value in new.items()))
            written = rows.on_conflict_do_update(
                index_elements=["cx_call_id"], set_={**new, "seen_at": func.now()}, where=differs
            )
            return connection.execute(written.execution_options(preserve_rowcount=True)).rowcount
