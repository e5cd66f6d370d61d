"""Keys of legs in links are read from the right."""

from datetime import UTC, datetime

import pytest

from cx_pipeline.core.recording.leg_keys import LegKey, parse_leg_key

CALL = "8f14e45f-ceea-867f-8a1b-0123456789ab"
START = datetime(2026, 3, 2, 10, 0, 5, tzinfo=UTC)
SECONDS = int(START.timestamp())


@pytest.mark.parametrize(
    "start",
    [
        f"{SECONDS}",
        f"{SECONDS}000",
        "2026-03-02T10:00:05Z",
        "2026-03-02T12:00:05.000+02:00",
        "20260302T100005Z",
    ],
)
def test_a_start_is_read_in_seconds_milliseconds_or_iso_8601(start: str) -> None:
    assert parse_leg_key(f"{CALL}:1005:+18005550199:{start}") == LegKey(CALL, "1005", "+18005550199", START)


def test_an_id_of_a_dialog_may_hold_colons() -> None:
    key = parse_leg_key(f"node:7:abc:1005:555:{SECONDS}")
    assert key == LegKey("node:7:abc", "1005", "555", START)
    assert key is not None
    assert key.call_id is None


def test_milliseconds_are_kept() -> None:
    key = parse_leg_key(f"{CALL}:1005:555:{SECONDS}789")
    assert key is not None
    assert key.start_time == START.replace(microsecond=789_000)


def test_an_extension_or_number_may_be_missing() -> None:
    key = parse_leg_key(f"{CALL.upper()}:::{SECONDS}")
    assert key == LegKey(CALL.upper(), None, None, START)
    assert key is not None
    assert key.call_id == CALL


@pytest.mark.parametrize(
    "text",
    [
        "",
        CALL,
        f"{CALL}:1005:555",
        f":1005:555:{SECONDS}",
        f" :1005:555:{SECONDS}",
        f"{CALL}:1005:555:{SECONDS}x",
        f"{CALL}:1005:555:12345",
        f"{CALL}:1005:555:999999999999999999",
        f"{CALL}:1005:555:2026-03-02T10:00:05",
        f"{CALL}:1005:555:2026-13-02T10:00:05Z",
        f"../{CALL}:1005:555:{SECONDS}",
        f"..\\{CALL}:1005:555:{SECONDS}",
        f"{CALL}\0:1005:555:{SECONDS}",
        f"{CALL}\n:1005:555:{SECONDS}",
        f"{CALL}\u202e:1005:555:{SECONDS}",
        f"{CALL}:1005:555:\u0661772445605",
        f"{'a' * 600}:1005:555:{SECONDS}",
        ":" * 500,
    ],
)
def test_what_is_no_key_is_read_as_none(text: str) -> None:
    assert parse_leg_key(text) is None
