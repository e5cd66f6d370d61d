"""Who is heard on which line: single calls, and what holds for all."""

from itertools import pairwise

import polars as pl
import pytest

from cx_pipeline.simulator.line_journal import OPEN_END, OUTSIDE, LineJournal, Talk
from cx_pipeline.simulator.reports import MS, Reporter
from cx_pipeline.simulator.story import Story
from cx_pipeline.simulator.traffic import Traffic, simulate_traffic
from cx_pipeline_tests.simulator.stage import CUSTOMER, plan, play, scenario


def heard_in(name: str, **how: object) -> list[Talk]:
    """The talks of a scenario, in the order of their starts."""
    journals: list[LineJournal] = []

    def journaled(dialect: Reporter, story: Story) -> Reporter:
        journals.append(LineJournal(dialect, story.ledger.outside))
        return journals[0]

    play(scenario(name), journaled=journaled, **how)  # type: ignore[arg-type]
    return sorted(journals[0].talks_of_call(), key=lambda talk: talk.start)


def parties(talk: Talk) -> tuple[str, set[str]]:
    return talk.extension, {voice.party for voice in talk.others}


@pytest.fixture(scope="module")
def traffic() -> Traffic:
    return simulate_traffic(plan(calls=2000, hours=6, tenants=2, dialect="both"))


def test_a_simple_call_is_one_talk_with_the_customer() -> None:
    (talk,) = heard_in("simple")
    assert parties(talk) == ("1005", {OUTSIDE})
    assert talk.connection_id is not None
    assert talk.end < OPEN_END


def test_a_hold_ends_a_talk_and_a_resume_begins_one() -> None:
    talks = heard_in("simple_with_holds")
    assert len(talks) > 1
    assert {parties(talk)[0] for talk in talks} == {"1005"}
    assert all(one.end < other.start for one, other in pairwise(talks))


@pytest.mark.parametrize("in_table", [False, True])
def test_a_consult_has_talks_of_its_own_on_both_ends(in_table: bool) -> None:
    talks = heard_in("consult_cancelled", in_table=in_table)
    assert [parties(talk) for talk in talks] == [
        ("1005", {OUTSIDE}),
        ("1005", {"1006"}),
        ("1006", {"1005"}),
        ("1005", {OUTSIDE}),
    ] or [parties(talk) for talk in talks] == [
        ("1005", {OUTSIDE}),
        ("1006", {"1005"}),
        ("1005", {"1006"}),
        ("1005", {OUTSIDE}),
    ]
    keys = {talk.call_key for talk in talks}
    assert len(keys) == 2
    assert talks[1].call_key == talks[2].call_key != talks[0].call_key == talks[3].call_key


def test_on_one_call_key_the_consulted_colleague_hears_the_controller_and_not_who_waits() -> None:
    first, consult, after = heard_in("consult_cancelled", own_key=False)
    assert parties(first) == parties(after) == ("1005", {OUTSIDE})
    assert parties(consult) == ("1006", {"1005"})


@pytest.mark.parametrize("own_key", [True, False])
def test_in_a_conference_all_hear_all(own_key: bool) -> None:
    talks = heard_in("conference", own_key=own_key)
    together = [talk for talk in talks if len(parties(talk)[1]) == 2]
    assert {talk.extension for talk in together} == {"1005", "1006"}
    assert all(OUTSIDE in parties(talk)[1] for talk in together)


def test_who_leaves_a_conference_is_heard_no_more() -> None:
    talks = heard_in("conference_whose_customer_leaves")
    last = [talk for talk in talks if OUTSIDE in parties(talk)[1]][-1]
    (customer,) = [voice for voice in last.others if voice.party == OUTSIDE]
    assert customer.end < last.end - 100 * MS


def test_after_a_transfer_the_next_agent_hears_the_customer() -> None:
    first, second = heard_in("direct_transfer")
    assert parties(first) == ("1005", {OUTSIDE})
    assert parties(second) == ("1006", {OUTSIDE})
    assert first.end < second.start


def test_an_internal_call_is_heard_on_both_ends() -> None:
    talks = heard_in("internal")
    assert [parties(talk) for talk in talks] == [("1005", {"1006"}), ("1006", {"1005"})]
    assert talks[0].start == talks[1].start


def test_what_nobody_answers_is_heard_by_nobody() -> None:
    assert heard_in("outbound_unanswered") == []
    assert heard_in("caller_gives_up_while_ringing") == []


def test_the_journal_changes_no_report() -> None:
    for name in ("consult_transfer", "conference", "outbound"):
        plain = play(scenario(name))
        journaled = play(scenario(name), journaled=lambda dialect, _: LineJournal(dialect, CUSTOMER))
        assert journaled.reporter.reports == plain.reporter.reports


def test_talks_of_legs_lie_in_order_and_begin_with_the_leg(traffic: Traffic) -> None:
    talks = (
        traffic.legs.with_row_index("leg")
        .explode("talks")
        .drop_nulls("talks")
        .unnest("talks", separator=".")
        .sort("leg", "talks.start_time")
    )
    assert talks.height > 2000
    first = talks.group_by("leg").first()
    late = (first["talks.start_time"] - first["start_time"]).dt.total_milliseconds()
    assert (late >= 0).all()
    assert (late <= 10).all()
    over = talks.filter(pl.col("talks.end_time") <= pl.col("talks.start_time"))
    assert over.is_empty()
    before = pl.col("talks.end_time").shift().over("leg")
    together = talks.select(both=(before - pl.col("talks.start_time")).dt.total_milliseconds())["both"]
    # A merge opens the new line a moment before the old one is gone.
    assert together.max() <= 50  # type: ignore[operator]


def test_every_answered_leg_has_a_talk_and_no_other_has(traffic: Traffic) -> None:
    has_talk = pl.col("talks").list.len() > 0
    assert traffic.legs.filter(has_talk != pl.col("is_answered")).is_empty()


def test_nobody_talks_on_a_held_line(traffic: Traffic) -> None:
    """Outside of consultations, which are on a line of their own."""
    legs = traffic.legs.filter(pl.col("consult_target").is_null())
    spans = (
        legs.with_row_index("leg")
        .explode("hold_segments")
        .drop_nulls("hold_segments")
        .unnest("hold_segments", separator=".")
        .explode("talks")
        .drop_nulls("talks")
        .unnest("talks", separator=".")
    )
    during = spans.filter(
        pl.col("talks.start_time") < pl.col("hold_segments.end_time"),
        pl.col("talks.end_time") > pl.col("hold_segments.start_time"),
    )
    assert spans.height > 100
    assert during.is_empty()
