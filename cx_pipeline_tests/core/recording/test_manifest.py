"""Manifests: the names that their fields have, what is understood, what is refused and why."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cx_pipeline.core.recording.manifest import (
    LARGEST_MANIFEST_BYTES,
    TOLD_MANIFEST_SCHEMA,
    Manifest,
    ManifestRefusedError,
    Mask,
    decode_manifest,
    identified,
    manifest_frame,
    parse_manifest,
    read_manifest,
)

TEN = datetime(2026, 6, 8, 10, tzinfo=UTC)

GUIDE_19_6_1 = {
    "callId": "gcid-abc-123",
    "globalCallId": "gcid-abc-123",
    "jtapiCallId": "12345",
    "agentExtension": "1005",
    "callingNumber": "+18005550199",
    "calledNumber": "8001",
    "direction": "INBOUND",
    "startTime": "2026-06-08T10:00:00.000Z",
    "endTime": "2026-06-08T10:05:30.000Z",
    "filePath": "/var/vrs/recordings/cucmRecording/streams/gcid-abc-123_20260608100000.wav",
    "fileSize": 2640000,
    "recordingType": "BIB",
    "tenantId": "default",
}
GUIDE_22_4_3 = {
    "callId": "167890",
    "agentExtension": "1005",
    "filePath": "/streams/167890_20240115T092345.wav",
    "startTime": "2024-01-15T09:23:45Z",
    "endTime": "2024-01-15T09:28:45Z",
    "duration": 300,
    "ani": "+18005550199",
    "dnis": "8001",
    "recordingType": "AGENT_BIB",
}
OURS = {
    "tenant_id": "acme",
    "call_id": "291/1",
    "jtapi_call_id": "16777507",
    "refci": "38960750",
    "side": "far",
    "agent_extension": "1005",
    "agent_device": "SEP001122334455",
    "calling_number": "+1800",
    "called_number": "8001",
    "direction": "outbound",
    "start_time": "2026-06-08T12:00:00.125+02:00",
    "end_time": 1780912930.5,
    "file_path": "/streams/20260608/1_291_20260608T100000.125_far.wav",
    "file_size": "2640044",
    "sample_rate": 8000,
    "recording_type": "BIB",
    "masked": [
        {"from": "2026-06-08T10:01:00Z", "to": "2026-06-08T10:01:20Z", "by": "1005", "reason": "card"}
    ],
    "completion_cause": "success-hangup",
    "recorder_id": "fs1",
}


def parsed(**changes: Any) -> Manifest:
    return parse_manifest({name: value for name, value in (OURS | changes).items() if value is not ...})


def test_the_payload_of_the_guide_is_understood() -> None:
    manifest = parse_manifest(GUIDE_19_6_1)
    assert (manifest.call_key, manifest.call_id, manifest.jtapi_id) == (
        "gcid-abc-123",
        "gcid-abc-123",
        "12345",
    )
    assert (manifest.agent_extension, manifest.calling_number, manifest.called_number) == (
        "1005",
        "+18005550199",
        "8001",
    )
    assert (manifest.start_time, manifest.end_time) == (TEN, TEN + timedelta(minutes=5, seconds=30))
    assert (manifest.told_size_bytes, manifest.recording_type, manifest.side) == (2640000, "BIB", "both")


def test_the_guides_other_payload_is_understood_too() -> None:
    manifest = parse_manifest(GUIDE_22_4_3)
    assert (manifest.call_key, manifest.calling_number, manifest.called_number) == (
        "167890",
        "+18005550199",
        "8001",
    )
    assert (manifest.recording_type, manifest.tenant_id) == ("BIB", "default")


def test_our_own_scripts_are_understood() -> None:
    assert parsed() == Manifest(
        manifest_id=parsed().manifest_id,
        tenant_id="acme",
        source="folder",
        recording_type="BIB",
        side="far",
        call_key="1_291",
        jtapi_id="16777507",
        refci="38960750",
        dialog_id=None,
        agent_extension="1005",
        agent_device="SEP001122334455",
        calling_number="+1800",
        called_number="8001",
        direction="OUTBOUND",
        start_time=TEN + timedelta(milliseconds=125),
        end_time=TEN + timedelta(seconds=130.5),
        recorder_id="fs1",
        completion_cause="success-hangup",
        is_finished=True,
        masks=(Mask(TEN + timedelta(minutes=1), TEN + timedelta(minutes=1, seconds=20), "1005", "card"),),
        manifest_path=None,
        file_path="/streams/20260608/1_291_20260608T100000.125_far.wav",
        told_size_bytes=2640044,
        told_sample_rate_hz=8000,
        call_id="291/1",
    )


@pytest.mark.parametrize(
    ("told", "field", "value"),
    [
        ({"ani": "+1", "calling_number": ...}, "calling_number", "+1"),
        ({"dnis": "2", "called_number": ...}, "called_number", "2"),
        ({"gcid": "16777507", "call_id": "x"}, "call_key", "1_291"),
        ({"call_id": 16777507}, "call_key", "1_291"),
        ({"customerNumber": "+3", "called_number": ...}, "called_number", "+3"),
        ({"customerNumber": "+3", "calling_number": ..., "direction": "INBOUND"}, "calling_number", "+3"),
        ({"agent_extension": 1005}, "agent_extension", "1005"),
        ({"agent_extension": "  "}, "agent_extension", None),
        ({"calling_number": "+1\n8\x00\x1b[31m\ud800"}, "calling_number", "+18[31m"),
        ({"side": "x-nearend"}, "side", "near"),
        ({"side": "Customer"}, "side", "far"),
        ({"side": ..., "file_path": "/s/x_near.wav"}, "side", "near"),
        ({"side": ..., "file_path": "/s/x_far_1.wav"}, "side", "far"),
        ({"side": ..., "file_path": "/s/x.wav"}, "side", "both"),
        ({"recording_type": "efswitch"}, "recording_type", "EFSWITCH"),
        ({"recording_type": "SCREEN_RECORDING"}, "recording_type", "SCREEN"),
        ({"recording_type": ..., "file_path": "/s/a:b:1005:+1:1780912800.wav"}, "recording_type", "EFSWITCH"),
        ({"recording_type": ...}, "recording_type", "BIB"),
        ({"masked": {}}, "masks", ()),
        ({"masked": None}, "masks", ()),
        (
            {"masked": [{"from": "2026-06-08T10:01:00Z"}]},
            "masks",
            (Mask(TEN + timedelta(minutes=1), None, None, None),),
        ),
        ({"sample_rate": 0}, "told_sample_rate_hz", None),
        ({"file_size": 12.0}, "told_size_bytes", 12),
        ({"end_time": None}, "end_time", None),
        ({"nobody": {"knows": [1, {"this": None}]}, "answer": float("nan")}, "tenant_id", "acme"),
        (
            {"call_id": ..., "refci": ..., "file_path": "/s/1_291_20260608100000.wav"},
            "call_key",
            "1_291",
        ),
        ({"channelUuid": "c1"}, "dialog_id", None),
        ({"channelUuid": "c1", "recording_type": "EFSWITCH"}, "dialog_id", "c1"),
        ({"dialogId": "d1", "channelUuid": "c1"}, "dialog_id", "d1"),
        ({"call_id": ..., "file_path": "/s/38960750_20260608100000.wav"}, "call_key", None),
    ],
)
def test_what_is_written_otherwise_is_understood(told: dict[str, Any], field: str, value: object) -> None:
    assert getattr(parsed(**told), field) == value


@pytest.mark.parametrize(
    "text",
    [
        "2026-06-08T10:00:00Z",
        "2026-06-08T10:00:00.000000000Z",
        "2026-06-08t10:00:00z",
        "2026-06-08 10:00:00+00:00",
        "2026-06-08T12:00:00+0200",
        "2026-06-08T06:00:00 -04".replace(" ", ""),
        "20260608T100000.000Z",
        1780912800,
        1780912800.0,
        1780912800000,
        1780912800000000,
        "1780912800",
        "1780912800000",
        "1780912800.000",
    ],
)
def test_a_moment_is_understood_in_every_form(text: object) -> None:
    assert parsed(start_time=text).start_time == TEN


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"file_path": ...}, "NO_FILE"),
        ({"file_path": "  "}, "NO_FILE"),
        ({"file_path": 7}, "WRONG_TYPE: file_path is a number"),
        ({"file_path": "streams/x.wav"}, "WRONG_VALUE: file_path is not absolute"),
        ({"file_path": "/x\0y"}, "WRONG_VALUE: file_path is no path"),
        ({"file_path": "/\ud800"}, "WRONG_VALUE: file_path is no path"),
        ({"file_path": "/" + "x" * 5000}, "WRONG_VALUE: file_path is no path"),
        ({"start_time": ..., "file_path": "/x.wav"}, "NO_TIME"),
        ({"start_time": "2026-06-08T10:00:00", "file_path": "/x.wav"}, "TIME_WITHOUT_ZONE: start_time"),
        ({"start_time": "yesterday"}, "WRONG_TIME: start_time"),
        ({"start_time": "9" * 10_000_000}, "WRONG_TIME: start_time"),
        ({"start_time": True}, "WRONG_TIME"),
        ({"start_time": float("nan")}, "WRONG_TIME"),
        ({"start_time": float("inf")}, "WRONG_TIME"),
        ({"start_time": -1780912800}, "WRONG_TIME"),
        ({"start_time": 10**400}, "WRONG_TIME"),
        ({"start_time": "0001-01-01T00:00:00+23:59"}, "WRONG_TIME"),
        ({"start_time": [1780912800]}, "WRONG_TIME"),
        ({"start_time": 0}, "WRONG_TIME"),
        ({"end_time": "2026-06-08T09:59:59Z"}, "WRONG_VALUE: end_time is before start_time"),
        ({"side": "middle"}, "WRONG_VALUE: side is 'middle'"),
        ({"recording_type": "GRAMOPHONE"}, "WRONG_VALUE: recording_type is 'GRAMOPHONE'"),
        ({"call_id": {"id": 1}}, "WRONG_TYPE: call_id is an object"),
        ({"tenant_id": ["a"]}, "WRONG_TYPE: tenant_id is a list"),
        ({"agent_extension": True}, "WRONG_TYPE: agent_extension is a truth value"),
        ({"calling_number": 1.5}, "WRONG_TYPE: calling_number is a number"),
        ({"calling_number": "x" * 10_000_000}, "TOO_LONG: calling_number has 10000000"),
        ({"file_size": -1}, "WRONG_VALUE: file_size"),
        ({"file_size": 2**63}, "WRONG_VALUE: file_size"),
        ({"file_size": "many"}, "WRONG_TYPE: file_size is a text"),
        ({"file_size": 1.5}, "WRONG_TYPE: file_size is a number"),
        ({"sample_rate": 2**31}, "WRONG_VALUE: sample_rate"),
        ({"masked": "all"}, "WRONG_TYPE: masked is a text"),
        ({"masked": ["all"]}, "WRONG_TYPE: masked[0] is a text"),
        ({"masked": [{"to": "2026-06-08T10:00:00Z"}]}, "WRONG_VALUE: masked[0] has no beginning"),
        ({"masked": [{"from": "soon"}]}, "WRONG_TIME: from"),
        (
            {"masked": [{"from": TEN.isoformat(), "to": (TEN - timedelta(1)).isoformat()}]},
            "WRONG_VALUE: masked[0] ends",
        ),
        ({"masked": [{}] * 1001}, "TOO_LONG: masked"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_used_is_refused_with_its_reason(told: dict[str, Any], reason: str) -> None:
    with pytest.raises(ManifestRefusedError) as refused:
        parsed(**told)
    assert refused.value.reason.startswith(reason)
    assert len(refused.value.reason) < 300


@pytest.mark.parametrize("payload", [None, 1, "text", [OURS], True])
def test_what_is_no_object_is_refused(payload: object) -> None:
    with pytest.raises(ManifestRefusedError, match="WRONG_TYPE: the manifest is"):
        parse_manifest(payload)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "NOT_JSON"),
        (b"{", "NOT_JSON"),
        (b'{"a": NaN}', "NOT_JSON: NaN"),
        (b'{"a": -Infinity}', "NOT_JSON: -Infinity"),
        (b"[" * 200_000, "NOT_JSON: it is nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "NOT_JSON: a number is too long"),
        (b'{"a": "\xff"}', "NOT_UTF_8"),
        (b" " * (LARGEST_MANIFEST_BYTES + 1), "TOO_LONG"),
    ],
    ids=lambda value: str(value[:20]),
)
def test_what_is_no_json_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ManifestRefusedError, match=reason):
        decode_manifest(content)


def test_a_manifest_of_the_largest_size_is_read_with_its_byte_order_mark() -> None:
    text = b"\xef\xbb\xbf" + json.dumps(OURS).encode()
    assert parse_manifest(decode_manifest(text.ljust(LARGEST_MANIFEST_BYTES))) == parsed()


def test_a_relative_path_is_beside_the_manifest() -> None:
    manifest = parse_manifest(OURS | {"file_path": "a.wav"}, manifest_path="/streams/day/a.json")
    assert manifest.file_path == "/streams/day/a.wav"


def test_a_manifest_that_comes_again_is_the_same_and_another_file_another() -> None:
    first = parsed().manifest_id
    assert parsed(start_time="2026-06-08T10:00:00.125Z", end_time=None, masked=None).manifest_id == first
    assert parse_manifest(OURS, is_finished=False, source="gateway").manifest_id == first
    others = [
        parsed(tenant_id="other"),
        parsed(recorder_id="fs2"),
        parsed(file_path="/streams/other_far.wav"),
        parsed(start_time="2026-06-08T10:00:00.126Z"),
        parsed(side="near"),
    ]
    assert len({first, *(other.manifest_id for other in others)}) == 6


def test_many_at_once_get_the_ids_that_each_alone_gets() -> None:
    payloads = [
        OURS | {"refci": str(n), "start_time": 1780912800 + n, "call_id": 16777216 + n} for n in range(50)
    ]
    together = identified([read_manifest(payload) for payload in payloads])
    assert together == [parse_manifest(payload) for payload in payloads]
    assert identified([]) == []


def test_the_frame_has_the_columns_of_the_manifest() -> None:
    frame = manifest_frame([parsed(), parsed(masked=None, end_time=None)])
    assert frame.schema == TOLD_MANIFEST_SCHEMA
    assert frame["manifest_id"].to_list() == [parsed().manifest_id] * 2
    assert frame["masks"].list.len().to_list() == [1, 0]
    assert manifest_frame([]).schema == TOLD_MANIFEST_SCHEMA


@settings(deadline=None)
@given(
    moment=st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30)),  # noqa: DTZ001 - made aware below
    offset=st.integers(-14 * 60, 14 * 60),
)
def test_every_moment_is_the_same_in_every_zone_and_every_unit(moment: datetime, offset: int) -> None:
    here = moment.replace(tzinfo=UTC)
    there = here.astimezone(timezone(timedelta(minutes=offset)))
    assert parsed(start_time=there.isoformat(), end_time=None).start_time == here
    milliseconds = here.replace(microsecond=here.microsecond // 1000 * 1000)
    since = (milliseconds - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert parsed(start_time=since, end_time=None).start_time == milliseconds
    assert parsed(start_time=f"{since // 1000}", end_time=None).start_time == milliseconds.replace(
        microsecond=0
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*OURS, "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(changes=st.dictionaries(st.sampled_from([*OURS, *GUIDE_19_6_1, "masked"]), JSON, max_size=6))
def test_whatever_is_told_is_understood_or_refused(changes: dict[str, Any]) -> None:
    try:
        manifests, reason = [parse_manifest(OURS | changes)], "UNDERSTOOD"
    except ManifestRefusedError as refused:
        manifests, reason = [], refused.reason
    assert manifest_frame(manifests).height == len(manifests)
    assert reason.partition(":")[0].isupper()
