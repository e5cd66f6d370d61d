from datetime import UTC, datetime, timedelta

from cx_pipeline.core.pruning import FinishedRun, superseded_runs

NOW = datetime(2026, 3, 4, tzinfo=UTC)


def run(name, *windows, hours_ago):
    return FinishedRun(name, frozenset(windows), NOW - timedelta(hours=hours_ago))


def test_a_run_that_a_newer_one_replaced_goes_after_a_day():
    runs = [run("old", "w", hours_ago=30), run("young", "w", hours_ago=23), run("newest", "w", hours_ago=2)]
    computed_at = {"w": NOW - timedelta(hours=2)}
    assert superseded_runs(runs, {"w": {"newest"}}, computed_at, NOW) == ["old"]


def test_the_newest_materialisation_of_a_window_stays_for_ever():
    runs = [run("newest", "w", hours_ago=9000)]
    assert superseded_runs(runs, {"w": {"newest"}}, {"w": NOW - timedelta(hours=9000)}, NOW) == []


def test_a_run_over_several_windows_stays_while_it_is_the_newest_of_one():
    runs = [run("range", "v", "w", hours_ago=50)]
    computed_at = {"v": NOW - timedelta(hours=40), "w": NOW - timedelta(hours=50)}
    assert superseded_runs(runs, {"v": {"later"}, "w": {"range"}}, computed_at, NOW) == []
    assert superseded_runs(runs, {"v": {"later"}, "w": {"later"}}, {"v": NOW, "w": NOW}, NOW) == ["range"]


def test_a_failure_that_nothing_replaced_stays():
    runs = [run("failed", "w", hours_ago=30), run("never", "x", hours_ago=30)]
    assert superseded_runs(runs, {"w": {"before"}}, {"w": NOW - timedelta(hours=60)}, NOW) == []


def test_runs_for_no_window_are_left_alone():
    assert superseded_runs([run("prune", hours_ago=900)], {}, {}, NOW) == []
