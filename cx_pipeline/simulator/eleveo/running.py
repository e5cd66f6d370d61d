"""Running the fake Eleveo in a thread of this process."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Thread

import uvicorn

from cx_pipeline.simulator.ccm.connections import OpenProtocol
from cx_pipeline.simulator.ccm.running import GRACE_S, listen
from cx_pipeline.simulator.eleveo.behaviour import Behaviour, Seen
from cx_pipeline.simulator.eleveo.couples import HeldCouple
from cx_pipeline.simulator.eleveo.recorder import FakeEleveo


class _Server(uvicorn.Server):
    def __init__(self, fake: FakeEleveo, listener: socket.socket) -> None:
        config = uvicorn.Config(
            fake.app(),
            http=OpenProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        super().__init__(config)
        self._fake, self._listener = fake, listener

    def serve_until_told(self) -> None:
        self.run([self._listener])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._fake.ending.set()
        await super().shutdown(sockets)


class RunningEleveo:
    """A fake Eleveo in a thread: what it holds, how it behaves, and what it saw may be looked at and changed meanwhile."""

    def __init__(self, url: str, fake: FakeEleveo) -> None:
        self.url = url
        self._fake = fake

    @property
    def couples(self) -> list[HeldCouple]:
        """What it holds; may be changed."""
        return self._fake.couples

    @property
    def behaviour(self) -> Behaviour:
        """How it behaves; may be changed."""
        return self._fake.behaviour

    @property
    def seen(self) -> Seen:
        """What it saw."""
        return self._fake.seen

    def begin_anew(self, couples: Sequence[HeldCouple], behaviour: Behaviour | None = None) -> None:
        """Hold other couples, behave otherwise, and forget what was seen; sessions stay."""
        self._fake.couples = list(couples)
        self._fake.behaviour = behaviour or Behaviour()
        self._fake.seen = Seen()


@contextmanager
def running_eleveo(
    couples: Sequence[HeldCouple], *, user: str, password: str, behaviour: Behaviour | None = None
) -> Iterator[RunningEleveo]:
    """A fake Eleveo on loopback, for as long as the context lasts."""
    fake = FakeEleveo(couples, user, password, behaviour or Behaviour())
    with listen() as listener:
        server = _Server(fake, listener)
        thread = Thread(target=server.serve_until_told, name="fake Eleveo", daemon=True)
        thread.start()
        try:
            yield RunningEleveo(f"http://127.0.0.1:{listener.getsockname()[1]}", fake)
        finally:
            server.should_exit = True
            thread.join(2 * GRACE_S)
