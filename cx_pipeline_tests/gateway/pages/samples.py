"""Calls as a supervisor meets them, for the tests that look at pages."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cx_pipeline.core.recording.mix_plan import PlanWarning
from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline_tests.gateway.pages.recorded_calls import RecordedCall, RecordedCalls, leg_row, talk

ANNA = {"agent_extension": "1005", "agent_name": "Anna Muster", "agent_id": "5001"}
BEN = {"agent_extension": "1017", "agent_name": "Ben Okafor", "agent_id": "5002"}
CHIARA = {"agent_extension": "1023", "agent_name": "Chiara Rossi", "agent_id": "5003"}


@dataclass(frozen=True)
class Samples:
    """A call that was transferred, with all that can be marked on one leg; and a conference."""

    transferred: RecordedCall
    conference: RecordedCall


def sample_calls(calls: RecordedCalls, now: datetime, seconds: int = 60) -> Samples:
    """Make them: they ended some minutes before `now`."""
    return Samples(_transferred(calls, now, seconds), _conference(calls, now, seconds))


def _transferred(calls: RecordedCalls, now: datetime, seconds: int) -> RecordedCall:
    start, unit = now - timedelta(hours=2), seconds / 60
    first = leg_row(
        **ANNA, start_time=start, end_time=start + timedelta(seconds=seconds), duration_ms=seconds * 1000,
        customer_identifier="+4930901820", service_identifier="8001", call_type="CONSULT_TRANSFER",
        consult_target="1017", transferred_to="1017", wrap_up="Invoice explained", held_ms=round(9000 * unit),
        queue_s=37, work_s=12,
    )  # fmt: skip
    begin = start + timedelta(seconds=seconds)
    second = leg_row(
        **BEN, start_time=begin, end_time=begin + timedelta(seconds=95), duration_ms=95_000,
        call_id=first["call_id"], leg_number=2, call_type="CONSULT_TRANSFER", transferred_from="1005",
        customer_identifier="+4930901820", service_identifier="8001", wrap_up="Refund",
    )  # fmt: skip
    calls.legs(first, second)
    agent = [(0.4, 5), (9, 13), (17, 19.5), (35.5, 41), (45, 46.2), (55, 59)]
    other = [(5.3, 8.6), (13.4, 16.5), (20, 24.5), (41.5, 45), (50, 54.5)]
    return calls.recording(
        [talk(seconds, [(a * unit, b * unit) for a, b in turns], seed) for seed, turns in ((1, agent), (2, other))],
        [first],
        markers=[
            ("HOLD_START", 25.5 * unit, ""),
            ("HOLD_END", 34.5 * unit, ""),
            ("MASK_START", 46.2 * unit, ""),
            ("MASK_END", 49.8 * unit, ""),
            ("TRANSFER", 59.4 * unit, "to 1017"),
        ],
        stretches=[(0, 25.5 * unit, "TALKING", "1005"), (25.5 * unit, 34.5 * unit, "HOLD", "1005")],
        warnings=(
            PlanWarning("one_sided", f"the far end of 1005 is missing for {1.5 * unit:.1f} s"),
            PlanWarning("clock_unknown", "too few files tell how far the clock of recorder recorder-2 is off"),
        ),
    )  # fmt: skip


def _conference(calls: RecordedCalls, now: datetime, seconds: int) -> RecordedCall:
    start, unit = now - timedelta(hours=3), seconds / 60
    together = {
        "call_type": "CONFERENCE", "conference_id": "7", "participants": ["1005", "1023", "+4930901820"],
        "customer_identifier": "+390655501", "service_identifier": "8044", "wrap_up": None,
    }  # fmt: skip
    first = leg_row(**ANNA, **together, start_time=start, end_time=start + timedelta(seconds=50 * unit))
    second = leg_row(
        **CHIARA,
        **together,
        start_time=start + timedelta(seconds=20 * unit),
        call_id=first["call_id"],
        leg_number=2,
    )
    calls.legs(first, second)
    turns = [
        [(0, 6), (14, 22), (34, 38)],
        [(6.5, 13), (24, 28), (40, 46)],
        [(22.5, 24), (28.5, 33.5), (47, 58)],
        [(39, 40), (24.5, 28), (46, 47)],
    ]
    return calls.recording(
        [talk(seconds, [(a * unit, b * unit) for a, b in each], seed) for seed, each in enumerate(turns, 3)],
        [first, second],
        channel_names=("near 1005", "far 1005", "near 1023", "far 1023"),
        markers=[("CONFERENCE_START", 22 * unit, ""), ("CONFERENCE_END", 50 * unit, "")],
        stretches=[(0, 50 * unit, "TALKING", "1005"), (20 * unit, 60 * unit, "TALKING", "1023")],
        parameters=MixParameters(layout="multichannel"),
        offsets_ms=[0, round(20_000 * unit)],
    )  # fmt: skip


def more_calls(calls: RecordedCalls, now: datetime) -> None:
    """Calls without a recording to play: left out, waited for, failed, missing, unanswered, still going on."""
    people = (ANNA, BEN, CHIARA)
    rows = [
        leg_row(
            **people[number % 3],
            start_time=now - timedelta(minutes=minutes),
            end_time=now - timedelta(minutes=minutes - 4) if number else None,
            status="COMPLETED" if number else "IN_PROGRESS",
            duration_ms=240_000 if number else None,
            customer_identifier=f"+49891234{number:02d}",
            wrap_up=None if number < 2 else "Callback asked for",
            is_answered=number != 4,
            is_reportable=number != 4,
            call_type="RONA" if number == 4 else ("OUTBOUND" if number == 3 else "SIMPLE"),
            direction="OUTBOUND" if number == 3 else "INBOUND",
            rona_reason="NO_ANSWER" if number == 4 else None,
        )
        for number, minutes in enumerate((2, 9, 95, 150, 170, 200))
    ]
    calls.legs(*rows)
