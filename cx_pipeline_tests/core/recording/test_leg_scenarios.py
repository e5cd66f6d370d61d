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


def test_a_hold_ends_the_dialogs_and_stays_as_silence() -> None:
    outcome = recorded(
        """
        leg | ext  | start | end  | holds     | connection
        A   | 1005 | 0:00  | 5:30 | 2:30-3:00 | 77
        """,
        """
        file | side | ext  | start | length | refci
        n1   | near | 1005 | 0:00  | 2:30   | 77
        f1   | far  | 1005 | 0:00  | 2:30   | 77
        n2   | near | 1005 | 3:00  | 2:30   | 78
        f2   | far  | 1005 | 3:00  | 2:30   | 78
        """,
    )
    outcome.places(
        """
        file | channel | at   | from | length
        n1   | 0       | 0:00 | 0:00 | 2:30
        n2   | 0       | 3:00 | 0:00 | 2:30
        f1   | 1       | 0:00 | 0:00 | 2:30
        f2   | 1       | 3:00 | 0:00 | 2:30
        """
    ).marks("A", "HOLD_START 2:30", "HOLD_END 3:00").warns("A")
    shown = [(each.start_ms, each.end_ms, each.type, each.agent) for each in outcome.plan().stretches]
    assert shown == [
        (0, 150_000, "TALKING", "1005"),
        (150_000, 180_000, "HOLD", "1005"),
        (180_000, 330_000, "TALKING", "1005"),
    ]
    assert [marker.label for marker in outcome.plan().markers] == ["hold_start@2:30", "hold_end@3:00"]
