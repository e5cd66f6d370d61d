"""Segments: what was whole comes back, whatever became of the rest."""

from hypothesis import given
from hypothesis import strategies as st

from cx_pipeline.adapters.spool.framing import FRAME_BYTES, HEAD_BYTES, end_mark, frames, head, read_segment

SALT = b"0123456789abcdef"
PAYLOADS = st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=6)


def segment(payloads: list[bytes], *, is_ended: bool) -> bytes:
    return head(SALT) + frames(SALT, payloads) + (end_mark(SALT) if is_ended else b"")


def ends_of(payloads: list[bytes]) -> list[int]:
    ends, at = [], HEAD_BYTES
    for payload in payloads:
        at += FRAME_BYTES + len(payload)
        ends.append(at)
    return ends


@given(PAYLOADS, st.booleans())
def test_what_was_written_comes_back(payloads: list[bytes], is_ended: bool) -> None:
    contents = read_segment(segment(payloads, is_ended=is_ended))

    assert contents.payloads == payloads
    assert (contents.damages, contents.torn_bytes, contents.is_ended) == ([], 0, is_ended)


@given(st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=4))
def test_a_segment_that_ends_at_any_byte_gives_all_that_was_finished(payloads: list[bytes]) -> None:
    data, ends = segment(payloads, is_ended=False), ends_of(payloads)
    for length in range(len(data) + 1):
        contents = read_segment(data[:length])
        whole = sum(end <= length for end in ends)
        assert contents.payloads == payloads[:whole]
        assert contents.damages == []
        cut = 0 if length < HEAD_BYTES else [HEAD_BYTES, *ends][whole]
        assert contents.torn_bytes == length - cut


@given(PAYLOADS, st.integers(0, 4096))
def test_pages_that_were_never_written_are_cut_off(payloads: list[bytes], zeros: int) -> None:
    contents = read_segment(segment(payloads, is_ended=False) + bytes(zeros))

    assert (contents.payloads, contents.damages, contents.torn_bytes) == (payloads, [], zeros)


@given(PAYLOADS, st.data())
def test_a_changed_byte_costs_only_its_own_record_and_is_told(
    payloads: list[bytes], data: st.DataObject
) -> None:
    whole = segment([*payloads, b"last"], is_ended=True)
    at = data.draw(st.integers(HEAD_BYTES, ends_of(payloads)[-1] - 1))
    changed = bytearray(whole)
    changed[at] ^= data.draw(st.integers(1, 255))

    contents = read_segment(bytes(changed))

    hurt = next(number for number, end in enumerate(ends_of(payloads)) if at < end)
    assert contents.payloads == [*payloads[:hurt], *payloads[hurt + 1 :], b"last"]
    assert [(each.start, each.end) for each in contents.damages] == [
        ([HEAD_BYTES, *ends_of(payloads)][hurt], ends_of(payloads)[hurt])
    ]


def test_the_last_record_of_a_whole_segment_is_damaged_and_never_torn() -> None:
    data = bytearray(segment([b"one", b"two"], is_ended=False))
    data[-1] ^= 1

    contents = read_segment(bytes(data))

    assert (contents.payloads, contents.torn_bytes, len(contents.damages)) == ([b"one"], 0, 1)


def test_a_payload_cannot_pass_for_a_record_of_its_own() -> None:
    forged = frames(b"another salt 123", [b"forged"])
    data = bytearray(segment([forged, b"two"], is_ended=True))
    data[HEAD_BYTES + FRAME_BYTES - 1] ^= 1

    assert read_segment(bytes(data)).payloads == [b"two"]


@given(st.binary(max_size=500))
def test_anything_at_all_is_read_without_an_error(data: bytes) -> None:
    contents = read_segment(data)
    assert contents.payloads == []
