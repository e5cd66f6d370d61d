"""The table of recordings: what a window wants, what is made, what replaces what."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from cx_pipeline.adapters.database.manifest_arrivals import ManifestArrivals
from cx_pipeline.adapters.database.recordings import Recordings
from cx_pipeline.core.frames import MIXED_RECORDINGS
from cx_pipeline.core.recording.mix_plan import LegOffset, MixInput, MixPlan, PlanWarning
from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline.core.recording.rendered import RenderedFile
from cx_pipeline.core.recording.wanted import WantedRecording
from cx_pipeline.core.windows import Window

TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)
WINDOW = Window(TEN, TEN + timedelta(hours=1))
NEXT = Window(WINDOW.end, WINDOW.end + timedelta(hours=1))


def uuid(number: int) -> str:
    return f"00000000-0000-8000-8000-{number:012d}"


CALL, LEG, OTHER_LEG = uuid(100), uuid(1), uuid(2)
FILES = (uuid(11), uuid(12))


def plan(
    number: int,
    files: tuple[str, ...] = FILES,
    legs: tuple[str, ...] = (LEG,),
    kind: str = "LEG",
    warnings: tuple[PlanWarning, ...] = (),
) -> MixPlan:
    return MixPlan(
        recording_id=uuid(number),
        kind=kind,
        tenant_id="acme",
        call_id=CALL,
        leg_id=legs[0] if kind == "LEG" else None,
        legs=tuple(LegOffset(leg, 1000 * place) for place, leg in enumerate(legs)),
        start_time=TEN,
        sample_rate_hz=8000,
        channel_names=("near end", "far end"),
        frames=16_000,
        inputs=tuple(MixInput(file, f"/{file}.wav", "PCM_16", 8000, 1, 16_000, 44, 32_044) for file in files),
        placements=(),
        parameters=MixParameters(),
        warnings=warnings,
    )


def wanted(made: MixPlan, state: str = "QUEUED", due_at: datetime | None = None) -> WantedRecording:
    return WantedRecording(
        recording_id=made.recording_id,
        tenant_id="acme",
        kind=made.kind,
        state=state,
        manifest_ids=tuple(each.manifest_id for each in made.inputs),
        call_id=made.call_id,
        leg_id=made.leg_id,
        due_at=due_at,
        plan=made,
    )


def missing(number: int = 50, state: str = "FAILED", leg: str = LEG) -> WantedRecording:
    return WantedRecording(uuid(number), "acme", "LEG", state, (), CALL, leg, failure="NO_MANIFEST")


def rendered(made: MixPlan) -> RenderedFile:
    return RenderedFile(
        path=f"acme/2026-03-02/{made.recording_id}_mixed.wav",
        metadata_path="x.json",
        size_bytes=64_044,
        audio_bytes=64_044,
        sha256="a" * 64,
        md5="b" * 32,
        encryption="none",
        channels=(),
        input_sha256=(),
        render_s=0.1,
        hash_s=0.1,
    )


def finish(table: Recordings, made: MixPlan, window: Window = WINDOW) -> None:
    table.plan(window, [wanted(made)])
    table.mixing(made.recording_id)
    table.completed(made, rendered(made), {}, None)


def shown(engine: Engine) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT recording_id::text, state, is_current FROM recording ORDER BY recording_id")
        )
        return [(str(row[0])[-2:], row[1], row[2]) for row in rows]


def test_a_finished_recording_is_read_as_the_frame_of_its_window(engine: Engine):
    table = Recordings(engine)
    made = plan(31, legs=(LEG, OTHER_LEG), kind="CALL", warnings=(PlanWarning("drift", "a little"),))
    finish(table, made)
    frame = table.of_window(WINDOW)
    assert MIXED_RECORDINGS.problems(frame) == []
    row = frame.row(0, named=True)
    assert row["leg_offsets"] == [{"leg_id": LEG, "offset_ms": 0}, {"leg_id": OTHER_LEG, "offset_ms": 1000}]
    assert (row["state"], row["duration_ms"], row["warnings"]) == ("COMPLETED", 2000, ["drift"])
    assert table.of_window(NEXT).is_empty()
    assert table.of_call(CALL).equals(frame)
    assert table.of_tenants(["acme"], [TEN]).equals(frame)
    assert table.of_tenants(["other"], [TEN]).is_empty()


def test_planning_twice_changes_nothing_of_what_is_finished(engine: Engine):
    table = Recordings(engine)
    finish(table, plan(31))
    states = table.plan(WINDOW, [wanted(plan(31))])
    assert states[uuid(31)].state == "COMPLETED"
    assert states[uuid(31)].attempts == 1


def test_a_failure_in_passing_keeps_its_time_and_reason_when_the_window_is_planned_again(engine: Engine):
    table, later = Recordings(engine), TEN + timedelta(minutes=5)
    table.plan(WINDOW, [wanted(plan(31))])
    table.mixing(uuid(31))
    table.failed(uuid(31), "STORAGE", "the disk is full", later)
    state = table.plan(WINDOW, [wanted(plan(31))])[uuid(31)]
    assert (state.state, state.attempts, state.next_attempt_at) == ("QUEUED", 1, later)


def test_what_failed_for_good_stays_so(engine: Engine):
    table = Recordings(engine)
    table.plan(WINDOW, [wanted(plan(31))])
    table.mixing(uuid(31))
    table.failed(uuid(31), "NO_KEY", "no key", None)
    assert table.plan(WINDOW, [wanted(plan(31))])[uuid(31)].state == "FAILED"


def test_what_waits_for_its_other_voice_is_queued_when_it_is_wanted_so(engine: Engine):
    table = Recordings(engine)
    table.plan(WINDOW, [wanted(plan(31), "RULES_PASSED", TEN + timedelta(minutes=1))])
    state = table.plan(WINDOW, [wanted(plan(31))])[uuid(31)]
    assert (state.state, state.next_attempt_at) == ("QUEUED", None)


def test_rows_that_nobody_wants_any_more_go_unless_they_have_a_file(engine: Engine):
    table = Recordings(engine)
    finish(table, plan(31))
    table.plan(WINDOW, [wanted(plan(31)), missing(50, leg=OTHER_LEG), wanted(plan(32, legs=(OTHER_LEG,)))])
    table.plan(WINDOW, [])
    assert shown(engine) == [("31", "COMPLETED", True)]


def test_a_new_recording_of_a_leg_replaces_the_old_one_once_it_is_finished(engine: Engine):
    table = Recordings(engine)
    finish(table, plan(31, files=FILES[:1]))
    table.plan(WINDOW, [wanted(plan(32))])
    assert shown(engine) == [("31", "COMPLETED", True), ("32", "QUEUED", True)]
    finish(table, plan(32))
    assert shown(engine) == [("31", "COMPLETED", False), ("32", "COMPLETED", True)]


def test_a_recording_that_was_replaced_counts_again_where_it_is_wanted_again(engine: Engine):
    table = Recordings(engine)
    finish(table, plan(31))
    finish(table, plan(32))
    table.plan(WINDOW, [wanted(plan(31))])
    assert shown(engine) == [("31", "COMPLETED", True), ("32", "COMPLETED", False)]


def test_a_conference_replaces_the_recordings_of_its_single_legs(engine: Engine):
    table = Recordings(engine)
    finish(table, plan(31))
    finish(table, plan(32, files=(uuid(13),), legs=(OTHER_LEG,)))
    finish(table, plan(33, files=(*FILES, uuid(13)), legs=(LEG, OTHER_LEG), kind="CALL"))
    assert shown(engine) == [
        ("31", "COMPLETED", False),
        ("32", "COMPLETED", False),
        ("33", "COMPLETED", True),
    ]


def test_a_file_without_a_leg_is_replaced_by_the_recording_of_the_leg_that_it_turns_out_to_have(
    engine: Engine,
):
    table = Recordings(engine)
    alone = replace(plan(31, files=FILES[:1], legs=(LEG,), kind="FILE"), legs=(), call_id=None, leg_id=None)
    finish(table, alone)
    finish(table, plan(32, files=FILES[:1]))
    assert shown(engine) == [("31", "COMPLETED", False), ("32", "COMPLETED", True)]


@pytest.mark.parametrize("poorer", [missing(), wanted(plan(40, files=FILES[:1]))], ids=["nothing", "less"])
def test_what_has_less_to_go_by_than_the_finished_recording_is_not_wanted(
    engine: Engine, poorer: WantedRecording
):
    """Its files were deleted in due time, or are away for a moment: that makes the recording no worse."""
    table = Recordings(engine)
    finish(table, plan(31))
    assert table.plan(WINDOW, [poorer]) == {}
    assert shown(engine) == [("31", "COMPLETED", True)]


def skipped(leg: str) -> WantedRecording:
    return WantedRecording(uuid(60 + int(leg[-1])), "acme", "LEG", "SKIPPED", FILES, CALL, leg)


def test_a_recording_of_a_leg_that_is_skipped_after_all_counts_no_more_and_goes_earlier(engine: Engine):
    table, soon = Recordings(engine), TEN + timedelta(days=7)
    table.plan(WINDOW, [wanted(plan(31))])
    table.completed(plan(31), rendered(plan(31)), {}, TEN + timedelta(days=90))
    table.plan(WINDOW, [skipped(LEG)], discard_at=soon)
    assert shown(engine) == [("31", "COMPLETED", False), ("61", "SKIPPED", True)]
    with engine.connect() as connection:
        kept = connection.execute(
            text("SELECT keep_until FROM recording WHERE state = 'COMPLETED'")
        ).scalar_one()
    assert kept == soon


def test_a_conference_is_kept_as_long_as_one_of_its_legs_is_to_be_recorded(engine: Engine):
    table = Recordings(engine)
    conference = plan(33, legs=(LEG, OTHER_LEG), kind="CALL")
    finish(table, conference)
    table.plan(WINDOW, [wanted(conference), skipped(LEG)])
    assert ("33", "COMPLETED", True) in shown(engine)
    table.plan(WINDOW, [skipped(LEG), skipped(OTHER_LEG)])
    assert ("33", "COMPLETED", False) in shown(engine)


def test_a_recording_moves_with_its_leg_to_another_window(engine: Engine):
    table = Recordings(engine)
    finish(table, plan(31))
    table.plan(NEXT, [wanted(plan(31))])
    assert table.of_window(WINDOW).is_empty()
    assert table.of_window(NEXT)["state"].to_list() == ["COMPLETED"]


def test_windows_are_due_while_something_of_them_is_unfinished_and_its_time_has_come(engine: Engine):
    table, arrivals = Recordings(engine), ManifestArrivals(engine)
    table.plan(WINDOW, [wanted(plan(31), "RULES_PASSED", TEN + timedelta(minutes=5))])
    assert arrivals.windows_due(TEN) == []
    assert arrivals.windows_due(TEN + timedelta(minutes=5)) == [TEN]
    finish(table, plan(31))
    assert arrivals.windows_due(TEN + timedelta(minutes=5)) == []


def test_a_call_is_settled_once_all_its_rows_are_finished_and_of_the_inputs_that_are_there_now(
    engine: Engine,
):
    table = Recordings(engine)
    one, other = plan(31), plan(32, files=(uuid(13),), legs=(OTHER_LEG,))
    both = [replace(wanted(each), inputs_hash=7) for each in (one, other)]
    table.plan(WINDOW, both)
    table.completed(one, rendered(one), {}, None)
    assert table.settled_calls(WINDOW, {CALL: 7}) == frozenset()
    table.completed(other, rendered(other), {}, None)
    assert table.settled_calls(WINDOW, {CALL: 7}) == {CALL}
    assert table.settled_calls(WINDOW, {CALL: 8}) == frozenset()
    assert table.settled_calls(NEXT, {CALL: 7}) == frozenset()
    newer = [replace(each, inputs_hash=8) for each in both]
    table.plan(WINDOW, newer)
    assert table.settled_calls(WINDOW, {CALL: 8}) == frozenset(), "not described by what is known now"
    table.brought_up_to_date(newer)
    assert table.settled_calls(WINDOW, {CALL: 8}) == {CALL}


def test_a_recording_that_lacks_its_key_is_never_settled(engine: Engine):
    table = Recordings(engine)
    table.plan(WINDOW, [replace(wanted(plan(31)), inputs_hash=7)])
    table.failed(uuid(31), "NO_KEY", "no key", None)
    assert table.settled_calls(WINDOW, {CALL: 7}) == frozenset()


def test_rows_of_settled_calls_are_left_alone(engine: Engine):
    table = Recordings(engine)
    table.plan(WINDOW, [missing()])
    table.plan(WINDOW, [], settled_calls=[CALL])
    assert shown(engine) == [("50", "FAILED", True)]
    table.plan(WINDOW, [])
    assert shown(engine) == []
