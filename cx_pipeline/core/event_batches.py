"""What the gateway's answer to a batch of events means for the batch, and for the listener that sent it."""

from enum import StrEnum


class BatchVerdict(StrEnum):
    """What one answer came to."""

    TAKEN = "TAKEN"
    """The gateway has the events safe."""
    LATER = "LATER"
    """It may take them when it is asked again."""
    DIVIDE = "DIVIDE"
    """It takes no such batch: each half may do; a single line that it does not take never will."""
    MISSET = "MISSET"
    """It is not the events' fault: address, token or scope are wrong. No event may be given up for that."""


_TAKEN = frozenset({200, 202})
_LATER = frozenset({408, 425, 429})
_OF_THE_BATCH = frozenset({400, 413, 422})
"""Not understood, too large, not valid. All other refusals (401, 403, 404, 415, a redirect) would meet any batch."""


def batch_verdict(status_code: int) -> BatchVerdict:
    """What a status code says about the batch that it answers."""
    if status_code in _TAKEN:
        return BatchVerdict.TAKEN
    if status_code in _LATER or status_code >= 500:
        return BatchVerdict.LATER
    if status_code in _OF_THE_BATCH:
        return BatchVerdict.DIVIDE
    return BatchVerdict.MISSET
