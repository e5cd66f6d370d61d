"""JTAPI as Cisco's library gives it: event names, one extension an event, terminal connections key by terminal."""

from dataclasses import dataclass

from cx_pipeline.simulator.phones import Line, SwitchCall
from cx_pipeline.simulator.reports import MS, Report, Reporter


@dataclass(frozen=True, slots=True)
class Style:
    """How one listener writes: what differs from site to site and from release to release."""

    writes_numbers: bool
    """Causes and feature reasons as numbers, else as names."""
    has_core_events: bool
    """The core event stands beside the call-control event of the same name."""
    has_agent_connections: bool
    """Offered, alerting, established and disconnected are reported of agents' connections as well."""
    has_other_events: bool
    """Events that say nothing of the course of the call."""
    observation_ends: bool
    """CallObservationEndedEv follows after the call's end."""


CAUSE_NUMBERS = {"CAUSE_USERBUSY": "17", "CAUSE_NOANSWERFROMUSER": "19", "CAUSE_CALLREJECTED": "21"}
REASON_NUMBERS = {
    "REASON_TRANSFER": "2",
    "REASON_FORWARDNOANSWER": "3",
    "REASON_REDIRECT": "6",
    "REASON_BLINDTRANSFER": "7",
}
CONNECTION_IDS_A_CALL = 64


class JtapiReporter(Reporter):
    """Reports JTAPI events. `number` is the simulated call's, from which connection ids are made."""

    def __init__(self, style: Style, number: int) -> None:
        super().__init__()
        self._style = style
        self._connections: dict[tuple[int, str], str] = {}
        self._talking_at_once: set[Line] = set()
        self._first_connection = 38_000_000 + number * CONNECTION_IDS_A_CALL

    def connection_of(self, line: Line) -> str | None:
        """The id of the phone's connection on the call."""
        return self._connections.get((line.call.key.number, line.phones[0]))

    # What concerns the whole call, or a number outside of it.

    def call_started(self, time: int, call: SwitchCall) -> None:
        """CallActiveEv."""
        self._tell(time, "CallActiveEv", call)
        if self._style.has_other_events:
            self._tell(time, "ConnCreatedEv", call, call.calling)

    def outside_reached(self, time: int, call: SwitchCall, number: str) -> None:
        """Network reached and alerting, which say that the call is alive and no more."""
        self._tell(time, "CallCtlConnNetworkReachedEv", call, number)
        self._tell(time + 900 * MS, "CallCtlConnNetworkAlertingEv", call, number)

    def outside_established(self, time: int, call: SwitchCall, number: str) -> None:
        """CallCtlConnEstablishedEv of the number outside."""
        self._tell(time, "CallCtlConnEstablishedEv", call, number)

    def outside_failed(self, time: int, call: SwitchCall, number: str, cause: str) -> None:
        """CallCtlConnFailedEv of the number outside."""
        self._tell(time, "CallCtlConnFailedEv", call, number, cause=cause)

    def outside_left(self, time: int, call: SwitchCall, number: str) -> None:
        """ConnDisconnectedEv of the number outside, beside the call-control event where the listener gives both."""
        self._tell(time, "ConnDisconnectedEv", call, number)
        if self._style.has_core_events:
            self._tell(time, "CallCtlConnDisconnectedEv", call, number)

    def route_point_entered(self, time: int, call: SwitchCall, number: str) -> None:
        """The route point is offered the call and queues it."""
        self._tell(time, "CallCtlConnOfferedEv", call, number)
        self._tell(time + 300 * MS, "CallCtlConnQueuedEv", call, number)

    def route_point_left(self, time: int, call: SwitchCall, number: str) -> None:
        """The route point's connection goes, by redirection."""
        self._tell(time, "CallCtlConnDisconnectedEv", call, number, reason="REASON_REDIRECT")

    def call_ended(self, time: int, call: SwitchCall) -> None:
        """CallInvalidEv, and CallObservationEndedEv after it where the listener gives it."""
        self._tell(time, "CallInvalidEv", call)
        if self._style.observation_ends:
            self._tell(time + 200 * MS, "CallObservationEndedEv", call)

    # What concerns an agent's line.

    def went_off_hook(self, time: int, line: Line, *, is_talking_at_once: bool) -> None:
        """INITIATED, and TALKING with it where Cisco reports the originator so."""
        self._tell_line(time, "CallCtlConnInitiatedEv", line)
        if is_talking_at_once:
            self._talking_at_once.add(line)
            self._tell_line(time + 10 * MS, "CallCtlTermConnTalkingEv", line)

    def dialled(self, time: int, line: Line, number: str) -> None:
        """DIALING of the dialled number."""
        self._tell(time, "CallCtlConnDialingEv", line.call, number)
        if self._style.has_agent_connections and line in self._talking_at_once:
            self._tell_line(time, "CallCtlConnEstablishedEv", line)

    def rings(self, time: int, line: Line, reason: str | None) -> None:
        """RINGING on every phone."""
        if self._style.has_agent_connections:
            self._tell(time, "CallCtlConnOfferedEv", line.call, line.agent.extension, reason=reason)
            self._tell(time, "CallCtlConnAlertingEv", line.call, line.agent.extension, reason=reason)
        for phone in line.phones:
            if self._style.has_other_events:
                self._tell_phone(time, "TermConnCreatedEv", line, phone)
            if self._style.has_core_events:
                self._tell_phone(time, "TermConnRingingEv", line, phone)
            self._tell_phone(time, "CallCtlTermConnRingingEv", line, phone, reason=reason)

    def rings_out(self, time: int, line: Line, cause: str | None, reason: str | None) -> None:
        """DROPPED on every phone."""
        for phone in line.phones:
            self._dropped(time, line, phone, cause, reason)
        if self._style.has_agent_connections:
            self._tell(time, "CallCtlConnDisconnectedEv", line.call, line.agent.extension, cause=cause)

    def answered(self, time: int, line: Line) -> None:
        """TALKING on the phone that took the call."""
        if self._style.has_agent_connections:
            self._tell_line(time, "CallCtlConnEstablishedEv", line)
        if self._style.has_other_events:
            self._tell_line(time, "TermConnActiveEv", line)
        self._tell_line(time, "CallCtlTermConnTalkingEv", line)

    def other_phones_stop(self, time: int, line: Line) -> None:
        """DROPPED on the phones of a shared line that did not take the call."""
        for phone in line.agent.phones:
            if phone != line.phone:
                self._dropped(time, line, phone)

    def talks(self, time: int, line: Line) -> None:
        """TALKING of a line that called out."""
        self._tell_line(time, "CallCtlTermConnTalkingEv", line)

    resumed = talks
    joined = talks

    def held(self, time: int, line: Line) -> None:
        """HELD."""
        self._tell_line(time, "CallCtlTermConnHeldEv", line)

    def left(self, time: int, line: Line, reason: str | None = None) -> None:
        """DROPPED, and DISCONNECTED of the extension where the listener gives it."""
        self._dropped(time, line, line.phones[0], reason=reason)
        if self._style.has_agent_connections:
            self._tell(time, "ConnDisconnectedEv", line.call, line.agent.extension, reason=reason)

    # Consult, transfer, conference.

    def consult_dialled_on_same_call(self, time: int, call: SwitchCall, colleague: str) -> None:
        """INITIATED and DIALING of the colleague, as the guide has it."""
        self._tell(time, "CallCtlConnInitiatedEv", call, colleague)
        self._tell(time, "CallCtlConnDialingEv", call, colleague)

    def consult_started(self, time: int, line: Line, colleague: str) -> None:
        """CiscoConsultCallActiveEv, where the consult has a call key of its own."""
        self._tell_line(time, "CiscoConsultCallActiveEv", line, previous=line.call.previous)

    def transfer_started(
        self, time: int, final: SwitchCall, merged: SwitchCall | None, line: Line, colleague: Line
    ) -> None:
        """CiscoTransferStartEv."""
        self._tell_merge(time, "CiscoTransferStartEv", final, merged, line, None)

    def conference_started(
        self,
        time: int,
        final: SwitchCall,
        merged: SwitchCall | None,
        line: Line,
        colleague: Line,
        reason: str | None,
    ) -> None:
        """CiscoConferenceStartEv; CallCtlConferencedEv, as recorded, where all is one call key."""
        if merged is None:
            self._tell(time, "CallCtlConferencedEv", final, reason=reason)
        else:
            self._tell_merge(time, "CiscoConferenceStartEv", final, merged, line, reason)

    def merge_ended(self, time: int, final: SwitchCall, *, is_conference: bool) -> None:
        """The End event of the merge."""
        self._tell(time, "CiscoConferenceEndEv" if is_conference else "CiscoTransferEndEv", final)

    # How a report is written.

    def _dropped(
        self, time: int, line: Line, phone: str, cause: str | None = None, reason: str | None = None
    ) -> None:
        if self._style.has_core_events:
            self._tell_phone(time, "TermConnDroppedEv", line, phone, cause=cause, reason=reason)
        self._tell_phone(time, "CallCtlTermConnDroppedEv", line, phone, cause=cause, reason=reason)

    def _tell(
        self,
        time: int,
        name: str,
        call: SwitchCall,
        extension: str | None = None,
        cause: str | None = None,
        reason: str | None = None,
    ) -> None:
        key = call.key
        self.reports.append(
            Report(
                time,
                name,
                key.text,
                jtapi_id=key.jtapi_id,
                extension=extension,
                cause=self._written(cause, CAUSE_NUMBERS),
                feature_reason=self._written(reason, REASON_NUMBERS),
            )
        )

    def _tell_line(self, time: int, name: str, line: Line, previous: SwitchCall | None = None) -> None:
        self._tell_phone(time, name, line, line.phones[0], previous=previous)

    def _tell_phone(
        self,
        time: int,
        name: str,
        line: Line,
        phone: str,
        cause: str | None = None,
        reason: str | None = None,
        previous: SwitchCall | None = None,
    ) -> None:
        key = line.call.key
        self.reports.append(
            Report(
                time,
                name,
                key.text,
                None if previous is None else previous.key.text,
                key.jtapi_id,
                self._connection(line.call, phone),
                line.agent.extension,
                phone,
                cause=self._written(cause, CAUSE_NUMBERS),
                feature_reason=self._written(reason, REASON_NUMBERS),
            )
        )

    def _tell_merge(
        self,
        time: int,
        name: str,
        final: SwitchCall,
        merged: SwitchCall | None,
        line: Line,
        reason: str | None,
    ) -> None:
        phone = line.phones[0]
        self.reports.append(
            Report(
                time,
                name,
                final.key.text,
                None if merged is None else merged.key.text,
                final.key.jtapi_id,
                self._connection(final, phone),
                line.agent.extension,
                phone,
                feature_reason=self._written(reason, REASON_NUMBERS),
            )
        )

    def _connection(self, call: SwitchCall, phone: str) -> str:
        known = self._connections
        identity = (call.key.number, phone)
        if identity not in known:
            known[identity] = str(self._first_connection + len(known))
        return known[identity]

    def _written(self, name: str | None, numbers: dict[str, str]) -> str | None:
        return numbers[name] if name is not None and self._style.writes_numbers else name
