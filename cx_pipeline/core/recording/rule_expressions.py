"""What a rule's condition says of each row of facts: true, false, or null where it hangs on what is not known yet."""

from collections.abc import Callable, Sequence
from functools import reduce
from operator import and_, or_
from typing import Any

import polars as pl

from cx_pipeline.core.recording.rule_conditions import (
    DAYS,
    AgentCondition,
    CallerCondition,
    Condition,
    DialledNumberCondition,
    DurationCondition,
    PercentageCondition,
    TimeCondition,
)


def matches(condition: Condition, time_zone: str) -> pl.Expr:
    """Whether the condition holds, over rows of `FACTS_SCHEMA`.

    A fact that is null makes it null, unless another one makes it false already. Of rows that are complete, a fact
    that is null is one that the call has not: nothing is true of it.

    Args:
        condition: of any kind but DEFAULT.
        time_zone: the tenant's clock.
    """
    build = _BUILDERS[type(condition)]
    holds = build(condition, time_zone)
    return pl.when("is_complete").then(holds.fill_null(value=False)).otherwise(holds)


def _agent(condition: AgentCondition, _: str) -> pl.Expr:
    extension = pl.col("agent_extension")
    at_the_phone = [_within(extension, each) for each in condition.extension_ranges]
    if condition.extensions:
        at_the_phone.append(extension.is_in(condition.extensions))
    asked = [reduce(or_, at_the_phone)] if at_the_phone else []
    fields = {"agent_id": condition.ids, "agent_name": condition.names, "team": condition.teams}
    return _all([*asked, *(pl.col(name).is_in(values) for name, values in fields.items() if values)])


def _within(extension: pl.Expr, span: str) -> pl.Expr:
    """Whether the extension is a number of as many digits between the two ends."""
    first, last = span.split("-")
    is_number = extension.str.contains(rf"^[0-9]{{{len(first)}}}$")
    return is_number & extension.is_between(pl.lit(first), pl.lit(last))


def _dialled(condition: DialledNumberCondition, _: str) -> pl.Expr:
    return _number(pl.col("dialled_number"), condition.dns, condition.pattern)


def _caller(condition: CallerCondition, _: str) -> pl.Expr:
    return _number(pl.col("other_number"), condition.anis, condition.pattern)


def _number(number: pl.Expr, values: Sequence[str], pattern: str | None) -> pl.Expr:
    asked = [number.is_in(values)] if values else []
    return _all([*asked, *([] if pattern is None else [number.str.contains(pattern)])])


def _percentage(condition: PercentageCondition, _: str) -> pl.Expr:
    is_in_share = pl.col("sampling_number").cast(pl.Int32) < int(condition.percentage * 100)
    asked = [pl.col("dialled_number").is_in(condition.dns)] if condition.dns else []
    return _all([is_in_share, *asked])


def _duration(condition: DurationCondition, _: str) -> pl.Expr:
    duration = pl.col("duration_ms")
    at_most = [] if condition.max_s is None else [duration < round(condition.max_s * 1000)]
    return _all([duration >= round(condition.min_s * 1000), *at_most])


def _time(condition: TimeCondition, time_zone: str) -> pl.Expr:
    """By the local clock: an hour that comes twice is within twice, one that is skipped never."""
    local = pl.col("start_time").dt.convert_time_zone(condition.time_zone or time_zone)
    second = local.dt.hour().cast(pl.Int32) * 3600 + local.dt.minute().cast(pl.Int32) * 60 + local.dt.second()
    weekday = local.dt.weekday()
    if condition.start < condition.end:
        return (second >= condition.start) & (second < condition.end) & _on(weekday, condition, later=0)
    in_the_evening = (second >= condition.start) & _on(weekday, condition, later=0)
    in_the_morning = (second < condition.end) & _on(weekday, condition, later=1)
    return in_the_evening | in_the_morning


def _on(weekday: pl.Expr, condition: TimeCondition, *, later: int) -> pl.Expr:
    """Whether it is so many days after one of the condition's days."""
    return weekday.is_in([(DAYS.index(day) + later) % 7 + 1 for day in condition.days])


def _all(asked: Sequence[pl.Expr]) -> pl.Expr:
    return reduce(and_, asked)


_BUILDERS: dict[type[Condition], Callable[[Any, str], pl.Expr]] = {
    AgentCondition: _agent,
    DialledNumberCondition: _dialled,
    TimeCondition: _time,
    PercentageCondition: _percentage,
    CallerCondition: _caller,
    DurationCondition: _duration,
}
