"""The engine's rules in plain words, one sentence for each name that a leg's evidence can bear."""

START_SENTENCES = {
    "FIRST_TALKING": "the phone first talked then",
    "FIRST_RINGING": "the phone first rang then, and no talk was reported at its right time",
    "EARLIEST_FACT": "neither ring nor talk was reported: the earliest fact about the phone counts",
    "OTHER_PARTY_ANSWERED": "the agent dialled, and the other party answered then (the phone talks from off-hook on)",
    "INITIATED_AND_NEVER_ANSWERED": "the agent dialled then, and nobody answered",
}
"""Why a leg starts when it does."""

UNANSWERED_START_SENTENCES = {
    "FIRST_RINGING": "the phone first rang then, and nobody answered",
    "EARLIEST_FACT": "nobody answered, and no ring was reported: the earliest fact about the phone counts",
}
"""The same for legs that nobody answered, where it reads otherwise."""

END_SENTENCES = {
    "OPEN": "no end was reported: the leg goes on",
    "DROPPED": "the agent's last connection dropped then",
    "DISCONNECTED": "the agent's extension was disconnected then, and no drop was reported before",
    "CALL_ENDED": "the call key ended then, and nothing was reported of the phone itself: an estimate",
    "SILENCE": "nothing came for so long that the call counts as over, at its last fact: an estimate",
}
"""Why a leg ends when it does."""

TYPE_SENTENCES = {
    "NOBODY_ANSWERED": "the phone rang, and nobody took the call",
    "INITIATED_BEFORE_ANY_TALK": "the agent began the call, before anybody talked",
    "NO_RELATION": "no transfer, consult or conference joins it to another leg",
    "CONSULT_FACT": "a consult was reported that names the other agent's call",
    "TALKS_WHILE_HELD": "the other agent began to talk while this call was on hold",
    "TRANSFER_FACT": "a transfer was reported while both agents were in the call",
    "CONFERENCE_FACT": "a conference was reported while both agents were in the call",
    "OTHER_PARTY_LEFT_WHILE_HELD": "the other party left while it was on hold",
    "CONTROLLER_LEFT_OTHERS_STAYED": "the agent who consulted left, and the others stayed",
    "CONSULTED_LEFT": "the agent who was consulted left, and the call went on without",
    "FEATURE_REASON": "a fact's feature reason says so (a transfer, a blind transfer or a redirect)",
    "TALKS_AFTER_THE_OTHER_ENDED": "one agent's leg ended, and the other's began after it, without a consult",
    "BEGINS_WITH_A_TRANSFER": "the call key begins with a transfer: it continues a call that was under another key",
}
"""Why a leg is of its type."""

HOLD_START_SENTENCES = {
    "HELD": "the connection was held then",
    "HELD_BEFORE_THE_START": "the connection was held before the leg starts: the hold counts from its start",
}
"""Why a hold starts when it does."""

HOLD_END_SENTENCES = {
    "TALKS_AGAIN": "the same connection talked again then",
    "MERGED": "the held call was put together with another then, by a transfer or a conference",
    "LEG_ENDED": "the leg ended then",
    "STILL_HELD": "no end was reported: the hold lasts",
}
"""Why a hold ends when it does."""

NO_HOLD_SENTENCES = {
    "EMPTY_HOLD": "held and no longer held at the same instant, or outside of the leg: no hold",
    "HELD_AGAIN": "held while it was on hold already: part of that hold",
}
"""Why a fact HELD makes no hold of its own."""


def start_sentence(rule: str, *, is_answered: bool) -> str:
    """Why the leg starts when it does."""
    if not is_answered and rule in UNANSWERED_START_SENTENCES:
        return UNANSWERED_START_SENTENCES[rule]
    return START_SENTENCES[rule]
