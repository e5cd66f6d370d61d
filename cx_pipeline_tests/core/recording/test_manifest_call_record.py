"""FusionPBX's call records: as manifests, and which hours of them are read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cx_pipeline.core.recording.call_record_spans import LAG, spans_to_read
from cx_pipeline.core.recording.manifest import Manifest, ManifestRefusedError
from cx_pipeline.core.recording.manifest_call_record import read_call_record
from cx_pipeline.core.windows import Window

TEN = datetime(2026, 6, 8, 10, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
UUID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
ROW = {
    "xml_cdr_uuid": UUID,
    "domain_name": "acme.example",
    "direction": "inbound",
    "caller_id_number": "+18005550199",
    "caller_destination": "8001",
    "destination_number": "1005",
    "start_epoch": 1780912790,
    "answer_epoch": 1780912800,
    "end_epoch": 1780912860,
    "record_path": "/streams/acme.example/archive/2026/Jun/08",
    "record_name": f"{UUID}.wav",
    "leg": "a",
    "hangup_cause": "NORMAL_CLEARING",
}


def read(tenants: dict[str, str] | None = None, **changes: Any) -> Manifest:
    return read_call_record(ROW | changes, {} if tenants is None else tenants)


def test_a_call_record_is_a_manifest_of_its_file() -> None:
    manifest = read()
    assert (manifest.source, manifest.recording_type, manifest.side) == ("xml_cdr", "EFSWITCH", "both")
    assert (manifest.start_time, manifest.end_time) == (TEN, TEN + MINUTE)
    assert (manifest.calling_number, manifest.called_number, manifest.direction) == (
        "+18005550199",
        "8001",
        "INBOUND",
    )
    assert (manifest.dialog_id, manifest.agent_extension) == (UUID, None)
    assert manifest.file_path == f"/streams/acme.example/archive/2026/Jun/08/{UUID}.wav"
    assert manifest.completion_cause == "NORMAL_CLEARING"


def test_the_files_name_tells_the_dialog_and_the_agent() -> None:
    manifest = read(record_name="a:b:1005:+1:1780912800.wav")
    assert (manifest.dialog_id, manifest.agent_extension) == ("a:b", "1005")


def test_a_name_without_a_dialog_leaves_the_channels_own_id() -> None:
    assert read(record_name="some name.wav").dialog_id == UUID


def test_a_call_that_was_not_answered_begins_when_it_began() -> None:
    assert read(answer_epoch=0).start_time == TEN - timedelta(seconds=10)


def test_the_tenant_is_that_of_the_domain() -> None:
    tenants = {"acme.example": "acme", "*": "rest"}
    assert read(tenants).tenant_id == "acme"
    assert read(tenants, domain_name="other.example").tenant_id == "rest"
    assert read().tenant_id == "default"
    with pytest.raises(ManifestRefusedError, match=r"UNKNOWN_TENANT: the domain 'other\.example'"):
        read({"acme.example": "acme"}, domain_name="other.example")


@pytest.mark.parametrize(
    "changes",
    [
        {"record_path": None, "record_name": "x.wav"},
        {"start_epoch": None, "answer_epoch": None, "record_name": "x.wav"},
        {"end_epoch": 1},
    ],
)
def test_a_record_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ManifestRefusedError):
        read(**changes)


def test_each_hour_is_read_until_it_is_complete_and_never_again() -> None:
    def spans(read_at: dict[datetime, datetime]) -> list[tuple[int, int]]:
        found: list[Window] = spans_to_read(TEN - 30 * MINUTE, TEN + 30 * MINUTE, read_at)
        return [((span.start - TEN) // MINUTE, (span.end - TEN) // MINUTE) for span in found]

    assert spans({}) == [(-60, 0), (0, 60)]
    assert spans({TEN - HOUR: TEN + LAG}) == [(0, 60)]
    assert spans({TEN - HOUR: TEN + LAG - MINUTE}) == [(-10, 0), (0, 60)]
    assert spans({TEN - HOUR: TEN + LAG, TEN: TEN + 30 * MINUTE}) == [(20, 60)]
    assert spans({TEN - HOUR: TEN + LAG, TEN: TEN}) == [(0, 60)]
    assert spans_to_read(TEN, TEN, {}) == []
