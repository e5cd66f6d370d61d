"""How the fake Eleveo behaves, and misbehaves."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Literal

from cx_pipeline.simulator.eleveo.sound import AudioFormat

EndPoint = Literal["login", "search", "token", "download"]
Way = Literal["error", "throttle", "drop", "hang", "page", "cut", "drip", "nonsense", "end_session"]
"""How one request fails: status 500; 429; the connection closed; no answer; a login page with status 200; the connection closed
in the middle of the body; the body byte by byte; an answer that is none; the session ends just before it."""


@dataclass
class Behaviour:
    """What a test sets, before or while the fake runs."""

    session_s: float = 1800
    session_requests: int = 1_000_000
    """After so many requests a session is over."""
    over_is_told_by: Literal["redirect", "page", "status"] = "page"
    """How a request without a session is answered: sent to the login page, that page with status 200, or 401."""
    wrong_login_is_told_by: Literal["xml", "page", "redirect", "status"] = "xml"
    unknown_sid_is_told_by: Literal["status", "xml"] = "status"
    answer_s: float = 0
    """Each answer but a login's takes so long."""
    login_s: float = 0
    error_every: int = 0
    """Each request of this number, and its multiples, is answered with 503; 0: none."""
    page_size: int = 100
    """Conversations in an answer to a search at most, whatever was asked for."""
    knows_pages: bool = True
    """Whether offset and limit are heeded."""
    tells_total: bool = True
    id_form: Literal["slashed", "call_key"] = "slashed"
    """How it has calls' ids: `gcid/node`, or `node_gcid`."""
    knows_times: bool = True
    lists: Literal["conversations", "couples"] = "conversations"
    words: dict[str, str] = field(default_factory=dict)
    """This release's word by ours, for reasons."""
    tells_agent: bool = True
    audio_format: AudioFormat = "wav"
    clock_offset_ms: int = 0
    """How far its clock is ahead."""
    hang_s: float = 30
    planned: dict[EndPoint, deque[Way]] = field(default_factory=dict)

    def plan(self, end_point: EndPoint, *ways: Way) -> None:
        """Let the next requests of an end point fail, one by one, in these ways."""
        self.planned.setdefault(end_point, deque()).extend(ways)

    def next_way(self, end_point: EndPoint) -> Way | None:
        """How this request is to fail; None: it is not."""
        ways = self.planned.get(end_point)
        return ways.popleft() if ways else None


@dataclass
class Seen:
    """What the fake saw."""

    requests: Counter[str] = field(default_factory=Counter)
    """By end point, answered or not."""
    searched: list[str] = field(default_factory=list)
    """Values of external data that were searched."""
    credentials_in_addresses: int = 0
    """Logins whose password stood in the address."""
    sessions_in_cookies: int = 0
    issued: set[str] = field(default_factory=set)
    """Sessions and tokens that it gave out: they are secret."""
    most_at_once: int = 0
    at_once: int = 0
