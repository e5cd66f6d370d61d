"""Calls without a second talker: answered, held, given up, not answered, and calls that agents make."""

from cx_pipeline.simulator import pace
from cx_pipeline.simulator.site import Agent
from cx_pipeline.simulator.story import Story

Cast = list[Agent]
"""The agents of a scenario, each with no other call."""


def caller_is_answered(story: Story, agent: Agent) -> None:
    """A customer calls, waits, and the agent answers."""
    story.customer_calls()
    story.wait(pace.moment(story.rng) + story.rng.randrange(0, 20_000))
    agent_is_rung_and_answers(story, agent)


def agent_is_rung_and_answers(story: Story, agent: Agent, reason: str | None = None) -> None:
    """The agent's phones ring, and the agent answers."""
    story.phone_rings(agent, reason=reason)
    story.wait(pace.ring(story.rng))
    story.agent_answers(agent)


def somebody_hangs_up(story: Story, agent: Agent) -> None:
    """The talk is over: the customer hangs up as a rule, else the agent."""
    if story.rng.randrange(3):
        story.customer_hangs_up()
    else:
        story.agent_hangs_up(agent)


def agent_holds_and_resumes(story: Story, agent: Agent) -> None:
    """The agent puts the customer on hold for a while."""
    story.agent_holds(agent)
    story.wait(pace.phase(story.rng))
    story.agent_resumes(agent)
    story.wait(pace.phase(story.rng))


def simple(story: Story, cast: Cast) -> None:
    """A customer calls, an agent answers, they talk."""
    caller_is_answered(story, cast[0])
    story.wait(pace.talk(story.rng))
    somebody_hangs_up(story, cast[0])


def simple_with_holds(story: Story, cast: Cast) -> None:
    """The agent puts the customer on hold, up to three times."""
    caller_is_answered(story, cast[0])
    story.wait(pace.phase(story.rng))
    for _ in range(1 + story.rng.randrange(3)):
        agent_holds_and_resumes(story, cast[0])
    somebody_hangs_up(story, cast[0])


def customer_gives_up_on_hold(story: Story, cast: Cast) -> None:
    """The customer hangs up while the agent holds the call."""
    caller_is_answered(story, cast[0])
    story.wait(pace.phase(story.rng))
    story.agent_holds(cast[0])
    story.wait(pace.phase(story.rng))
    story.customer_hangs_up()


# Nobody answers.


def phone_rings_out(story: Story, agent: Agent) -> None:
    """The agent does not answer, and the call goes on."""
    story.phone_rings(agent)
    story.wait(pace.ring_out(story.rng))
    story.phone_stops_ringing(agent, "NO_ANSWER", "CAUSE_NOANSWERFROMUSER", "REASON_FORWARDNOANSWER")
    story.wait(pace.moment(story.rng))


def agent_rejects(story: Story, agent: Agent) -> None:
    """The agent presses reject, and the call goes on."""
    story.phone_rings(agent)
    story.wait(pace.ring(story.rng))
    story.phone_stops_ringing(agent, "REJECTED", "CAUSE_CALLREJECTED")
    story.wait(pace.moment(story.rng))


def unanswered_then_answered(story: Story, cast: Cast) -> None:
    """One agent does not answer, the next one does."""
    story.customer_calls()
    story.wait(pace.moment(story.rng))
    phone_rings_out(story, cast[0])
    agent_is_rung_and_answers(story, cast[1])
    story.wait(pace.talk(story.rng))
    somebody_hangs_up(story, cast[1])


def rejected_unanswered_answered(story: Story, cast: Cast) -> None:
    """One agent rejects the call, one does not answer, one answers."""
    story.customer_calls()
    story.wait(pace.moment(story.rng))
    agent_rejects(story, cast[0])
    phone_rings_out(story, cast[1])
    agent_is_rung_and_answers(story, cast[2])
    story.wait(pace.talk(story.rng))
    somebody_hangs_up(story, cast[2])


def same_agent_rung_twice(story: Story, cast: Cast) -> None:
    """An agent does not answer; the call comes to the same agent again, who answers now."""
    story.customer_calls()
    story.wait(pace.moment(story.rng))
    phone_rings_out(story, cast[0])
    story.wait(3 * pace.SECOND + pace.moment(story.rng))
    agent_is_rung_and_answers(story, cast[0])
    story.wait(pace.talk(story.rng))
    somebody_hangs_up(story, cast[0])


def caller_gives_up_while_ringing(story: Story, cast: Cast) -> None:
    """The caller hangs up before the agent answers."""
    story.customer_calls()
    story.wait(pace.moment(story.rng))
    story.phone_rings(cast[0])
    story.wait(pace.ring(story.rng))
    story.caller_gives_up_while_phones_ring(cast[:1])


def unanswered_then_caller_gives_up(story: Story, cast: Cast) -> None:
    """One agent does not answer, and the caller hangs up while the next one's phone rings."""
    story.customer_calls()
    story.wait(pace.moment(story.rng))
    phone_rings_out(story, cast[0])
    story.phone_rings(cast[1])
    story.wait(pace.ring(story.rng))
    story.caller_gives_up_while_phones_ring(cast[1:2])


def hunt_group(story: Story, cast: Cast) -> None:
    """Several phones ring at once; one agent answers."""
    story.customer_calls()
    story.wait(pace.moment(story.rng))
    for agent in cast:
        story.phone_rings(agent)
    story.wait(pace.ring(story.rng))
    answering = cast[story.rng.randrange(len(cast))]
    story.agent_answers(answering)
    for agent in cast:
        if agent is not answering:
            story.phone_stops_ringing(agent, "ANSWERED_ELSEWHERE", lag=1)
    story.wait(pace.talk(story.rng))
    somebody_hangs_up(story, answering)


def hunt_group_unanswered(story: Story, cast: Cast) -> None:
    """Several phones ring at once, and the caller hangs up."""
    story.customer_calls()
    story.wait(pace.moment(story.rng))
    for agent in cast:
        story.phone_rings(agent)
    story.wait(pace.ring_out(story.rng))
    story.caller_gives_up_while_phones_ring(cast)


# Agents who call.


def outbound_is_answered(story: Story, agent: Agent) -> None:
    """An agent calls a number outside, and somebody answers."""
    story.agent_goes_off_hook(agent, story.outside)
    story.wait(pace.moment(story.rng))
    story.agent_dials(agent)
    story.wait(pace.moment(story.rng))
    story.network_alerts()
    story.wait(1000 + pace.ring(story.rng))
    story.caller_agent_is_put_through(agent)


def outbound(story: Story, cast: Cast) -> None:
    """An agent calls a customer."""
    outbound_is_answered(story, cast[0])
    story.wait(pace.talk(story.rng))
    somebody_hangs_up(story, cast[0])


def outbound_with_hold(story: Story, cast: Cast) -> None:
    """An agent calls a customer and puts them on hold."""
    outbound_is_answered(story, cast[0])
    story.wait(pace.phase(story.rng))
    agent_holds_and_resumes(story, cast[0])
    somebody_hangs_up(story, cast[0])


def outbound_unanswered(story: Story, cast: Cast) -> None:
    """An agent calls a number outside, and nobody answers, or it is busy."""
    story.agent_goes_off_hook(cast[0], story.outside)
    story.wait(pace.moment(story.rng))
    story.agent_dials(cast[0])
    story.wait(pace.moment(story.rng))
    if story.rng.randrange(3):
        story.network_alerts()
        story.wait(pace.ring_out(story.rng))
    else:
        story.number_is_busy()
        story.wait(pace.moment(story.rng))
    story.caller_agent_gives_up(cast[0])


def internal(story: Story, cast: Cast) -> None:
    """An agent calls a colleague."""
    internal_is_answered(story, cast)
    story.wait(pace.talk(story.rng))
    story.agent_hangs_up(cast[story.rng.randrange(2)])


def internal_is_answered(story: Story, cast: Cast) -> None:
    """An agent calls a colleague, who answers."""
    _internal_rings(story, cast)
    story.wait(pace.ring(story.rng))
    story.colleague_takes_internal_call(cast[0], cast[1])


def internal_given_up(story: Story, cast: Cast) -> None:
    """An agent calls a colleague, and gives up before they answer."""
    _internal_rings(story, cast)
    story.wait(pace.ring_out(story.rng))
    story.caller_agent_gives_up(cast[0])


def _internal_rings(story: Story, cast: Cast) -> None:
    story.agent_goes_off_hook(cast[0], cast[1].extension)
    story.wait(pace.moment(story.rng))
    story.agent_dials(cast[0], cast[1])
    story.wait(pace.moment(story.rng))
    story.phone_rings(cast[1])
