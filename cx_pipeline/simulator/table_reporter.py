"""The persisted table: eight names, a connection id, calling and called extension instead of one.

It shows no ringing and no second line of a controller: an agent is seen from the answer to the end of the
connection that has the agent's extension at its own end.
"""

from cx_pipeline.simulator.phones import Line, SwitchCall
from cx_pipeline.simulator.reports import Report, Reporter


class TableReporter(Reporter):
    """Reports rows of the persisted table. `number` is the simulated call's, from which connection ids are made."""

    shows_ringing = False
    shows_controller_on_consult = False

    def __init__(self, direction: str, number: int) -> None:
        super().__init__()
        self._direction = direction
        self._number = number
        self._connections: dict[Line, str] = {}
        self._connected: set[Line] = set()

    def connection_of(self, line: Line) -> str | None:
        """The id in the line's rows."""
        return self._connections.get(line)

    def answered(self, time: int, line: Line) -> None:
        """CALL_CONNECTED; a consult's row names the call that it continues."""
        self._connected.add(line)
        self._tell(time, "CALL_CONNECTED", line, line.call.previous)

    def talks(self, time: int, line: Line) -> None:
        """CALL_CONNECTED of an agent who called out; the controller of a consult is not shown."""
        if line.call.previous is None:
            self.answered(time, line)

    def joined(self, time: int, line: Line) -> None:
        """CALL_CONNECTED with a connection of its own, unless the agent has one on this call."""
        if line not in self._connected:
            self.answered(time, line)

    def held(self, time: int, line: Line) -> None:
        """CALL_HELD."""
        self._tell(time, "CALL_HELD", line)

    def resumed(self, time: int, line: Line) -> None:
        """CALL_RESUMED."""
        self._tell(time, "CALL_RESUMED", line)

    def left(self, time: int, line: Line, reason: str | None = None) -> None:
        """CALL_DISCONNECTED, where the table has the connection."""
        if line in self._connected:
            self._tell(time, "CALL_DISCONNECTED", line)

    def consult_started(self, time: int, line: Line, colleague: str) -> None:
        """CALL_CONSULT_STARTED from the controller to the colleague."""
        previous = line.call.previous
        self._row(
            time,
            "CALL_CONSULT_STARTED",
            line.call,
            self._consult_connection(line.call),
            line,
            colleague,
            previous,
        )

    def transfer_started(
        self, time: int, final: SwitchCall, merged: SwitchCall | None, line: Line, colleague: Line
    ) -> None:
        """CALL_TRANSFERRED, on the controller's connection, else on that which the colleague gets."""
        connection = self._connections.get(line) or self._connection_of(colleague)
        self._row(time, "CALL_TRANSFERRED", final, connection, line, colleague.agent.extension, merged)

    def conference_started(
        self,
        time: int,
        final: SwitchCall,
        merged: SwitchCall | None,
        line: Line,
        colleague: Line,
        reason: str | None,
    ) -> None:
        """CALL_CONF_STARTED."""
        extension = colleague.agent.extension
        self._row(time, "CALL_CONF_STARTED", final, self._connections.get(line), line, extension, merged)

    def merge_ended(self, time: int, final: SwitchCall, *, is_conference: bool) -> None:
        """CALL_CONF_ENDED after a conference; nothing after a transfer."""
        if is_conference:
            row = Report(
                time,
                "CALL_CONF_ENDED",
                final.key.text,
                jtapi_id=final.key.jtapi_id,
                direction=self._direction,
            )
            self.reports.append(row)

    def _tell(self, time: int, name: str, line: Line, previous: SwitchCall | None = None) -> None:
        call, extension, phone = line.call, line.agent.extension, line.phones[0]
        connection = self._connection_of(line)
        calls_out = self._direction == "OUTBOUND" and call.previous is None
        self.reports.append(
            Report(
                time,
                name,
                call.key.text,
                None if previous is None else previous.key.text,
                call.key.jtapi_id,
                connection,
                calling_extension=extension if calls_out else call.calling,
                called_extension=call.called if calls_out else extension,
                calling_terminal=phone if calls_out else None,
                called_terminal=None if calls_out else phone,
                direction=self._direction,
            )
        )

    def _row(
        self,
        time: int,
        name: str,
        call: SwitchCall,
        connection: str | None,
        controller: Line,
        colleague: str,
        previous: SwitchCall | None,
    ) -> None:
        self.reports.append(
            Report(
                time,
                name,
                call.key.text,
                None if previous is None else previous.key.text,
                call.key.jtapi_id,
                connection,
                calling_extension=controller.agent.extension,
                called_extension=colleague,
                calling_terminal=controller.phones[0],
                direction=self._direction,
            )
        )

    def _connection_of(self, line: Line) -> str:
        if line not in self._connections:
            is_consult = line.call.previous is not None
            new = self._consult_connection(line.call) if is_consult else self._new_connection(line.call)
            self._connections[line] = new
        return self._connections[line]

    def _new_connection(self, call: SwitchCall) -> str:
        return self._connection(call, len(self._connections))

    def _consult_connection(self, call: SwitchCall) -> str:
        return self._connection(call, "c")

    def _connection(self, call: SwitchCall, part: int | str) -> str:
        return f"{self._number}-{call.key.number}-{part}"
