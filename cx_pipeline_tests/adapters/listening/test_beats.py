"""Signs of life: told as they are, and later where the gateway was away."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from threading import Event

from cx_pipeline.adapters.listening.beats import Beats
from cx_pipeline.adapters.listening.event_client import BatchRefusedError
from cx_pipeline.core.enrichment.heartbeat_gaps import GAP_TOLERANCE
from cx_pipeline.core.errors import DestinationUnavailableError
from cx_pipeline.core.listening import ListenerState

START = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)


class Told:
    """What a gateway got, which may be away."""

    def __init__(self) -> None:
        self.beats: list[ListenerState] = []
        self.failure: Exception | None = None
        self.is_enough = Event()
        self.now = START

    def __call__(self, beat: ListenerState) -> None:
        if self.failure is not None:
            raise self.failure
        self.beats.append(beat)
        if len(self.beats) >= 2:
            self.is_enough.set()

    def clock(self) -> datetime:
        self.now += timedelta(seconds=5)
        return self.now


def beats_to(told: Told, *, every_s: float = 5.0) -> Beats:
    return Beats(told, "jtapi", "cucm-1", lambda: True, lambda: 3, every_s=every_s, clock=told.clock)


def test_a_listener_beats_until_its_end_and_is_not_connected_then():
    told = Told()
    with beats_to(told, every_s=0.01):
        assert told.is_enough.wait(10)
    assert [beat.is_connected for beat in told.beats] == [True] * (len(told.beats) - 1) + [False]
    assert {(beat.source, beat.listener_id, beat.failed_reconnections) for beat in told.beats} == {
        ("jtapi", "cucm-1", 3)
    }


def test_beats_that_the_gateway_did_not_get_are_told_later_and_leave_no_gap():
    told = Told()
    told.failure = DestinationUnavailableError("away")
    beats = beats_to(told)
    for _ in range(100):
        beats.beat(is_connected=True)
    told.failure = None
    beats.beat(is_connected=True)
    moments = [beat.beat_at for beat in told.beats]
    assert moments == sorted(moments)
    assert (moments[0], moments[-1]) == (START + timedelta(seconds=5), START + timedelta(seconds=505))
    assert max(later - one for one, later in pairwise(moments)) <= GAP_TOLERANCE
    assert len(moments) < 40


def test_a_change_is_kept_with_the_time_at_which_it_was_seen():
    told = Told()
    told.failure = DestinationUnavailableError("away")
    beats = beats_to(told)
    states = [True] * 3 + [False] * 3 + [True] * 3
    for is_connected in states:
        beats.beat(is_connected=is_connected)
    told.failure = None
    beats.beat(is_connected=True)
    changes = [later.beat_at for one, later in pairwise(told.beats) if one.is_connected != later.is_connected]
    assert changes == [START + timedelta(seconds=20), START + timedelta(seconds=35)]


def test_a_beat_that_is_refused_holds_up_no_other():
    told = Told()
    beats = beats_to(told)
    told.failure = BatchRefusedError(422, "422")
    beats.beat(is_connected=True)
    told.failure = None
    beats.beat(is_connected=True)
    assert [beat.beat_at for beat in told.beats] == [START + timedelta(seconds=10)]
