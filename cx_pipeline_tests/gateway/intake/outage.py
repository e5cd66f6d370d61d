"""A gateway in a process of its own, and senders that keep sending until they are answered with success."""

import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cx_pipeline_tests.gateway.running import write_tokens

_START_TIMEOUT_S = 60
_RETRY_S = 0.05
_PAUSE_S = 0.02
_MORE = 5


class GatewayProcess:
    """A gateway that can be killed and started again at the same address."""

    def __init__(self, home: Path, database_url: str, tokens: Mapping[str, str], **settings: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        write_tokens(home / "tokens.json", tokens)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self._environment = {
            **os.environ,
            "CX_HOME": str(home),
            "CX_DATABASE_URL": database_url,
            "CX_GATEWAY_PORT": str(self.port),
            "CX_GATEWAY_TOKENS_FILE": str(home / "tokens.json"),
            "CX_GATEWAY_REQUESTS_PER_S": "1000000",
            "CX_GATEWAY_GRACE_S": "10",
            **settings,
        }
        self._log = home / "gateway.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it listens when this returns."""
        command = [sys.executable, "-m", "cx_pipeline.gateway"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.log
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(_RETRY_S)
        raise AssertionError(self.log)

    @property
    def log(self) -> str:
        """What it wrote."""
        return self._log.read_text(errors="replace")

    def kill(self) -> None:
        """End it at once, as a power failure does."""
        self._signal(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        return self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> int:
        process = self._process
        if process is None or process.poll() is not None:
            return 0
        process.send_signal(number)
        return process.wait(60)


@dataclass
class Senders:
    """Threads that post batches of events, each again until it is answered with success."""

    port: int
    token: str
    count: int
    batch: int
    acknowledged: list[str] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    is_ending: bool = False
    _threads: Sequence[threading.Thread] = ()

    def start(self) -> None:
        """Begin to send."""
        self._threads = [threading.Thread(target=self._send, args=(name,)) for name in range(self.count)]
        for thread in self._threads:
            thread.start()

    def keep_on(self, seconds: float, status: int) -> None:
        """Go on for so long, and until a few more were answered with this status."""
        time.sleep(seconds)
        wanted = self.statuses.get(status, 0) + _MORE
        deadline = time.monotonic() + _START_TIMEOUT_S
        while self.statuses.get(status, 0) < wanted:
            assert time.monotonic() < deadline, f"no answer with {status}: {self.statuses}"
            time.sleep(_RETRY_S)

    def end(self) -> None:
        """Send what is under way until it is answered, and no more."""
        self.is_ending = True
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def _send(self, name: int) -> None:
        for number in itertools.count():
            if self.is_ending:
                return
            ids = [f"{name}_{number * self.batch + row}" for row in range(self.batch)]
            body = "".join(json.dumps(_event(each)) + "\n" for each in ids).encode()
            while not self._is_taken(body):
                time.sleep(_RETRY_S)
            self.acknowledged += ids
            time.sleep(_PAUSE_S)

    def _is_taken(self, body: bytes) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/x-ndjson"}
        try:
            connection.request("POST", "/events", body, headers)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        self.statuses[response.status] = self.statuses.get(response.status, 0) + 1
        assert response.status in (200, 202, 503), response.status
        return response.status in (200, 202)


def _event(number: str) -> dict[str, Any]:
    return {
        "tenant_id": "acme",
        "event_time": "2026-06-08T10:00:00Z",
        "source": "jtapi",
        "event_name": "CallActiveEv",
        "global_call_id": number,
        "connection_id": number,
    }
