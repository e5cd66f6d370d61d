"""Sessions and keys by Consul's rules: what a lock needs of it, with the present moment as an argument.

The rules: a session lives at least its TTL after it was made or renewed and is ended after up to twice that; the shortest
TTL is 10 s. When a session ends, the keys it holds are released or deleted, and closed to everybody for its lock delay; a
holder that releases a key itself leaves no delay. A key is acquired by a living session only, and by one at a time.
"""

import re
from dataclasses import dataclass, field
from uuid import uuid4

SHORTEST_TTL_S, LONGEST_TTL_S = 10.0, 86_400.0
LOCK_DELAY_S, LONGEST_LOCK_DELAY_S = 15.0, 60.0
BEHAVIOURS = ("release", "delete")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class WrongRequestError(Exception):
    """What Consul answers with 400."""


class UnknownSessionError(Exception):
    """There is no such session (any more)."""


@dataclass(slots=True)
class Session:
    """A contract that ends when it is not renewed."""

    session_id: str
    name: str
    ttl_s: float
    """0: it lives until it is destroyed."""
    lock_delay_s: float
    behavior: str
    create_index: int
    ends_at_s: float

    def shown(self) -> dict[str, object]:
        """As Consul shows it: the delay in nanoseconds."""
        return {
            "ID": self.session_id,
            "Name": self.name,
            "Node": "stand-in",
            "LockDelay": int(self.lock_delay_s * 1e9),
            "Behavior": self.behavior,
            "TTL": f"{self.ttl_s:g}s" if self.ttl_s else "",
            "CreateIndex": self.create_index,
            "ModifyIndex": self.create_index,
        }


@dataclass(slots=True)
class Entry:
    """A key and its value."""

    value: bytes
    create_index: int
    modify_index: int
    lock_index: int = 0
    session_id: str | None = None


@dataclass(slots=True)
class ConsulState:
    """All sessions and keys.

    Args:
        expiry_factor: after so many times its TTL a session that was not renewed is ended, 1 to 2; Consul takes 2.
    """

    expiry_factor: float = 2.0
    index: int = 1
    sessions: dict[str, Session] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    _closed_until_s: dict[str, float] = field(default_factory=dict)
    _deleted_at_index: dict[str, int] = field(default_factory=dict)

    def create(self, wanted: dict[str, object], now_s: float) -> str:
        """A new session; its id.

        Raises:
            WrongRequestError: TTL, delay or behaviour are not what Consul takes.
        """
        ttl_s = duration_s(wanted.get("TTL") or "0s")
        if ttl_s and not SHORTEST_TTL_S <= ttl_s <= LONGEST_TTL_S:
            raise WrongRequestError(f"Invalid Session TTL '{ttl_s:g}', must be between [10s=24h0m0s]")
        delay_s = min(duration_s(wanted.get("LockDelay", f"{LOCK_DELAY_S}s")), LONGEST_LOCK_DELAY_S)
        behavior = str(wanted.get("Behavior") or "release")
        if behavior not in BEHAVIOURS:
            raise WrongRequestError(f"Invalid Behavior setting '{behavior}'")
        self.index += 1
        session = Session(
            str(uuid4()), str(wanted.get("Name", "")), ttl_s, delay_s, behavior, self.index, 0.0
        )
        self.sessions[session.session_id] = session
        self._prolong(session, now_s)
        return session.session_id

    def renew(self, session_id: str, now_s: float) -> Session:
        """Give a session another TTL.

        Raises:
            UnknownSessionError: it has ended.
        """
        self.expire(now_s)
        session = self.sessions.get(session_id)
        if session is None:
            raise UnknownSessionError(session_id)
        self._prolong(session, now_s)
        return session

    def destroy(self, session_id: str, now_s: float) -> None:
        """End a session, with its delay on what it holds; one that is not there is no error."""
        session = self.sessions.pop(session_id, None)
        if session is None:
            return
        self.index += 1
        for key, entry in list(self.entries.items()):
            if entry.session_id != session_id:
                continue
            self._closed_until_s[key] = now_s + session.lock_delay_s
            if session.behavior == "delete":
                self.delete(key)
            else:
                entry.session_id = None
                entry.modify_index = self.index

    def expire(self, now_s: float) -> None:
        """End the sessions whose time is over."""
        for session in list(self.sessions.values()):
            if session.ttl_s and now_s >= session.ends_at_s:
                self.destroy(session.session_id, now_s)

    def acquire(self, key: str, session_id: str, value: bytes, now_s: float) -> bool:
        """Take a key for a session; whether it has it.

        Raises:
            UnknownSessionError: the session has ended.
        """
        self.expire(now_s)
        if session_id not in self.sessions:
            raise UnknownSessionError(session_id)
        if now_s < self._closed_until_s.get(key, 0.0):
            return False
        entry = self.entries.get(key)
        if entry is not None and entry.session_id not in (None, session_id):
            return False
        is_new = entry is None or entry.session_id is None
        entry = self.put(key, value)
        entry.lock_index += is_new
        entry.session_id = session_id
        return True

    def release(self, key: str, session_id: str) -> bool:
        """Give a key back; whether the session had it."""
        entry = self.entries.get(key)
        if entry is None or entry.session_id != session_id:
            return False
        self.index += 1
        entry.session_id, entry.modify_index = None, self.index
        return True

    def put(self, key: str, value: bytes) -> Entry:
        """Set a key's value; who holds it goes on holding it."""
        self.index += 1
        entry = self.entries.setdefault(key, Entry(value, self.index, self.index))
        entry.value, entry.modify_index = value, self.index
        return entry

    def delete(self, key: str) -> None:
        """Take a key away, whoever holds it."""
        if self.entries.pop(key, None) is not None:
            self.index += 1
            self._deleted_at_index[key] = self.index

    def index_of(self, key: str) -> int:
        """The index that a question for the key is answered with."""
        entry = self.entries.get(key)
        return self._deleted_at_index.get(key, 1) if entry is None else entry.modify_index

    def _prolong(self, session: Session, now_s: float) -> None:
        session.ends_at_s = now_s + session.ttl_s * self.expiry_factor


def duration_s(text: object) -> float:
    """Seconds of a Go duration (`10s`, `500ms`, `1m30s`), or of a number: seconds below 1,000, else nanoseconds.

    Raises:
        WrongRequestError: it is neither.
    """
    if isinstance(text, int | float):
        return float(text) if text < 1000 else text / 1e9
    parts = _DURATION.findall(str(text))
    if "".join(number + unit for number, unit in parts) != text:
        raise WrongRequestError(f"Invalid duration '{text}'")
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts)
