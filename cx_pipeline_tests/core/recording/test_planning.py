"""Which recordings a window calls for, what their ids are made of, and what is told as missing."""

from typing import Any

import polars as pl
import pytest

from cx_pipeline.core.errors import InputError
from cx_pipeline.core.recording.by_hand import calls_of_manifests, plan_by_hand
from cx_pipeline.core.recording.parameters import MixParameters
from cx_pipeline.core.recording.schema import RECORDING_MANIFEST_SCHEMA
from cx_pipeline_tests.core.recording.recorded_calls import file_row, recorded, rows_of

LEG = """
    leg | ext  | start | end  | connection
    A   | 1005 | 0:00  | 1:00 | 77
    """
FILES = """
    file | side | ext  | start | length | refci
    n    | near | 1005 | 0:00  | 1:00   | 77
    f    | far  | 1005 | 0:00  | 1:00   | 77
    """


def recording_id(legs: str = LEG, files: str = FILES, **how: Any) -> str:
    return recorded(legs, files, **how).plan().recording_id


def test_a_late_file_another_rule_or_a_corrected_leg_makes_another_recording() -> None:
    late = f"{FILES.rstrip()}\n    n2 | near | 1005 | 0:30 | 0:10 | 77"
    longer = FILES.replace("n    | near | 1005 | 0:00  | 1:00", "n    | near | 1005 | 0:00  | 0:59")
    masked = "\n".join(
        line and f"{line} | {cell}"
        for line, cell in zip(FILES.strip().splitlines(), ("masks", "0:10-0:20", ""), strict=True)
    )
    ids = [
        recording_id(),
        recording_id(files=late),
        recording_id(files=longer),
        recording_id(files=masked),
        recording_id(LEG.replace("1:00", "0:59")),
        recording_id(layout="mono"),
        recording_id(hold="cut"),
        recording_id(hold="cut", hold_fade_ms=50),
        recording_id(format="flac"),
        recording_id(is_normalised=True),
        recording_id(sample_rate_hz=16_000),
        recording_id(is_encrypted=True),
    ]
    assert len(set(ids)) == len(ids)


def test_how_long_it_is_kept_makes_no_other_recording() -> None:
    assert recording_id(retention_days=30) == recording_id(retention_days=90)


def test_a_clock_that_is_estimated_otherwise_makes_no_other_recording_unless_it_was_not_known() -> None:
    """While a window is open each new leg moves the estimate by a millisecond."""
    more = LEG.rstrip() + "".join(f"\n    L{n} | 10{n} | {n}:00 | {n}:30 | 9{n}" for n in range(10, 14))

    def of_clock(*ahead_s: float) -> str:
        others = "".join(
            f"\n    x{n} | near | 10{n} | {60 * n + ahead} | 0:30 | 9{n}"
            for n, ahead in zip(range(10, 14), ahead_s, strict=True)
        )
        return recorded(more, FILES.rstrip() + others).plan("A").recording_id

    assert of_clock(0.1, 0.1, 0.1, 0.1) == of_clock(0.2, 0.2, 0.2, 0.2)
    unknown = FILES.replace("0:00  | 1:00", "0:07  | 0:46")
    known = unknown.rstrip() + "".join(f"\n    x{n} | near | 10{n} | {n}:00 | 0:30 | 9{n}" for n in (10, 11))
    assert recorded(more, unknown).plan("A").recording_id != recorded(more, known).plan("A").recording_id


def test_of_a_leg_without_any_file_the_cause_is_told() -> None:
    outcome = recorded(LEG, "file | side | ext | start | length\nx | near | 1006 | 0:00 | 1:00")
    (missing,) = outcome.planned.missing
    assert (missing.leg_id, missing.cause) == ("A", "NO_MANIFEST")
    assert outcome.planned.plans == ()


@pytest.mark.parametrize("problem", ["MISSING", "EMPTY", "OUTSIDE_ROOTS", "NOT_AUDIO", "UNREADABLE"])
def test_of_a_leg_whose_files_cannot_be_used_their_problem_is_the_cause(problem: str) -> None:
    outcome = recorded(
        LEG,
        f"""
        file | side | ext  | start | length | refci | problem
        n    | near | 1005 | 0:00  | 1:00   | 77    | {problem}
        """,
    )
    (missing,) = outcome.planned.missing
    assert missing.cause == f"FILE_{problem}"
    assert "n" in missing.detail


def test_a_leg_without_length_is_told_as_such() -> None:
    outcome = recorded(LEG.replace("1:00", "0:00"), FILES)
    (missing,) = outcome.planned.missing
    assert (missing.cause, missing.detail) == ("NO_MANIFEST", "the leg has no length")


def test_a_leg_of_which_only_a_consult_was_recorded_has_nothing_to_mix() -> None:
    outcome = recorded(
        """
        leg | ext  | start | end  | key   | holds
        A   | 1005 | 0:00  | 1:00 | 1_100 | 0:10-0:50
        """,
        """
        file | side | ext  | start | length | key
        n    | near | 1005 | 0:15  | 0:30   | 1_100
        """,
    )
    (missing,) = outcome.planned.missing
    assert missing.cause == "NO_MANIFEST"


def test_what_is_not_to_be_recorded_is_neither_planned_nor_missing() -> None:
    planned = recorded(LEG, FILES, skipped=("A",)).planned
    assert (planned.plans, planned.missing) == ((), ())


def test_a_recording_that_is_masked_from_end_to_end_is_silence() -> None:
    outcome = recorded(
        LEG,
        """
        file | side | ext  | start | length | refci | masks
        n    | near | 1005 | 0:00  | 1:00   | 77    | 0:00-1:00
        """,
    )
    plan = outcome.plan()
    assert (plan.placements, plan.duration_ms) == ((), 60_000)
    assert [each.manifest_id for each in plan.inputs] == ["n"]


def test_a_file_without_a_leg_of_ours_is_a_recording_of_its_own() -> None:
    outcome = recorded(
        LEG,
        """
        file | side | type     | ext  | start | length | dialog
        x    | both | EFSWITCH | 2001 | 10:00 | 2:00   | d-1
        """,
        of_files=("x",),
    )
    (plan,) = outcome.planned.plans
    assert (plan.kind, plan.leg_id, plan.legs, plan.duration_ms) == ("FILE", None, (), 120_000)
    assert plan.channel_names == ("near 2001", "far 2001")
    assert [(each.source_channel, each.channel) for each in plan.placements] == [(0, 0), (1, 1)]


def test_siblings_without_a_leg_are_one_recording() -> None:
    outcome = recorded(
        LEG,
        """
        file | side | ext  | start | length | refci | problem
        n    | near | 1009 | 10:00 | 2:00   | 90    |
        f    | far  | 1009 | 10:00 | 2:00   | 90    |
        n2   | near | 1009 | 30:00 | 2:00   | 90    |
        x    | near | 1010 | 10:00 | 2:00   | 91    | NOT_AUDIO
        """,
        of_files=("n", "f", "n2", "x"),
    )
    assert [sorted(each.manifest_id for each in plan.inputs) for plan in outcome.planned.plans] == [
        ["f", "n"],
        ["n2"],
    ]
    assert [(each.manifest_id, each.cause) for each in outcome.planned.missing if each.leg_id is None] == [
        ("x", "FILE_NOT_AUDIO")
    ]


def test_one_file_that_two_manifests_tell_of_is_placed_once() -> None:
    once = recorded(LEG, FILES.rstrip() + " | \n").plan()
    twice = recorded(
        LEG, f"{FILES.replace('refci', 'refci | path').rstrip()}\n    o | near | 1005 | 0:00 | 1:00 | 77 | n"
    )
    assert twice.plan().placements == once.placements


def manifests(table: str) -> pl.DataFrame:
    return pl.DataFrame(
        [file_row(cells) for cells in rows_of(table)], schema=RECORDING_MANIFEST_SCHEMA, orient="row"
    )


def test_by_hand_the_earliest_start_is_the_origin_and_what_is_left_out_a_hold() -> None:
    plan = plan_by_hand(
        manifests(
            """
            file | side | ext  | start | length | refci | key
            f1   | far  | 1005 | 0:10  | 1:00   | 77    | 1_100
            n1   | near | 1005 | 0:09  | 1:01   | 77    | 1_100
            n2   | near | 1005 | 2:10  | 1:00   | 78    | 1_100
            """
        ),
        MixParameters(),
    )
    assert plan.duration_ms == 181_000
    assert [(each.manifest_id, each.channel, each.output_start // 8000) for each in plan.placements] == [
        ("n1", 0, 0),
        ("n2", 0, 121),
        ("f1", 1, 1),
    ]
    assert [(each.kind, each.frame // 8000) for each in plan.markers] == [
        ("HOLD_START", 61),
        ("HOLD_END", 121),
    ]
    assert plan.call_id == "1_100"


def test_by_hand_two_agents_of_a_call_are_one_recording() -> None:
    plan = plan_by_hand(
        manifests(
            """
            file | side | ext  | start | length | key
            na   | near | 1005 | 0:00  | 1:00   | 1_100
            nb   | near | 1006 | 0:30  | 1:00   | 1_100
            """
        ),
        MixParameters(layout="multichannel"),
    )
    assert plan.channel_names == ("near 1005", "far 1005", "near 1006", "far 1006")


def test_by_hand_call_key_dialog_or_refci_join_files_to_calls() -> None:
    calls = calls_of_manifests(
        manifests(
            """
            file | side | start | length | refci | key   | dialog
            x    | near | 5:00  | 1:00   |       |       |
            b    | far  | 0:00  | 1:00   | 77    |       |
            a    | near | 0:00  | 1:00   | 77    | 1_100 |
            c    | near | 2:00  | 1:00   | 78    | 1_100 |
            d    | both | 3:00  | 1:00   |       |       | d-1
            e    | both | 4:00  | 1:00   |       |       | d-1
            """
        )
    )
    assert [call["manifest_id"].to_list() for call in calls] == [["a", "b", "c"], ["d", "e"], ["x"]]


def test_by_hand_without_a_file_that_can_be_used_there_is_no_plan() -> None:
    table = "file | side | start | length | problem\nx | near | 5:00 | 1:00 | EMPTY"
    with pytest.raises(InputError, match=r"x\.wav \(EMPTY\)"):
        plan_by_hand(manifests(table), MixParameters())
