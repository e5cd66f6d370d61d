"""Consulting a colleague while the other party waits, and the ways in which that ends."""

from cx_pipeline.simulator import pace
from cx_pipeline.simulator.phones import Line, LineState, SwitchCall
from cx_pipeline.simulator.reports import MS
from cx_pipeline.simulator.site import Agent
from cx_pipeline.simulator.story import Story
from cx_pipeline.simulator.true_legs import Share


class Consultation:
    """A controller who holds the main call, and a colleague.

    With a call key of its own, as CUCM does it, the consult is a call beside the main one until they are merged;
    else the colleague is a party more of the main call, as the guide has it.
    """

    def __init__(self, story: Story, controller: Agent, colleague: Agent) -> None:
        self._story = story
        self._controller = controller
        self._colleague = colleague
        self._main = story.main
        self._call = story.main
        self.has_own_key = story.habits.consult_has_own_key
        self._first: Share = story.ledger.share_of(controller)
        self._second: Share

    # How it begins.

    def begins(self) -> None:
        """The controller puts the other party on hold, dials, and the colleague's phones ring."""
        story, rng = self._story, self._story.rng
        story.agent_holds(self._controller)
        if self.has_own_key:
            line = self._consult_call_starts()
            story.wait(pace.moment(rng))
            story.reporter.dialled(story.now, line, self._colleague.extension)
        else:
            story.wait(pace.moment(rng))
            story.reporter.consult_dialled_on_same_call(story.now, self._main, self._colleague.extension)
        self._colleague_is_dialled()
        story.wait(pace.moment(rng))
        story.phone_rings(self._colleague, self._call, role="CONSULT")
        if self.has_own_key and story.reporter.shows_ringing:
            # Specification section 5: a CONSULT fact that names the colleague's call makes the relation.
            self._second = story.ledger.share_of(self._colleague)
            story.ledger.consults(self._first, self._second)

    def _consult_call_starts(self) -> Line:
        story, controller = self._story, self._controller
        self._call = story.new_call(controller.extension, self._colleague.extension, previous=self._main)
        line = self._call.new_line(controller, self._main.line_of(controller).phone)
        line.become(LineState.TALKING)
        story.reporter.consult_started(story.now + 100 * MS, line, self._colleague.extension)
        story.reporter.went_off_hook(
            story.now + 200 * MS, line, is_talking_at_once=story.habits.is_talking_at_off_hook
        )
        if story.is_recorded(line):
            story.ledger.line_opens(controller)
        if not story.reporter.shows_ringing:
            self._colleague_is_dialled()  # the table's row names both ends at once
        return line

    def _colleague_is_dialled(self) -> None:
        self._story.ledger.is_dialled(self._colleague)

    def colleague_answers(self) -> None:
        """The colleague takes the call; the two talk while the other party waits."""
        story = self._story
        if self.has_own_key and not story.habits.is_talking_at_off_hook:
            story.reporter.talks(story.now, self._call.line_of(self._controller))
        self._second = story.agent_answers(self._colleague, self._call)
        if not (self.has_own_key and story.reporter.shows_ringing):
            story.ledger.consults(self._first, self._second)

    # How it ends without a merge.

    def colleague_does_not_answer(self) -> None:
        """The colleague's phones ring out, and the controller goes back to the other party."""
        story = self._story
        line = self._call.line_of(self._colleague)
        story.stop_ringing(line, "NO_ANSWER", "CAUSE_NOANSWERFROMUSER", None, story.now)
        if self.has_own_key:
            story.ledger.consult_ends(self._first, self._second, "CANCELLED")
        self._controller_goes_back()

    def is_cancelled(self) -> None:
        """The two have talked; the controller goes back to the other party."""
        story = self._story
        story.leave(self._call.line_of(self._colleague), story.now)
        story.ledger.consult_ends(self._first, self._second, "CANCELLED")
        self._controller_goes_back()

    def _controller_goes_back(self) -> None:
        story = self._story
        if self.has_own_key:
            story.leave(self._call.line_of(self._controller), story.now)
            story.end_call(self._call, story.lag())
            story.wait(pace.moment(story.rng))
        story.agent_resumes(self._controller)

    def other_party_gives_up(self) -> None:
        """The other party leaves while the two consult; they talk on for a while."""
        story = self._story
        story.reporter.outside_left(story.now, self._main, story.outside)
        story.ledger.consult_ends(self._first, self._second, "ABANDONED")
        if self.has_own_key:
            story.everybody_leaves(self._main)
        story.wait(pace.phase(story.rng))
        story.everybody_leaves(self._call)

    # How it ends with a merge.

    def is_transferred(self) -> None:
        """The controller presses transfer and leaves the colleague with the other party."""
        story = self._story
        if not self.has_own_key:
            story.leave(self._main.line_of(self._controller), story.now)
            story.reporter.joined(story.now, self._main.line_of(self._colleague))
            story.ledger.consult_transferred(self._first, self._second)
            return
        self._start_transfer(self._main, self._call)
        joined = self._colleague_gets_line_on(self._main)
        self._leave_after(50, self._call, self._controller)
        self._leave_after(60, self._call, self._colleague)
        joined.become(LineState.TALKING)
        story.reporter.joined(story.now + 70 * MS, joined)
        self._leave_after(80, self._main, self._controller)
        self._merge_is_done(90, is_conference=False)

    def is_transferred_while_ringing(self) -> None:
        """The controller presses transfer before the colleague answers."""
        story = self._story
        self._start_transfer(self._main, self._call)
        joined = self._colleague_gets_line_on(self._main)
        self._leave_after(50, self._call, self._controller)
        ringing = self._call.line_of(self._colleague)
        ringing.become(LineState.GONE)
        story.reporter.rings_out(story.now + 60 * MS, ringing, None, None)
        story.ledger.line_closes(self._colleague, story.now + 60 * MS)
        joined.phone = None
        joined.become(LineState.RINGING)
        story.reporter.rings(story.now + 70 * MS, joined, "REASON_TRANSFER")
        self._leave_after(80, self._main, self._controller)
        self._merge_is_done(90, is_conference=False)

    def is_transferred_into_consult_call(self) -> None:
        """As a transfer, but the other party comes over to the consult call, whose key goes on."""
        story = self._story
        self._start_transfer(self._call, self._main)
        story.reporter.outside_established(story.now + 40 * MS, self._call, story.outside)
        self._leave_after(50, self._main, self._controller)
        story.reporter.outside_left(story.now + 60 * MS, self._main, story.outside)
        self._leave_after(80, self._call, self._controller)
        story.end_call(self._main, story.now + 90 * MS)
        story.reporter.merge_ended(story.now + 100 * MS, self._call, is_conference=False)
        story.main = self._call

    def is_transferred_into_a_new_call(self) -> None:
        """As a transfer, but the switch gives the result a call key of its own, which begins with the transfer."""
        story = self._story
        line, colleague = self._main.line_of(self._controller), self._call.line_of(self._colleague)
        final = story.new_call(story.outside, self._colleague.extension)
        story.reporter.transfer_started(story.now, final, self._main, line, colleague)
        self._count_as_transferred()
        joined = self._colleague_gets_line_on(final)
        self._leave_after(50, self._call, self._controller)
        self._leave_after(60, self._call, self._colleague)
        joined.become(LineState.TALKING)
        story.reporter.joined(story.now + 70 * MS, joined)
        story.reporter.outside_established(story.now + 75 * MS, final, story.outside)
        self._leave_after(80, self._main, self._controller)
        story.reporter.outside_left(story.now + 85 * MS, self._main, story.outside)
        story.end_call(self._main, story.now + 90 * MS)
        story.end_call(self._call, story.now + 90 * MS)
        story.reporter.merge_ended(story.now + 100 * MS, final, is_conference=False)
        story.main = final

    def is_transferred_through_momentary_conference(self) -> None:
        """The switch joins all three for a moment, with the feature reason of a transfer."""
        story = self._story
        self._join_all("REASON_TRANSFER")
        story.ledger.consult_transferred(self._first, self._second)
        story.wait(pace.moment(story.rng))
        story.leave(self._main.line_of(self._controller), story.now, "REASON_TRANSFER")

    def becomes_conference(self) -> None:
        """All three talk."""
        self._join_all(None)
        self._story.ledger.consult_conferenced(self._first, self._second)

    def _start_transfer(self, final: SwitchCall, merged: SwitchCall) -> None:
        story = self._story
        line, colleague = final.line_of(self._controller), self._call.line_of(self._colleague)
        story.reporter.transfer_started(story.now, final, merged, line, colleague)
        self._count_as_transferred()

    def _count_as_transferred(self) -> None:
        ledger = self._story.ledger
        ledger.hold_ends(self._controller, self._story.now)
        ledger.consult_transferred(self._first, self._second)

    def _join_all(self, reason: str | None) -> None:
        story = self._story
        merged = self._call if self.has_own_key else None
        line, colleague = self._main.line_of(self._controller), self._call.line_of(self._colleague)
        story.reporter.conference_started(story.now, self._main, merged, line, colleague, reason)
        story.ledger.hold_ends(self._controller, story.now)
        line.become(LineState.TALKING)
        if not self.has_own_key:
            return
        joined = self._colleague_gets_line_on(self._main)
        self._leave_after(20, self._call, self._controller)
        self._leave_after(20, self._call, self._colleague)
        joined.become(LineState.TALKING)
        story.reporter.joined(story.now + 30 * MS, joined)
        story.reporter.joined(story.now + 30 * MS, line)
        self._merge_is_done(40, is_conference=True)

    def _colleague_gets_line_on(self, call: SwitchCall) -> Line:
        phone = self._call.line_of(self._colleague).phone
        self._story.ledger.line_opens(self._colleague)
        return call.new_line(self._colleague, phone)

    def _leave_after(self, milliseconds: int, call: SwitchCall, agent: Agent) -> None:
        self._story.leave(call.line_of(agent), self._story.now + milliseconds * MS)

    def _merge_is_done(self, milliseconds: int, *, is_conference: bool) -> None:
        story = self._story
        story.end_call(self._call, story.now + milliseconds * MS)
        story.reporter.merge_ended(
            story.now + (milliseconds + 10) * MS, self._main, is_conference=is_conference
        )
