"""A lease in Consul: a key held by a session that is renewed (guide, section on HA: `JTAPI_HA_MODE`).

Consul's shortest session is 10 s, and it may take twice that to end one that is no longer renewed, and then keeps the
key closed for the session's lock delay: a killed holder is followed within 25 s. The holder believes in the lease for
less than 10 s after each renewal, so it has stepped down long before Consul gives the key to somebody else.
"""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from cx_pipeline.adapters.leases.proof import LeaseThread, seconds
from cx_pipeline.core.errors import SourceUnavailableError

TTL_S = 10
RENEW_EVERY_S = 3.0
VALID_S = 8.0
LOCK_DELAY_S = 1
WATCH_S = 2.0
"""So long one question whether the key was given up may wait for its answer."""
PAUSE_S = 0.5
ANSWER_S = 3.0
_FOLDER = "cx-pipeline/leases"


class ConsulLease(LeaseThread):
    """The lease of a name among all who use the same Consul.

    Args:
        url: of the Consul agent.
        name: of the lease.
        token: an ACL token that may write sessions and the key, if Consul wants one.
        pace: all times of ours are multiplied by it; for tests beside a stand-in of the same pace.
    """

    def __init__(self, url: str, name: str, token: SecretStr | None = None, *, pace: float = 1.0) -> None:
        super().__init__(name, VALID_S * pace)
        self._pace = pace
        self._url = url.rstrip("/")
        self._key = f"/v1/kv/{_FOLDER}/{quote(name, safe='')}"
        self._headers = {} if token is None else {"X-Consul-Token": token.get_secret_value()}

    def _pursue(self) -> None:
        with httpx.Client(
            base_url=self._url, headers=self._headers, timeout=ANSWER_S, trust_env=False
        ) as http:
            while not self._ending.is_set():
                try:
                    with self._session(http) as session:
                        self._trouble = ""
                        self._hold(http, session)
                except _ConsulError as error:
                    self._trouble = str(error)
                self._proof.withdraw()
                self._ending.wait(PAUSE_S * self._pace)

    @contextmanager
    def _session(self, http: httpx.Client) -> Iterator[str]:
        """A session of ours; ended at the end, so that nobody waits for it to run out."""
        wanted = {
            "Name": f"cx-pipeline lease {self.name} on {socket.gethostname()}",
            "TTL": f"{TTL_S}s",
            "LockDelay": f"{LOCK_DELAY_S}s",
            "Behavior": "delete",
        }
        answer = _asked(http, "PUT", "/v1/session/create", json=wanted)
        try:
            session = str(answer.json()["ID"])
        except (ValueError, KeyError, TypeError):
            raise _ConsulError("Consul's answer names no session: check CX_CONSUL_URL") from None
        try:
            yield session
        finally:
            self._proof.withdraw()
            with _at_best():
                _asked(http, "PUT", self._key, params={"release": session})
            with _at_best():
                _asked(http, "PUT", f"/v1/session/destroy/{session}")

    def _hold(self, http: httpx.Client, session: str) -> None:
        """Try until it is ours, then renew it until it is not, or the end."""
        index, renewed_at = 0, seconds()
        while not self._ending.is_set():
            asked_at = seconds()
            if asked_at - renewed_at >= RENEW_EVERY_S * self._pace:
                if not _renewed(http, session):
                    return
                renewed_at = asked_at
            if _is_true(_asked(http, "PUT", self._key, params={"acquire": session}, content=self._value())):
                self._proof.given(asked_at)
                self._prove(http, session)
                return
            index = self._watched(http, index)

    def _prove(self, http: httpx.Client, session: str) -> None:
        while not self._ending.wait(RENEW_EVERY_S * self._pace):
            asked_at = seconds()
            try:
                # Somebody may have taken the key away from a session that lives.
                is_ours = _renewed(http, session) and self._holder(http)[0] == session
            except _ConsulError as error:
                if not self._proof.holds:
                    raise
                self._trouble = str(
                    error
                )  # one answer that does not come: the last proof is good for a while
                continue
            if not is_ours:
                return
            self._trouble = ""
            self._proof.given(asked_at)

    def _watched(self, http: httpx.Client, index: int) -> int:
        """Wait until the key changes, at most `WATCH_S`; the index to go on from, 0 to ask without waiting."""
        holder, seen = self._holder(http, index=index, wait_s=WATCH_S)
        if holder is None:  # free, and yet not given: its lock delay, of whose end no index tells
            self._ending.wait(PAUSE_S * self._pace)
            return 0
        return seen if seen >= index else 0  # an index that goes back means to begin anew

    def _holder(self, http: httpx.Client, *, index: int = 0, wait_s: float = 0.0) -> tuple[str | None, int]:
        """The session that holds the key, and Consul's index of it."""
        parameters: dict[str, str] = {"consistent": ""}
        if index:
            parameters = {"index": str(index), "wait": f"{wait_s:g}s"}
        answer = _asked(http, "GET", self._key, params=parameters, timeout=ANSWER_S + 2 * wait_s)
        seen = int(answer.headers.get("x-consul-index", "0") or 0)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None, seen
        try:
            holder = answer.json()[0].get("Session")
        except (ValueError, LookupError, AttributeError):
            raise _ConsulError("Consul's answer is none of its own: check CX_CONSUL_URL") from None
        return (str(holder) if holder else None), seen

    def _value(self) -> bytes:
        """What an operator sees in the key."""
        return json.dumps({"holder": socket.gethostname()}).encode()


class _ConsulError(SourceUnavailableError):
    """Consul does not answer, or not as wanted."""


@contextmanager
def _at_best() -> Iterator[None]:
    try:
        yield
    except _ConsulError:
        return  # it runs out by itself


def _renewed(http: httpx.Client, session: str) -> bool:
    """Renew a session; whether there still is one."""
    return _asked(http, "PUT", f"/v1/session/renew/{session}").status_code == httpx.codes.OK


def _is_true(answer: httpx.Response) -> bool:
    return answer.status_code == httpx.codes.OK and answer.text.strip() == "true"


def _asked(http: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response:
    """The answer to one question; 404 is one, too.

    Raises:
        _ConsulError: there is none, or a refusal.
    """
    try:
        answer = http.request(method, path, **options)
    except httpx.HTTPError as error:
        raise _ConsulError(f"Consul does not answer ({type(error).__name__})") from None
    if answer.is_success or answer.status_code == httpx.codes.NOT_FOUND:
        return answer
    hint = "; check CX_CONSUL_TOKEN" if answer.status_code in (401, 403) else ""
    raise _ConsulError(f"Consul answers {answer.status_code}{hint}")
