"""Plain legs: their files in, their placements out."""

from cx_pipeline_tests.core.recording.recorded_calls import recorded


def test_a_simple_leg_has_the_near_end_left_and_the_far_end_right() -> None:
    outcome = recorded(
        """
        leg | ext  | start | end  | connection
        A   | 1005 | 0:00  | 5:00 | 77
        """,
        """
        file | side | ext  | start | length | refci
        n    | near | 1005 | 0:00  | 5:00   | 77
        f    | far  |      | 0:00  | 5:00   | 77
        """,
    )
    outcome.places(
        """
        leg | file | channel | at   | from | length | gain
        A   | n    | 0       | 0:00 | 0:00 | 5:00   | 1
        A   | f    | 1       | 0:00 | 0:00 | 5:00   | 1
        """
    ).warns("A")
    assert outcome.plan().channel_names == ("near 1005", "far 1005")
    assert outcome.plan().frames == 5 * 60 * 8000


def test_a_side_that_is_missing_is_silent_and_told() -> None:
    recorded(
        """
        leg | ext  | start | end  | connection
        A   | 1005 | 0:00  | 1:00 | 77
        """,
        """
        file | side | ext  | start | length | refci | problem
        n    | near | 1005 | 0:00  | 1:00   | 77    |
        f    | far  | 1005 | 0:00  | 1:00   | 77    | EMPTY
        """,
    ).places(
        """
        file | channel | at   | length
        n    | 0       | 0:00 | 1:00
        """
    ).warns("A", "file_empty", "one_sided")


def test_after_a_restart_in_mid_call_the_rest_lies_where_it_was_said() -> None:
    recorded(
        """
        leg | ext  | start | end  | connection
        A   | 1005 | 0:00  | 3:00 | 77
        """,
        """
        file | side | ext  | start  | length | refci
        n1   | near | 1005 | 0:00   | 1:00   | 77
        f1   | far  | 1005 | 0:00   | 1:00   | 77
        n2   | near | 1005 | 1:04.5 | 1:55.5 | 77
        f2   | far  | 1005 | 1:04.5 | 1:55.5 | 77
        """,
    ).places(
        """
        file | channel | at     | length
        n1   | 0       | 0:00   | 1:00
        n2   | 0       | 1:04.5 | 1:55.5
        f1   | 1       | 0:00   | 1:00
        f2   | 1       | 1:04.5 | 1:55.5
        """
    ).warns("A", "gap")


def test_of_two_files_of_one_side_the_later_one_is_heard_from_its_start() -> None:
    recorded(
        """
        leg | ext  | start | end  | connection
        A   | 1005 | 0:00  | 2:00 | 77
        """,
        """
        file | side | ext  | start | length | refci
        n1   | near | 1005 | 0:00  | 1:02   | 77
        n2   | near | 1005 | 1:00  | 1:00   | 77
        f    | far  | 1005 | 0:00  | 2:00   | 77
        """,
    ).places(
        """
        file | channel | at   | from | length
        n1   | 0       | 0:00 | 0:00 | 1:00
        n2   | 0       | 1:00 | 0:00 | 1:00
        f    | 1       | 0:00 | 0:00 | 2:00
        """
    ).warns("A", "overlap")


def test_an_earlier_file_goes_on_behind_a_later_shorter_one() -> None:
    recorded(
        """
        leg | ext  | start | end  | connection
        A   | 1005 | 0:00  | 2:00 | 77
        """,
        """
        file | side | ext  | start | length | refci
        n1   | near | 1005 | 0:00  | 2:00   | 77
        n2   | near | 1005 | 1:00  | 0:10   | 77
        f    | far  | 1005 | 0:00  | 2:00   | 77
        """,
    ).places(
        """
        file | channel | at   | from | length
        n1   | 0       | 0:00 | 0:00 | 1:00
        n2   | 0       | 1:00 | 0:00 | 0:10
        n1   | 0       | 1:10 | 1:10 | 0:50
        f    | 1       | 0:00 | 0:00 | 2:00
        """
    )


def test_files_that_follow_each_other_to_the_sample_do_not_overlap() -> None:
    recorded(
        """
        leg | ext  | start | end  | connection
        A   | 1005 | 0:00  | 2:00 | 77
        """,
        """
        file | side | ext  | start  | length | refci
        n1   | near | 1005 | 0:00   | 0:59.9 | 77
        n2   | near | 1005 | 0:59.9 | 1:00.1 | 77
        f    | far  | 1005 | 0:00   | 2:00   | 77
        """,
    ).warns("A")


def test_where_times_and_frames_differ_the_frames_count_and_the_drift_is_told() -> None:
    outcome = recorded(
        """
        leg | ext  | start | end  | connection
        A   | 1005 | 0:00  | 5:00 | 77
        """,
        """
        file | side | ext  | start | length  | told | refci
        n    | near | 1005 | 0:00  | 4:59.94 | 5:00 | 77
        f    | far  | 1005 | 0:00  | 4:59.98 | 5:00 | 77
        """,
    )
    outcome.places(
        """
        file | at   | length
        n    | 0:00 | 4:59.94
        f    | 0:00 | 4:59.98
        """
    ).warns("A", "drift")
    (drift,) = [warning for warning in outcome.plan().warnings if warning.code == "drift"]
    assert drift.text == "file n lasts 299940 ms, 300000 ms by its times (-200 ppm)"


def test_what_lies_outside_of_the_leg_is_cut_and_told() -> None:
    recorded(
        """
        leg | ext  | start | end  | connection
        A   | 1005 | 0:05  | 1:00 | 77
        """,
        """
        file | side | ext  | start | length | refci
        n    | near | 1005 | 0:00  | 1:10   | 77
        f    | far  | 1005 | 0:05  | 0:55   | 77
        """,
    ).places(
        """
        file | at   | from | length
        n    | 0:00 | 0:05 | 0:55
        f    | 0:00 | 0:00 | 0:55
        """
    ).warns("A", "outside_leg")


def test_masks_silence_both_sides_also_over_a_hold_whatever_the_files_hold() -> None:
    recorded(
        """
        leg | ext  | start | end  | holds     | connection
        A   | 1005 | 0:00  | 3:00 | 1:00-2:00 | 77
        """,
        """
        file | side | ext  | start | length | refci | masks
        n1   | near | 1005 | 0:00  | 1:00   | 77    | 0:50-2:10
        f1   | far  | 1005 | 0:00  | 1:00   | 77    |
        n2   | near | 1005 | 2:00  | 1:00   | 78    |
        f2   | far  | 1005 | 2:00  | 1:00   | 78    | 2:50-
        """,
    ).places(
        """
        file | channel | at   | from | length
        n1   | 0       | 0:00 | 0:00 | 0:50
        n2   | 0       | 2:10 | 0:10 | 0:40
        f1   | 1       | 0:00 | 0:00 | 0:50
        f2   | 1       | 2:10 | 0:10 | 0:40
        """
    ).marks(
        "A",
        "MASK_START 0:50",
        "HOLD_START 1:00",
        "HOLD_END 2:00",
        "MASK_END 2:10",
        "MASK_START 2:50",
        "MASK_END 2:59.999875",
    )


def test_files_of_other_rates_are_placed_by_their_own_frames() -> None:
    outcome = recorded(
        """
        leg | ext  | start | end  | connection
        A   | 1005 | 0:00  | 1:00 | 77
        """,
        """
        file | side | ext  | start | length | refci | rate
        n    | near | 1005 | 0:01  | 0:59   | 77    | 8000
        f    | far  | 1005 | 0:01  | 0:59   | 77    | 16000
        """,
    )
    outcome.places(
        """
        file | at   | length
        n    | 0:01 | 0:59
        f    | 0:01 | 0:59
        """
    )
    assert outcome.plan().sample_rate_hz == 16_000
    assert [(each.manifest_id, each.source_frames) for each in outcome.plan().placements] == [
        ("n", 59 * 8000),
        ("f", 59 * 16000),
    ]


def test_a_phones_own_files_hide_the_lines_and_the_line_fills_what_they_lack() -> None:
    recorded(
        """
        leg | ext  | start | end  | connection | key
        A   | 1005 | 0:00  | 2:00 | 77         | 1_100
        """,
        """
        file | side | type     | ext  | start | length | refci | key
        b    | both | EFSWITCH | 1005 | 0:00  | 2:00   |       | 1_100
        n    | near | BIB      | 1005 | 0:00  | 1:00   | 77    | 1_100
        """,
    ).places(
        """
        file | source | channel | at   | length
        n    | 0      | 0       | 0:00 | 1:00
        b    | 0      | 0       | 1:00 | 1:00
        b    | 1      | 1       | 0:00 | 2:00
        """
    ).warns("A")


def test_a_file_with_both_voices_in_one_channel_stays_so() -> None:
    outcome = recorded(
        """
        leg | ext  | start | end  | key
        A   | 1005 | 0:10  | 2:00 | 1_100
        """,
        """
        file | side | type     | ext  | start | length | key   | channels
        b    | both | EFSWITCH | 1005 | 0:00  | 2:30   | 1_100 | 1
        """,
    )
    outcome.places(
        """
        file | channel | at   | from | length | gain
        b    | 0       | 0:00 | 0:10 | 1:50   | 1
        """
    ).warns("A")
    assert outcome.plan().channels == 1


def test_a_recording_may_go_over_midnight() -> None:
    """Fourteen hours after ten."""
    recorded(
        """
        leg | ext  | start  | end    | connection
        A   | 1005 | 839:00 | 841:00 | 77
        """,
        """
        file | side | ext  | start  | length | refci
        n1   | near | 1005 | 839:00 | 1:30   | 77
        n2   | near | 1005 | 840:30 | 0:30   | 77
        f    | far  | 1005 | 839:00 | 2:00   | 77
        """,
    ).places(
        """
        file | at   | length
        n1   | 0:00 | 1:30
        n2   | 1:30 | 0:30
        f    | 0:00 | 2:00
        """
    )


def test_a_call_of_four_hours_has_all_its_frames() -> None:
    plan = recorded(
        """
        leg | ext  | start | end    | connection
        A   | 1005 | 0:00  | 240:00 | 77
        """,
        """
        file | side | ext  | start | length | refci
        n    | near | 1005 | 0:00  | 240:00 | 77
        f    | far  | 1005 | 0:00  | 240:00 | 77
        """,
    ).plan()
    assert plan.frames == 240 * 60 * 8000
    assert {each.source_frames for each in plan.placements} == {plan.frames}
