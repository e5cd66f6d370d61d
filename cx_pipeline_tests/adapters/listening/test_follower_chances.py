"""Any order of writing in pieces, rotating, cutting, reading and being killed."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cx_pipeline_tests.adapters.listening.test_follower import Site

EXAMPLES = int(os.environ.get("CX_STRESS_LISTENING", "30"))
ACTS = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 40)),
    st.tuples(st.just("read"), st.integers(1, 4)),
    st.sampled_from(
        [("kill", 0), ("kill after", 0), ("stop", 0), ("rotate", 0), ("copy and cut", 0), ("cut", 0)]
    ),
)


class Writer:
    """Writes numbered lines of differing lengths in pieces that end anywhere."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._number = 0
        self._unwritten = b""

    def write(self, size_bytes: int) -> None:
        while len(self._unwritten) < size_bytes:
            self._unwritten += b"%d%s\n" % (self._number, b" " * (self._number % 7))
            self._number += 1
        self._append(self._unwritten[:size_bytes])
        self._unwritten = self._unwritten[size_bytes:]

    def finish_line(self) -> None:
        end = self._unwritten.find(b"\n") + 1
        if end and self._is_within_a_line:
            self._append(self._unwritten[:end])
            self._unwritten = self._unwritten[end:]

    @property
    def _is_within_a_line(self) -> bool:
        path = self._site.path
        return path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")

    def _append(self, data: bytes) -> None:
        with self._site.path.open("ab") as file:
            file.write(data)

    @property
    def written(self) -> list[int]:
        return list(range(self._number))


def act(site: Site, writer: Writer, what: str, amount: int) -> None:
    if what == "write":
        writer.write(amount)
    elif what == "read":
        site.deliver(amount)
    elif what == "kill":
        site.kill()
    elif what == "kill after":
        site.deliver_one(is_killed_after_it=True)
    elif what == "stop":
        site.follower.close()
    else:
        writer.finish_line()
        if what == "rotate":
            site.rotate()
        elif what == "copy and cut":
            site.copy_and_cut()
        elif site.path.exists():
            site.deliver()  # what is cut without a copy, and was not read, is gone
            os.truncate(site.path, 0)


@pytest.mark.stress
@settings(max_examples=EXAMPLES, deadline=None)
@given(acts=st.lists(ACTS, max_size=30))
def test_every_line_arrives_at_least_once_and_first_in_its_order(acts: list[tuple[str, int]]):
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder))
        writer = Writer(site)
        site.deliver_one()  # what was rotated before anybody listened is nobody's to read
        for what, amount in acts:
            act(site, writer, what, amount)
        writer.write(1)
        writer.finish_line()
        site.kill()
        site.deliver(60)
        site.follower.close()
    arrived = list(dict.fromkeys(int(line) for line in site.delivered))
    assert arrived == writer.written[: len(arrived)], acts
    assert len(writer.written) - len(arrived) <= writer._unwritten.count(b"\n")
