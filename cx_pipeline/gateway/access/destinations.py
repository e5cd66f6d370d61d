"""Where a browser may be sent after a login: to pages of ours only, or the login would lead into traps."""

from urllib.parse import urlsplit

HOME = "/calls"
_LONGEST = 2000


def safe_destination(wanted: str | None) -> str:
    """The path (and query) to go to: the one wanted if it is one of ours, else the search for calls."""
    if not wanted or len(wanted) > _LONGEST or not wanted.startswith("/"):
        return HOME
    # Browsers take a backslash for a slash, drop tabs and line ends, and two slashes begin another host.
    if (
        wanted.startswith("//")
        or "\\" in wanted
        or any(ord(sign) <= 32 or ord(sign) == 127 for sign in wanted)
    ):
        return HOME
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return HOME
    if parts.scheme or parts.netloc or parts.path.startswith("//"):
        return HOME
    return HOME if parts.path.startswith(("/login", "/logout")) else wanted
