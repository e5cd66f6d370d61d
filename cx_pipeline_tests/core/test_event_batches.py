"""What an answer of the gateway means for a batch of events."""

import pytest

from cx_pipeline.core.event_batches import BatchVerdict, batch_verdict


@pytest.mark.parametrize(
    ("status_code", "verdict"),
    [
        (200, BatchVerdict.TAKEN),
        (202, BatchVerdict.TAKEN),
        (204, BatchVerdict.MISSET),
        (302, BatchVerdict.MISSET),
        (400, BatchVerdict.DIVIDE),
        (401, BatchVerdict.MISSET),
        (403, BatchVerdict.MISSET),
        (404, BatchVerdict.MISSET),
        (408, BatchVerdict.LATER),
        (413, BatchVerdict.DIVIDE),
        (415, BatchVerdict.MISSET),
        (422, BatchVerdict.DIVIDE),
        (429, BatchVerdict.LATER),
        (500, BatchVerdict.LATER),
        (503, BatchVerdict.LATER),
    ],
)
def test_only_a_success_that_was_agreed_on_counts_and_no_event_is_given_up_for_a_wrong_token(
    status_code: int, verdict: BatchVerdict
):
    assert batch_verdict(status_code) is verdict
