"""How far a recorder's clock is off, told by starts and ends of talk; and what then becomes of its files."""

import pytest

from cx_pipeline_tests.core.recording.recorded_calls import Outcome, recorded

LEGS = """
    leg | ext  | start | end   | holds       | connection | device
    A   | 1005 | 0:00  | 1:00  |             | 71         | SEP1
    B   | 1006 | 2:00  | 5:00  | 3:00-3:40   | 72         | SEP2
    C   | 1005 | 5:00  | 6:00  |             | 73         | SEP1
    D   | 1006 | 7:00  | 7:20  |             | 74         | SEP2
    """


def files(ahead_s: float, *, refci: bool = True, setup_s: float = 0.0) -> str:
    """The near ends of these legs, as a recorder leaves them whose clock is ahead and who opens its files late."""
    rows = []
    talks = (("a", 1005, 0, 60, 71), ("b1", 1006, 120, 60, 72), ("b2", 1006, 220, 80, 75),
             ("c", 1005, 300, 60, 73), ("d", 1006, 420, 20, 74))  # fmt: skip
    for number, (name, extension, start, length, connection) in enumerate(talks):
        late = setup_s * (1 + number)
        begin = start + late + ahead_s
        rows.append(
            f"{name} | near | {extension} | {begin:.3f} | {length - late:.3f} | {connection if refci else ''}"
        )
    return "file | side | ext | start | length | refci\n" + "\n".join(rows)


def offset(outcome: Outcome) -> int:
    return outcome.matches.clock_offset_ms["fs1"]


@pytest.mark.parametrize("ahead_s", [2.7, -2.7, 0.0, 31.25])
def test_a_recorder_that_is_ahead_or_behind_is_set_right_by_what_ids_tie(ahead_s: float) -> None:
    outcome = recorded(LEGS, files(ahead_s))
    assert offset(outcome) == round(ahead_s * 1000)
    outcome.places(
        """
        leg | file | at   | from | length
        A   | a    | 0:00 | 0:00 | 1:00
        B   | b1   | 0:00 | 0:00 | 1:00
        B   | b2   | 1:40 | 0:00 | 1:20
        C   | c    | 0:00 | 0:00 | 1:00
        D   | d    | 0:00 | 0:00 | 0:20
        """
    )
    assert outcome.plan("A").clock_offset_ms == {"fs1": round(ahead_s * 1000)}
    assert set(outcome.matches.pairs["clock_offset_ms"]) == {round(ahead_s * 1000)}


def test_where_no_id_ties_anything_the_phones_tell_of_the_clock() -> None:
    outcome = recorded(LEGS, files(2.7, refci=False))
    assert offset(outcome) == 2700
    assert outcome.matched() == {"a": ["A"], "b1": ["B"], "b2": ["B"], "c": ["C"], "d": ["D"]}


def test_files_that_are_opened_late_do_not_move_the_clock() -> None:
    """Ends agree to the millisecond, starts do not: a file that was opened 40 ms late has 40 ms less, no other place."""
    outcome = recorded(LEGS, files(2.7, setup_s=0.01))
    assert offset(outcome) == 2700
    assert [each.output_start for each in outcome.plan("C").placements] == [320]


def test_what_a_restart_opened_does_not_move_the_clock() -> None:
    restarts = "\n".join(f"x{n} | near | 1006 | {125 + 9 * n} | 3 | 9{n}" for n in range(3))
    assert offset(recorded(LEGS, f"{files(2.7)}\n{restarts}")) == 2700


def test_of_a_clock_that_nothing_tells_of_the_plan_says_so() -> None:
    outcome = recorded(
        """
        leg | ext  | start | end  | connection
        A   | 1005 | 0:00  | 1:00 | 77
        """,
        """
        file | side | ext  | start | length | refci
        n    | near | 1005 | 0:03  | 0:30   | 77
        f    | far  | 1005 | 0:10  | 0:40   | 77
        """,
    )
    assert offset(outcome) == 0
    assert outcome.matches.unknown_clocks == {"fs1"}
    assert "clock_unknown" in outcome.codes("A")


def test_each_recorder_has_its_own_clock() -> None:
    rows = []
    for recorder, ahead in (("fs1", 2.0), ("fs2", -1.5)):
        for line in files(ahead).splitlines()[1:]:
            rows.append(f"{recorder}{line} | {recorder}")
    table = "file | side | ext | start | length | refci | recorder\n" + "\n".join(rows)
    assert recorded(LEGS, table).matches.clock_offset_ms == {"fs1": 2000, "fs2": -1500}


def test_files_without_a_recorders_name_share_a_clock() -> None:
    lines = files(1.0).splitlines()
    table = "\n".join([f"{lines[0]} | recorder", *(f"{line} | -" for line in lines[1:])])
    assert recorded(LEGS, table).matches.clock_offset_ms == {"": 1000}


def test_masks_are_set_right_with_their_files() -> None:
    lines = files(2.0).splitlines()
    masked = [f"{lines[0]} | masks", f"{lines[1]} | 0:12-0:22", *(f"{line} |" for line in lines[2:])]
    recorded(LEGS, "\n".join(masked)).marks("A", "MASK_START 0:10", "MASK_END 0:20")


def test_ids_that_came_again_do_not_tell_of_the_clock() -> None:
    """The same call keys were used half a minute before by others: those pairs are many, but they scatter."""
    others = "\n".join(
        f"y{n} | near | {1005 + n % 2} | {s} | 11 | {7 + 90 * n}" for n, s in enumerate((-30, 95, 270))
    )
    outcome = recorded(LEGS, f"{files(2.7)}\n{others}")
    assert offset(outcome) == 2700
