"""What the names of recorders' files tell, read from the right."""

from datetime import UTC, datetime, timedelta

import pytest

from cx_pipeline.core.recording.file_names import NameFacts, facts_of_name

SIX = datetime(2024, 6, 10, 6, 13, 20, tzinfo=UTC)
UUID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


def dialog(dialog_id: str, number: str | None = "+18005550199") -> NameFacts:
    return NameFacts("DIALOG", dialog_id, None, "1005", number, SIX, "both")


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("abc-123:1005:+18005550199:1718000000.wav", dialog("abc-123")),
        ("/streams/20240610/abc-123:1005:+18005550199:1718000000.wav", dialog("abc-123")),
        ("abc-123:1005:+18005550199:1718000000000.wav", dialog("abc-123")),
        ("abc-123:1005:+18005550199:2024-06-10T06:13:20Z.wav", dialog("abc-123")),
        ("abc-123:1005:+18005550199:2024-06-10T08:13:20+02:00.wav", dialog("abc-123")),
        ("abc-123:1005:+18005550199:20240610T061320Z.wav", dialog("abc-123")),
        ("a:b::c:1005:+18005550199:1718000000.wav", dialog("a:b::c")),
        ("abc-123:1005::1718000000.wav", dialog("abc-123", None)),
        ("abc-123:1005:+18005550199:1718000000_2.wav", dialog("abc-123")),
        (f"{UUID}.wav", NameFacts("UUID", UUID)),
        (f"{UUID.upper()}.wav", NameFacts("UUID", UUID)),
        (f"{UUID}_3.wav", NameFacts("UUID", UUID)),
        (f"customer_leg_{UUID}.wav", NameFacts("UUID", UUID)),
        (
            "1_291_20240610T061320.123_near.wav",
            NameFacts("STREAM", call_key="1_291", start_time=SIX + timedelta(milliseconds=123), side="near"),
        ),
        (f"{UUID}_20240610T061320.000_both.wav", NameFacts("STREAM", start_time=SIX, side="both")),
        ("gcid-123_20240610061320.wav", NameFacts("STREAM", call_key="gcid-123", start_time=SIX)),
        ("x_far.wav", NameFacts(side="far")),
        ("abc-123:1005:+1:17.wav", NameFacts()),
        ("abc-123:1005:+1:99999999999999999.wav", NameFacts()),
        ("1_20241340061320.wav", NameFacts()),
        ("record.wav", NameFacts()),
        ("", NameFacts()),
        ("x" * 2000 + ":1:2:1718000000.wav", NameFacts()),
        (":" * 1000, NameFacts()),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_name_tells_its_facts(name: str, facts: NameFacts) -> None:
    assert facts_of_name(name) == facts
