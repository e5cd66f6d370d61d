"""Legs with holds, in each way of treating them; and how a leg's sides are laid out."""

from typing import Any

from cx_pipeline_tests.core.recording.recorded_calls import recorded


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


def test_with_two_holds_each_segment_lies_where_it_was_said() -> None:
    recorded(
        """
        leg | ext  | start | end  | holds               | connection
        A   | 1005 | 0:10  | 4:10 | 1:10-1:40 2:40-3:10 | 77
        """,
        """
        file | side | ext  | start | length | refci
        n1   | near | 1005 | 0:10  | 1:00   | 77
        f1   | far  | 1005 | 0:10  | 1:00   | 77
        n2   | near | 1005 | 1:40  | 1:00   | 78
        f2   | far  | 1005 | 1:40  | 1:00   | 78
        n3   | near | 1005 | 3:10  | 1:00   | 79
        f3   | far  | 1005 | 3:10  | 1:00   | 79
        """,
    ).places(
        """
        file | channel | at
        n1   | 0       | 0:00
        n2   | 0       | 1:30
        n3   | 0       | 3:00
        f1   | 1       | 0:00
        f2   | 1       | 1:30
        f3   | 1       | 3:00
        """
    ).marks("A", "HOLD_START 1:00", "HOLD_END 1:30", "HOLD_START 2:30", "HOLD_END 3:00")


HELD_LEG = """
    leg | ext  | start | end  | holds     | connection
    A   | 1005 | 0:00  | 5:30 | 2:30-3:00 | 77
    """
HELD_FILES = """
    file | side | ext  | start | length | refci
    n1   | near | 1005 | 0:00  | 2:30   | 77
    f1   | far  | 1005 | 0:00  | 2:30   | 77
    n2   | near | 1005 | 3:00  | 2:30   | 78
    f2   | far  | 1005 | 3:00  | 2:30   | 78
    """


def test_a_hold_that_is_cut_leaves_a_hard_splice_with_both_its_markers() -> None:
    outcome = recorded(HELD_LEG, HELD_FILES, hold="cut")
    outcome.places(
        """
        file | channel | at   | length | fade_in | fade_out
        n1   | 0       | 0:00 | 2:30   | 0       | 0
        n2   | 0       | 2:30 | 2:30   | 0       | 0
        f1   | 1       | 0:00 | 2:30   | 0       | 0
        f2   | 1       | 2:30 | 2:30   | 0       | 0
        """
    ).marks("A", "HOLD_END 2:30", "HOLD_START 2:30")
    assert outcome.plan().duration_ms == 300_000
    assert {marker.label for marker in outcome.plan().markers} == {"hold_start@2:30", "hold_end@3:00"}


def test_a_splice_may_be_faded() -> None:
    recorded(HELD_LEG, HELD_FILES, hold="cut", hold_fade_ms=50).places(
        """
        file | at   | fade_in | fade_out
        n1   | 0:00 | 0       | 400
        n2   | 2:30 | 400     | 0
        f1   | 0:00 | 0       | 400
        f2   | 2:30 | 400     | 0
        """
    )


LINE_FILE = """
    file | side | type     | key   | ext  | start | length
    b    | both | EFSWITCH | 1_100 | 1005 | 0:00  | 5:30
    """
LINE_LEG = """
    leg | ext  | start | end  | holds     | key
    A   | 1005 | 0:00  | 5:30 | 2:30-3:00 | 1_100
    """


def test_the_music_of_a_hold_is_kept_where_it_was_recorded_and_wanted() -> None:
    recorded(LINE_LEG, LINE_FILE, hold="music").places(
        """
        file | source | channel | at   | length
        b    | 0      | 0       | 0:00 | 5:30
        b    | 1      | 1       | 0:00 | 5:30
        """
    )


def test_else_what_a_line_recorded_through_a_hold_is_silenced() -> None:
    recorded(LINE_LEG, LINE_FILE).places(
        """
        file | source | channel | at   | from | length
        b    | 0      | 0       | 0:00 | 0:00 | 2:30
        b    | 0      | 0       | 3:00 | 3:00 | 2:30
        b    | 1      | 1       | 0:00 | 0:00 | 2:30
        b    | 1      | 1       | 3:00 | 3:00 | 2:30
        """
    ).warns("A")


def test_what_an_agent_said_on_another_line_during_a_hold_is_not_the_calls() -> None:
    """The consult has the call's key here, as some sites report it; its own leg has that conversation."""
    for hold in ("silence", "music"):
        recorded(
            """
            leg | ext  | start | end  | holds     | connection | key
            A   | 1005 | 0:00  | 3:00 | 1:00-2:00 | 77         | 1_100
            """,
            """
            file | side | ext  | start | length | refci | key
            n1   | near | 1005 | 0:00  | 1:00   | 77    | 1_100
            f1   | far  | 1005 | 0:00  | 1:00   | 77    | 1_100
            nc   | near | 1005 | 1:05  | 0:50   | 90    | 1_100
            fc   | far  | 1005 | 1:05  | 0:50   | 90    | 1_100
            n2   | near | 1005 | 2:00  | 1:00   | 78    | 1_100
            f2   | far  | 1005 | 2:00  | 1:00   | 78    | 1_100
            """,
            hold=hold,
        ).places(
            """
            file | channel | at
            n1   | 0       | 0:00
            n2   | 0       | 2:00
            f1   | 1       | 0:00
            f2   | 1       | 2:00
            """
        ).warns("A", "consult_in_hold", "consult_in_hold")


def test_a_leg_may_begin_with_a_hold() -> None:
    recorded(
        """
        leg | ext  | start | end  | holds     | connection
        A   | 1005 | 0:00  | 1:30 | 0:00-0:30 | 77
        """,
        """
        file | side | ext  | start | length | refci
        n    | near | 1005 | 0:30  | 1:00   | 77
        f    | far  | 1005 | 0:30  | 1:00   | 77
        """,
        hold="cut",
    ).places(
        """
        file | at   | length
        n    | 0:00 | 1:00
        f    | 0:00 | 1:00
        """
    ).marks("A", "HOLD_END 0:00", "HOLD_START 0:00")


def test_mono_gives_each_side_half_of_full_scale() -> None:
    outcome = recorded(HELD_LEG, HELD_FILES, layout="mono")
    outcome.places(
        """
        file | channel | gain
        n1   | 0       | 0.5
        n2   | 0       | 0.5
        f1   | 0       | 0.5
        f2   | 0       | 0.5
        """
    )
    assert outcome.plan().channel_names == ("near and far 1005",)


def test_multichannel_is_stereo_for_a_leg() -> None:
    stereo = recorded(HELD_LEG, HELD_FILES).plan()
    multichannel = recorded(HELD_LEG, HELD_FILES, layout="multichannel").plan()
    assert multichannel.placements == stereo.placements
    assert multichannel.channel_names == stereo.channel_names


def test_the_rate_is_one_that_the_format_knows() -> None:
    def rate(asked: int | None, audio_format: str) -> int:
        how: dict[str, Any] = {"sample_rate_hz": asked, "format": audio_format}
        return recorded(HELD_LEG, HELD_FILES, **how).plan().sample_rate_hz

    assert [rate(None, "opus"), rate(11_025, "opus"), rate(96_000, "opus")] == [8_000, 12_000, 48_000]
    assert [rate(11_025, "mp3"), rate(22_000, "mp3"), rate(44_100, "wav")] == [11_025, 22_050, 44_100]
