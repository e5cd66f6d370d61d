"""All kinds of calls that the simulator makes, how many of each, and which dialect can show them."""

from collections.abc import Callable
from dataclasses import dataclass

from cx_pipeline.simulator import handover_scenarios as handover
from cx_pipeline.simulator import incoming_scenarios as incoming
from cx_pipeline.simulator.incoming_scenarios import Cast
from cx_pipeline.simulator.story import Story


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of call. `weight` is its share of all calls, in thousandths for the JTAPI dialect."""

    act: Callable[[Story, Cast], None]
    agents: int
    weight: int
    direction: str = "INBOUND"
    in_table: bool = False
    is_talking_at_off_hook: bool = False
    """Whether the originator is always reported talking at off-hook: else a call that nobody answers has no talker."""

    @property
    def name(self) -> str:
        """The name of the function that plays it."""
        return self.act.__name__


SCENARIOS = (
    Scenario(incoming.simple, 1, 360, in_table=True),
    Scenario(incoming.simple_with_holds, 1, 110, in_table=True),
    Scenario(incoming.customer_gives_up_on_hold, 1, 10, in_table=True),
    Scenario(incoming.unanswered_then_answered, 2, 40, in_table=True),
    Scenario(incoming.rejected_unanswered_answered, 3, 10, in_table=True),
    Scenario(incoming.same_agent_rung_twice, 1, 5, in_table=True),
    Scenario(incoming.caller_gives_up_while_ringing, 1, 20),
    Scenario(incoming.unanswered_then_caller_gives_up, 2, 10),
    Scenario(incoming.hunt_group, 3, 30, in_table=True),
    Scenario(incoming.hunt_group_unanswered, 3, 5),
    Scenario(incoming.outbound, 1, 80, "OUTBOUND", in_table=True),
    Scenario(incoming.outbound_with_hold, 1, 20, "OUTBOUND", in_table=True),
    Scenario(incoming.outbound_unanswered, 1, 35, "OUTBOUND", is_talking_at_off_hook=True),
    Scenario(incoming.internal, 2, 30, "INTERNAL"),
    Scenario(incoming.internal_given_up, 2, 10, "INTERNAL", is_talking_at_off_hook=True),
    Scenario(handover.direct_transfer, 2, 30, in_table=True),
    Scenario(handover.direct_transfer_after_hold, 2, 5, in_table=True),
    Scenario(handover.direct_transfer_rings_out_first, 3, 5, in_table=True),
    Scenario(handover.transfer_chain, 3, 10, in_table=True),
    Scenario(handover.transfer_and_back, 2, 5, in_table=True),
    Scenario(handover.outbound_then_direct_transfer, 2, 5, "OUTBOUND", in_table=True),
    Scenario(handover.internal_then_direct_transfer, 3, 3, "INTERNAL"),
    Scenario(handover.consult_cancelled, 2, 35, in_table=True),
    Scenario(handover.consult_unanswered, 2, 10),
    Scenario(handover.consult_abandoned, 2, 10, in_table=True),
    Scenario(handover.consult_transfer, 2, 40, in_table=True),
    Scenario(handover.consult_transfer_into_consult_call, 2, 5),
    Scenario(handover.consult_transfer_into_new_call, 2, 5, in_table=True),
    Scenario(handover.transfer_that_nobody_reported, 2, 3, in_table=True),
    Scenario(handover.consult_transfer_through_momentary_conference, 2, 10),
    Scenario(handover.transfer_completed_while_ringing, 2, 5),
    Scenario(handover.consult_transfer_chain, 3, 10, in_table=True),
    Scenario(handover.consult_cancelled_then_transferred, 3, 6, in_table=True),
    Scenario(handover.consult_cancelled_then_direct_transfer, 3, 5, in_table=True),
    Scenario(handover.consult_transfer_then_direct_transfer, 3, 6, in_table=True),
    Scenario(handover.outbound_then_consult_transfer, 2, 6, "OUTBOUND", in_table=True),
    Scenario(handover.conference, 2, 20, in_table=True),
    Scenario(handover.conference_whose_controller_leaves, 2, 10, in_table=True),
    Scenario(handover.conference_whose_colleague_leaves, 2, 10, in_table=True),
    Scenario(handover.conference_whose_customer_leaves, 2, 5),
)

TABLE_SCENARIOS = tuple(scenario for scenario in SCENARIOS if scenario.in_table)
