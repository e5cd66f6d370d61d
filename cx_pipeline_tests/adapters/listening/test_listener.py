"""The listener gives up no line: it waits, divides, or keeps apart with a reason."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import pytest

from cx_pipeline.adapters.listening.dead_letters import DeadLetters
from cx_pipeline.adapters.listening.event_client import EventClient
from cx_pipeline.adapters.listening.follower import FileFollower
from cx_pipeline.adapters.listening.listener import GatewayRefusesError, Listener
from cx_pipeline.adapters.listening.positions import PositionFile
from cx_pipeline.adapters.listening.token import ListenerToken
from cx_pipeline.core.errors import DestinationUnavailableError
from cx_pipeline_tests.adapters.leases.fake import FakeLease
from cx_pipeline_tests.adapters.listening.erring_gateway import TLS, ErringGateway
from cx_pipeline_tests.waiting import eventually

LINES = [b"%d" % number for number in range(20)]


class Site:
    """A file, a gateway, and a listener between them."""

    def __init__(self, folder: Path, gateway: ErringGateway) -> None:
        self.path = folder / "events.ndjson"
        self.path.write_bytes(b"".join(line + b"\n" for line in LINES))
        self.dead_letters = folder / "refused.ndjson"
        self._positions = PositionFile(folder / "position.json")
        self._url = gateway.url
        self.notices: list[str] = []
        self.opened = ExitStack()

    def listener(self, *, is_once: bool = True, lease: FakeLease | None = None) -> Listener:
        source = FileFollower(self.path, self._positions, is_once=is_once)
        client = self.opened.enter_context(EventClient(self._url, ListenerToken(), verify=TLS))
        self.opened.callback(source.close)
        return Listener(
            source,
            client,
            stamped=lambda line: line,
            dead_letters=DeadLetters(self.dead_letters),
            lease=lease,
            on_notice=self.notices.append,
        )


@pytest.fixture
def site(tmp_path: Path, gateway: ErringGateway) -> Iterator[Site]:
    site = Site(tmp_path, gateway)
    with site.opened:
        yield site


def test_a_batch_that_is_too_large_is_divided_and_keeps_its_order(site: Site, gateway: ErringGateway):
    gateway.most_lines = 3
    listener = site.listener()
    listener.run()
    assert gateway.lines == LINES
    assert listener.tally.delivered == len(LINES)


def test_a_line_that_is_never_taken_is_kept_with_its_reason_and_holds_up_no_other(
    site: Site, gateway: ErringGateway
):
    gateway.poison = b"13"
    listener = site.listener()
    listener.run()
    (kept,) = site.dead_letters.read_text().splitlines()
    assert json.loads(kept)["line"] == "13"
    assert json.loads(kept)["reason"].startswith("422")
    assert gateway.lines == [line for line in LINES if line != b"13"]
    assert (listener.tally.delivered, listener.tally.refused) == (len(LINES) - 1, 1)


def test_a_gateway_that_refuses_us_costs_no_line(site: Site, gateway: ErringGateway):
    gateway.answers.append(403)
    with pytest.raises(GatewayRefusesError, match="scope"):
        site.listener().run()
    assert not site.dead_letters.exists()
    site.listener().run()
    assert gateway.lines == LINES


def test_a_gateway_that_is_away_at_the_end_is_told_and_the_next_run_goes_on(
    site: Site, gateway: ErringGateway
):
    gateway.answers.extend([503] * 4)
    with pytest.raises(DestinationUnavailableError):
        site.listener().run()
    site.listener().run()
    assert gateway.lines == LINES


def test_a_gateway_that_is_away_meanwhile_is_waited_for(
    site: Site, gateway: ErringGateway, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("cx_pipeline.adapters.listening.listener.FIRST_PAUSE_S", 0.01)
    gateway.answers.extend([503] * 4 + [401] * 2)
    listener = site.listener(is_once=False)
    thread = Thread(target=listener.run)
    thread.start()
    eventually_got(gateway, LINES)
    with site.path.open("ab") as file:
        file.write(b"more\n")
    eventually_got(gateway, [*LINES, b"more"])
    listener.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert any("trying again" in notice for notice in site.notices)


def test_who_does_not_hold_the_lease_sends_nothing_and_goes_on_at_the_kept_position(
    site: Site, gateway: ErringGateway
):
    lease = FakeLease()
    listener = site.listener(is_once=False, lease=lease)
    thread = Thread(target=listener.run)
    thread.start()
    time.sleep(0.05)
    assert gateway.lines == []
    assert not listener.is_connected
    lease.is_held = True
    eventually_got(gateway, LINES)
    lease.is_held = False
    with site.path.open("ab") as file:
        file.write(b"more\n")
    time.sleep(0.5)
    assert gateway.lines == LINES
    lease.is_held = True
    eventually_got(gateway, [*LINES, b"more"])
    listener.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_a_lease_that_is_lost_between_two_attempts_ends_them(site: Site, gateway: ErringGateway):
    lease = FakeLease(held_for=2)
    listener = site.listener(is_once=False, lease=lease)
    gateway.answers.extend([503] * 10)
    thread = Thread(target=listener.run)
    thread.start()
    time.sleep(0.3)
    listener.stop()
    thread.join(10)
    assert len(gateway.answers) >= 8
    assert gateway.lines == []


def eventually_got(gateway: ErringGateway, lines: list[bytes]) -> None:
    eventually(lambda: gateway.lines == lines)
    assert gateway.lines == lines
