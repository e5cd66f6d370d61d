"""Pause and resume of a recording that runs: masked and unmasked by the recorder's own script, over its event socket.

The script (`lua/cx/masking.lua`) masks both streams of a forked call, and notes span, agent and reason in the
manifests; so what was hidden is known wherever the recording goes.
"""

import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum

from anyio.to_thread import run_sync
from sqlalchemy import Engine

from cx_pipeline.adapters.database.recording_control import RecordingControl
from cx_pipeline.adapters.freeswitch.event_socket import EventSocket, open_event_socket
from cx_pipeline.core.errors import ConfigurationError, CxError, DestinationUnavailableError, InputError
from cx_pipeline.gateway.access.principal import Principal
from cx_pipeline.system_settings import EventSocketSettings

_UUID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", re.ASCII)
"""As the scripts take it: nothing that could be a second argument, an option, or a line's end."""
_NOT_IN_WORDS = re.compile(r"[^\w .,:;@+\-/()]")
_LONGEST_AGENT, _LONGEST_REASON = 128, 200
_TENANT_VARIABLE = "cx_tenant_id"
_UNDEFINED = "_undef_"

_log = logging.getLogger(__name__)


class Action(StrEnum):
    """What is asked of a recording, and the recorder's script that does it."""

    PAUSE = "PAUSE"
    RESUME = "RESUME"

    @property
    def script(self) -> str:
        """Name of the script."""
        return f"recording_{self.lower()}.lua"


class RefusedError(InputError):
    """The recorder knows the call, and did not do what was asked; the message is its answer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who wants what of which recording, and why."""

    action: Action
    call_uuid: str
    asker: Principal
    agent: str
    reason: str

    def command(self) -> str:
        """The API command. Who and why are words only: the switch splits at blanks and reads quotes."""
        agent = _words(self.agent, _LONGEST_AGENT).replace(" ", "_") or "unknown"
        reason = _words(self.reason, _LONGEST_REASON)
        return f"lua {self.action.script} {self.call_uuid} {agent} {reason}".rstrip()


def is_call_uuid(text: str) -> bool:
    """Whether it may name a channel."""
    return _UUID.fullmatch(text) is not None


class RecordingMasks:
    """Asks the recorders."""

    def __init__(self, event_sockets: Sequence[EventSocketSettings], engine: Engine) -> None:
        self._event_sockets = tuple(event_sockets)
        self._audit = RecordingControl(engine)

    async def apply(self, asked: Asked) -> str | None:
        """Have a recording masked or unmasked; the recorder's answer. Null: there is no such call.

        Raises:
            RefusedError: the recorder knows the call, and refuses.
            DestinationUnavailableError: a recorder does not answer, and no other one has the call.
            ConfigurationError: likewise, as the settings of its event socket are wrong.
            DatabaseUnavailableError: nobody could be told of it later: the recorder was not asked.
        """
        async with AsyncExitStack() as stack:
            found = await self._find(asked, stack)
            if found is None:
                return None
            recorder, connection, tenant_id = found
            return await self._ask(asked, recorder, connection, tenant_id)

    async def _find(
        self, asked: Asked, stack: AsyncExitStack
    ) -> tuple[EventSocketSettings, EventSocket, str] | None:
        """The recorder that has the call, a connection to it, and whose call it is."""
        failure: CxError | None = None
        async for recorder, looked_up in self._looked_up(asked, stack):
            if isinstance(looked_up, CxError):
                failure = looked_up
            elif looked_up is not None:
                return recorder, *looked_up
        if failure is not None:
            raise failure
        return None

    async def _looked_up(
        self, asked: Asked, stack: AsyncExitStack
    ) -> AsyncIterator[tuple[EventSocketSettings, tuple[EventSocket, str] | CxError | None]]:
        may_have = [each for each in self._event_sockets if _may_serve(each, asked.asker)]
        for recorder in may_have:
            try:
                connection = await stack.enter_async_context(open_event_socket(recorder))
                yield recorder, await _look_up(connection, recorder, asked)
            except (DestinationUnavailableError, ConfigurationError) as error:
                yield recorder, error

    async def _ask(
        self, asked: Asked, recorder: EventSocketSettings, connection: EventSocket, tenant_id: str
    ) -> str:
        control_id = await run_sync(
            lambda: self._audit.note_asked(
                tenant_id=tenant_id,
                subject=asked.asker.subject,
                call_uuid=asked.call_uuid,
                recorder_id=recorder.recorder_id,
                action=asked.action,
                agent=asked.agent,
                reason=asked.reason,
            )
        )
        try:
            answer = await connection.api(asked.command())
        except CxError as error:
            await self._note(control_id, f"UNKNOWN: {error}")
            raise
        await self._note(control_id, answer or "no answer")
        if not answer.startswith("+OK"):
            raise RefusedError(answer.removeprefix("-ERR").strip() or "the recorder's script did not answer")
        return answer.removeprefix("+OK").strip()

    async def _note(self, control_id: int, outcome: str) -> None:
        """What came of it; where it cannot be noted the row says that nobody knows, which is no reason to fail."""
        try:
            await run_sync(self._audit.note_outcome, control_id, outcome[:500])
        except CxError as error:
            _log.error("what came of the recording's control %d cannot be noted: %s", control_id, error)


def _may_serve(recorder: EventSocketSettings, asker: Principal) -> bool:
    return not recorder.tenants or any(asker.sees(tenant) for tenant in recorder.tenants)


async def _look_up(
    connection: EventSocket, recorder: EventSocketSettings, asked: Asked
) -> tuple[EventSocket, str] | None:
    """The connection and the call's tenant, where the recorder has the call and it is the asker's."""
    if await connection.api(f"uuid_exists {asked.call_uuid}") != "true":
        return None
    told = await connection.api(f"uuid_getvar {asked.call_uuid} {_TENANT_VARIABLE}")
    is_told = bool(told) and told != _UNDEFINED and not told.startswith("-")
    if is_told:
        tenant_id = told
    elif len(recorder.tenants) == 1:
        tenant_id = recorder.tenants[0]
    else:
        tenant_id = asked.asker.tenant  # nobody knows whose call it is: only who may see all may touch it
        return (connection, tenant_id) if asked.asker.tenant_id is None else None
    return (connection, tenant_id) if asked.asker.sees(tenant_id) else None


def _words(text: str, most_characters: int) -> str:
    return " ".join(_NOT_IN_WORDS.sub(" ", text).split())[:most_characters].strip()
