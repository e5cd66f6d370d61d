"""Calls with more than one talker: direct transfers, consultations, conferences."""

from cx_pipeline.simulator import pace
from cx_pipeline.simulator.consultation import Consultation
from cx_pipeline.simulator.incoming_scenarios import (
    Cast,
    agent_holds_and_resumes,
    agent_is_rung_and_answers,
    caller_is_answered,
    internal_is_answered,
    outbound_is_answered,
    phone_rings_out,
    somebody_hangs_up,
)
from cx_pipeline.simulator.site import Agent
from cx_pipeline.simulator.story import Story

DIRECT_TRANSFER_REASONS = ("REASON_BLINDTRANSFER", "REASON_BLINDTRANSFER", "REASON_REDIRECT", None)


def transfer_directly(story: Story, first: Agent, second: Agent) -> None:
    """The first agent sends the call to the second and leaves; the second answers."""
    story.wait(pace.phase(story.rng))
    reason = DIRECT_TRANSFER_REASONS[story.rng.randrange(len(DIRECT_TRANSFER_REASONS))]
    story.agent_transfers_directly(first, reason)
    story.wait(pace.moment(story.rng))
    agent_is_rung_and_answers(story, second, reason)


def talk_and_hang_up(story: Story, agent: Agent) -> None:
    """They talk, and somebody hangs up."""
    story.wait(pace.talk(story.rng))
    somebody_hangs_up(story, agent)


def consult(story: Story, controller: Agent, colleague: Agent) -> Consultation:
    """The controller holds the call and talks with the colleague."""
    story.wait(pace.phase(story.rng))
    consultation = Consultation(story, controller, colleague)
    consultation.begins()
    story.wait(pace.ring(story.rng))
    consultation.colleague_answers()
    story.wait(pace.phase(story.rng))
    return consultation


# Direct transfers.


def direct_transfer(story: Story, cast: Cast) -> None:
    """A to B."""
    caller_is_answered(story, cast[0])
    transfer_directly(story, cast[0], cast[1])
    talk_and_hang_up(story, cast[1])


def direct_transfer_after_hold(story: Story, cast: Cast) -> None:
    """A holds, resumes, and transfers to B."""
    caller_is_answered(story, cast[0])
    story.wait(pace.phase(story.rng))
    agent_holds_and_resumes(story, cast[0])
    transfer_directly(story, cast[0], cast[1])
    talk_and_hang_up(story, cast[1])


def direct_transfer_rings_out_first(story: Story, cast: Cast) -> None:
    """A to B, who does not answer; C does."""
    caller_is_answered(story, cast[0])
    story.wait(pace.phase(story.rng))
    story.agent_transfers_directly(cast[0], "REASON_BLINDTRANSFER")
    story.wait(pace.moment(story.rng))
    phone_rings_out(story, cast[1])
    agent_is_rung_and_answers(story, cast[2])
    talk_and_hang_up(story, cast[2])


def transfer_chain(story: Story, cast: Cast) -> None:
    """A to B to C."""
    caller_is_answered(story, cast[0])
    transfer_directly(story, cast[0], cast[1])
    transfer_directly(story, cast[1], cast[2])
    talk_and_hang_up(story, cast[2])


def transfer_and_back(story: Story, cast: Cast) -> None:
    """A to B and B back to A: A has two legs."""
    caller_is_answered(story, cast[0])
    transfer_directly(story, cast[0], cast[1])
    transfer_directly(story, cast[1], cast[0])
    talk_and_hang_up(story, cast[0])


def outbound_then_direct_transfer(story: Story, cast: Cast) -> None:
    """A calls a customer and transfers to B."""
    outbound_is_answered(story, cast[0])
    transfer_directly(story, cast[0], cast[1])
    talk_and_hang_up(story, cast[1])


def internal_then_direct_transfer(story: Story, cast: Cast) -> None:
    """A calls B, who transfers A to C."""
    internal_is_answered(story, cast)
    transfer_directly(story, cast[1], cast[2])
    story.wait(pace.talk(story.rng))
    story.agent_hangs_up(cast[0])


# Consultations.


def consult_cancelled(story: Story, cast: Cast) -> None:
    """A consults B and goes back to the customer."""
    caller_is_answered(story, cast[0])
    consult(story, cast[0], cast[1]).is_cancelled()
    talk_and_hang_up(story, cast[0])


def consult_unanswered(story: Story, cast: Cast) -> None:
    """A wants to consult B, who does not answer."""
    caller_is_answered(story, cast[0])
    story.wait(pace.phase(story.rng))
    consultation = Consultation(story, cast[0], cast[1])
    consultation.begins()
    story.wait(pace.ring_out(story.rng))
    consultation.colleague_does_not_answer()
    talk_and_hang_up(story, cast[0])


def consult_abandoned(story: Story, cast: Cast) -> None:
    """The customer hangs up while A and B consult."""
    caller_is_answered(story, cast[0])
    consult(story, cast[0], cast[1]).other_party_gives_up()


def consult_transfer(story: Story, cast: Cast) -> None:
    """A consults B and leaves the customer to B."""
    caller_is_answered(story, cast[0])
    consult(story, cast[0], cast[1]).is_transferred()
    talk_and_hang_up(story, cast[1])


def consult_transfer_into_consult_call(story: Story, cast: Cast) -> None:
    """The same, and the consult's call key is the one that goes on."""
    caller_is_answered(story, cast[0])
    consultation = consult(story, cast[0], cast[1])
    if consultation.has_own_key:
        consultation.is_transferred_into_consult_call()
    else:
        consultation.is_transferred()
    talk_and_hang_up(story, cast[1])


def consult_transfer_into_new_call(story: Story, cast: Cast) -> None:
    """The same, and the result has a call key of its own, which begins with the transfer."""
    caller_is_answered(story, cast[0])
    consultation = consult(story, cast[0], cast[1])
    if consultation.has_own_key:
        consultation.is_transferred_into_a_new_call()
    else:
        consultation.is_transferred()
    talk_and_hang_up(story, cast[1])


def transfer_that_nobody_reported(story: Story, cast: Cast) -> None:
    """The listener sees the result of a transfer only, and nothing of the call that it continues."""
    story.call_comes_by_a_transfer_that_nobody_reported(cast[0], cast[1])
    talk_and_hang_up(story, cast[1])


def consult_transfer_through_momentary_conference(story: Story, cast: Cast) -> None:
    """The same, and the switch joins all three for a moment."""
    caller_is_answered(story, cast[0])
    consult(story, cast[0], cast[1]).is_transferred_through_momentary_conference()
    talk_and_hang_up(story, cast[1])


def transfer_completed_while_ringing(story: Story, cast: Cast) -> None:
    """A presses transfer while B's phone still rings; B answers the customer."""
    caller_is_answered(story, cast[0])
    story.wait(pace.phase(story.rng))
    consultation = Consultation(story, cast[0], cast[1])
    consultation.begins()
    if not consultation.has_own_key:
        # One call key: nothing could tell whom the colleague answers, so the two have a word first.
        story.wait(pace.ring(story.rng))
        consultation.colleague_answers()
        story.wait(pace.phase(story.rng))
        consultation.is_transferred()
    else:
        story.wait(pace.moment(story.rng))
        consultation.is_transferred_while_ringing()
        story.wait(pace.ring(story.rng))
        story.agent_answers(cast[1])
    talk_and_hang_up(story, cast[1])


def consult_transfer_chain(story: Story, cast: Cast) -> None:
    """A to B and B to C, each after a consultation."""
    caller_is_answered(story, cast[0])
    consult(story, cast[0], cast[1]).is_transferred()
    consult(story, cast[1], cast[2]).is_transferred()
    talk_and_hang_up(story, cast[2])


def consult_cancelled_then_transferred(story: Story, cast: Cast) -> None:
    """A consults B in vain, then consults C and leaves the customer to C."""
    caller_is_answered(story, cast[0])
    consult(story, cast[0], cast[1]).is_cancelled()
    consult(story, cast[0], cast[2]).is_transferred()
    talk_and_hang_up(story, cast[2])


def consult_cancelled_then_direct_transfer(story: Story, cast: Cast) -> None:
    """A consults B, goes back to the customer, and transfers to C without asking C."""
    caller_is_answered(story, cast[0])
    consult(story, cast[0], cast[1]).is_cancelled()
    transfer_directly(story, cast[0], cast[2])
    talk_and_hang_up(story, cast[2])


def consult_transfer_then_direct_transfer(story: Story, cast: Cast) -> None:
    """A consults B and leaves the customer to B, who transfers to C."""
    caller_is_answered(story, cast[0])
    consult(story, cast[0], cast[1]).is_transferred()
    transfer_directly(story, cast[1], cast[2])
    talk_and_hang_up(story, cast[2])


def outbound_then_consult_transfer(story: Story, cast: Cast) -> None:
    """A calls a customer, consults B, and leaves the customer to B."""
    outbound_is_answered(story, cast[0])
    consult(story, cast[0], cast[1]).is_transferred()
    talk_and_hang_up(story, cast[1])


# Conferences.


def conference(story: Story, cast: Cast) -> None:
    """A consults B, all three talk, and all leave at once."""
    _conference_begins(story, cast)
    story.customer_hangs_up()


def conference_whose_controller_leaves(story: Story, cast: Cast) -> None:
    """A leaves first; the customer and B talk on."""
    _conference_begins(story, cast)
    story.agent_leaves_the_others_talking(cast[0])
    talk_and_hang_up(story, cast[1])


def conference_whose_colleague_leaves(story: Story, cast: Cast) -> None:
    """B leaves first; the customer and A talk on."""
    _conference_begins(story, cast)
    story.agent_leaves_the_others_talking(cast[1])
    talk_and_hang_up(story, cast[0])


def conference_whose_customer_leaves(story: Story, cast: Cast) -> None:
    """The customer leaves first; A and B talk on."""
    _conference_begins(story, cast)
    story.customer_leaves_the_others_talking()
    story.wait(pace.phase(story.rng))
    story.agent_leaves_the_others_talking(cast[0])
    story.everybody_leaves(story.main)


def _conference_begins(story: Story, cast: Cast) -> None:
    caller_is_answered(story, cast[0])
    consult(story, cast[0], cast[1]).becomes_conference()
    story.wait(pace.phase(story.rng))
