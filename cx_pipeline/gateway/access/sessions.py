"""What the signed cookie of a browser says: who logged in, what they may, and until when."""

import time
from collections.abc import MutableMapping
from typing import Any

from cx_pipeline.gateway.access.principal import SCOPES, Principal

_LOGIN, _PENDING = "login", "pending"
MOST_PENDING = 3
"""So many logins may be under way in one browser: a cookie has little room."""
PENDING_S = 600
_Session = MutableMapping[str, Any]


def log_in(session: _Session, principal: Principal, until_s: float) -> None:
    """Note who logged in; what was there before is forgotten."""
    session.clear()
    session[_LOGIN] = {
        "sub": principal.subject,
        "tenant": principal.tenant,
        "scopes": sorted(principal.scopes),
        "name": principal.display_name,
        "until": int(until_s),
    }


def logged_in(session: _Session) -> Principal | None:
    """Who is logged in, if anybody still is."""
    login = session.get(_LOGIN)
    if not isinstance(login, dict) or login.get("until", 0) <= time.time():
        return None
    return Principal(
        login["sub"], login["tenant"], frozenset(login["scopes"]) & SCOPES, "session", login["name"]
    )


def begin(session: _Session, state: str, nonce: str, verifier: str, destination: str) -> None:
    """Note a login that was begun, under its state."""
    now = int(time.time())
    pending = [each for each in session.get(_PENDING, []) if each["at"] > now - PENDING_S]
    pending.append({"state": state, "nonce": nonce, "verifier": verifier, "to": destination, "at": now})
    session[_PENDING] = pending[-MOST_PENDING:]


def take_begun(session: _Session, state: str) -> dict[str, Any] | None:
    """The login that was begun under this state, once: a second time there is none."""
    pending = session.get(_PENDING, [])
    found = next((each for each in pending if each["state"] == state), None)
    if found is None:
        return None
    session[_PENDING] = [each for each in pending if each is not found]
    return dict(found) if found["at"] > time.time() - PENDING_S else None
