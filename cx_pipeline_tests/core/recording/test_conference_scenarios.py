"""Conferences: one recording of the whole call, whoever recorded what of it."""

from cx_pipeline_tests.core.recording.recorded_calls import Outcome, recorded

LEGS = """
    leg | call | number | ext  | start | end  | connection | holds     | type       | conference | consulted_by
    A   | c    | 1      | 1005 | 0:00  | 3:00 | 71         | 1:00-1:30 | CONFERENCE | c_CONF     |
    B   | c    | 2      | 1006 | 1:10  | 5:00 | 72         |           | CONFERENCE | c_CONF     | 1005
    """
FILES = """
    file | side | ext  | start | length | refci
    na1  | near | 1005 | 0:00  | 1:00   | 71
    fa1  | far  | 1005 | 0:00  | 1:00   | 71
    na2  | near | 1005 | 1:30  | 1:30   | 73
    fa2  | far  | 1005 | 1:30  | 1:30   | 73
    nb   | near | 1006 | 1:10  | 3:50   | 72
    fb   | far  | 1006 | 1:10  | 3:50   | 72
    """


def conference(
    layout: str = "stereo", legs: str = LEGS, files: str = FILES, hold: str = "silence"
) -> Outcome:
    return recorded(legs, files, layout=layout, hold=hold)


def test_a_conference_is_one_recording_of_the_whole_call_with_each_leg_at_its_offset() -> None:
    plan = conference().plan()
    assert (plan.kind, plan.call_id, plan.leg_id) == ("CALL", "c", None)
    assert [(each.leg_id, each.offset_ms) for each in plan.legs] == [("A", 0), ("B", 70_000)]
    assert plan.duration_ms == 300_000


def test_stereo_has_all_near_ends_left_and_one_far_end_right_never_a_sum() -> None:
    outcome = conference()
    outcome.places(
        """
        file | channel | at   | from | length | gain
        na1  | 0       | 0:00 | 0:00 | 1:00   | 0.5
        na2  | 0       | 1:30 | 0:00 | 1:30   | 0.5
        nb   | 0       | 1:10 | 0:00 | 3:50   | 0.5
        fa1  | 1       | 0:00 | 0:00 | 1:00   | 1
        fb   | 1       | 1:10 | 0:00 | 0:20   | 1
        fa2  | 1       | 1:30 | 0:00 | 1:30   | 1
        fb   | 1       | 3:00 | 1:50 | 2:00   | 1
        """
    ).warns(None, "conference_far_end")
    assert outcome.plan().channel_names == ("near 1005, 1006", "one far end")


def test_mono_has_all_near_ends_and_one_far_end_with_room_for_all() -> None:
    outcome = conference("mono")
    assert {round(each.gain, 3) for each in outcome.plan().placements} == {0.333}
    assert {each.channel for each in outcome.plan().placements} == {0}


def test_multichannel_has_a_channel_for_each_end() -> None:
    outcome = conference("multichannel")
    outcome.places(
        """
        file | channel | at   | length | gain
        na1  | 0       | 0:00 | 1:00   | 1
        na2  | 0       | 1:30 | 1:30   | 1
        fa1  | 1       | 0:00 | 1:00   | 1
        fa2  | 1       | 1:30 | 1:30   | 1
        nb   | 2       | 1:10 | 3:50   | 1
        fb   | 3       | 1:10 | 3:50   | 1
        """
    ).warns(None)
    assert outcome.plan().channel_names == ("near 1005", "far 1005", "near 1006", "far 1006")


def test_a_format_with_too_few_channels_for_a_conference_gets_stereo() -> None:
    outcome = recorded(LEGS, FILES, layout="multichannel", format="mp3")
    assert outcome.plan().channels == 2
    outcome.warns(None, "conference_far_end", "too_many_channels")


def test_it_marks_when_they_came_together_and_when_only_one_was_left() -> None:
    conference().marks(
        None, "HOLD_START 1:00", "CONFERENCE_START 1:30", "HOLD_END 1:30", "CONFERENCE_END 3:00"
    )


def test_what_one_agent_holds_is_not_cut_while_another_talks() -> None:
    plan = conference(hold="cut").plan()
    assert plan.duration_ms == 290_000
    assert [(each.leg_id, each.offset_ms) for each in plan.legs] == [("A", 0), ("B", 60_000)]


def test_some_milliseconds_between_two_recorders_switch_no_far_end() -> None:
    outcome = conference(
        files="""
        file | side | ext  | start  | length | refci
        na1  | near | 1005 | 0:00   | 1:00   | 71
        fa1  | far  | 1005 | 0:00   | 1:00   | 71
        fa2  | far  | 1005 | 1:30.1 | 1:29.8 | 73
        nb   | near | 1006 | 1:10   | 3:50   | 72
        fb   | far  | 1006 | 1:10   | 3:50   | 72
        """
    )
    right = [each.manifest_id for each in outcome.plan().placements if each.channel == 1]
    assert right == ["fa1", "fb", "fa2", "fb"]
    starts = [each.output_start for each in outcome.plan().placements if each.channel == 1]
    assert starts[-1] == 180 * 8000


def test_a_leg_that_is_not_to_be_recorded_is_not_heard() -> None:
    outcome = recorded(LEGS, FILES, skipped=("B",))
    plan = outcome.plan()
    assert (plan.kind, [each.leg_id for each in plan.legs]) == ("CALL", ["A"])
    assert {each.manifest_id for each in plan.inputs} == {"na1", "fa1", "na2", "fa2"}
    assert plan.leg_id is None


def test_a_leg_whose_files_are_lost_is_in_the_recording_all_the_same() -> None:
    outcome = conference(files="\n".join(line for line in FILES.splitlines() if "1006" not in line))
    assert [each.leg_id for each in outcome.plan().legs] == ["A", "B"]
    assert outcome.planned.missing == ()
    assert "gap" in outcome.codes()


def test_where_nothing_is_left_each_leg_is_told_as_missing() -> None:
    outcome = conference(
        files="""
        file | side | ext  | start | length | refci | problem
        na1  | near | 1005 | 0:00  | 1:00   | 71    | MISSING
        """
    )
    assert outcome.planned.plans == ()
    assert [(each.leg_id, each.cause) for each in outcome.planned.missing] == [
        ("A", "FILE_MISSING"),
        ("B", "NO_MANIFEST"),
    ]


def test_a_consult_that_ends_in_a_transfer_gives_each_leg_its_own_recording() -> None:
    outcome = recorded(
        """
        leg | call | number | ext  | start | end  | connection | holds     | consulted_by | to   | from
        A   | c    | 1      | 1005 | 0:00  | 1:30 | 71         | 1:00-1:30 |              | 1006 |
        B   | c    | 2      | 1006 | 1:10  | 3:00 | 72         |           | 1005         |      | 1005
        """,
        """
        file | side | ext  | start | length | refci
        na   | near | 1005 | 0:00  | 1:00   | 71
        fa   | far  | 1005 | 0:00  | 1:00   | 71
        nac  | near | 1005 | 1:10  | 0:20   | 75
        fac  | far  | 1005 | 1:10  | 0:20   | 75
        nb1  | near | 1006 | 1:10  | 0:20   | 72
        fb1  | far  | 1006 | 1:10  | 0:20   | 72
        nb2  | near | 1006 | 1:30  | 1:30   | 76
        fb2  | far  | 1006 | 1:30  | 1:30   | 76
        """,
    )
    outcome.places(
        """
        leg | file | channel | at   | length
        A   | na   | 0       | 0:00 | 1:00
        A   | fa   | 1       | 0:00 | 1:00
        B   | nb1  | 0       | 0:00 | 0:20
        B   | nb2  | 0       | 0:20 | 1:30
        B   | fb1  | 1       | 0:00 | 0:20
        B   | fb2  | 1       | 0:20 | 1:30
        """
    )
    outcome.marks("A", "HOLD_START 1:00", "TRANSFER 1:29.999875", "HOLD_END 1:29.999875")
    outcome.marks("B", "TRANSFER 0:20")
    assert outcome.matched()["nac"] == ["(DURING_HOLD)"]
