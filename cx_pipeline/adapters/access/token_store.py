"""The static tokens that are valid now: from the settings, or from a file that is read again when it changes."""

import hmac
import logging
import time
from datetime import datetime
from pathlib import Path

from cx_pipeline.adapters.access.token_file import StaticToken, parse_tokens, read_token_file, token_hash
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.settings import Settings

LOOK_AGAIN_S = 1.0
"""So long after a look at the file nobody looks again: a revoked token works no longer than that."""
_log = logging.getLogger(__name__)


class TokenStore:
    """Finds tokens by their text.

    A file that is not there has no tokens. One that cannot be understood leaves the last good ones in force, as a slip
    in an editor must not lock all recorders out. Of both, the log and `trouble` tell.
    """

    def __init__(self, settings: Settings) -> None:
        """Read the tokens.

        Raises:
            ConfigurationError: they are wrong. A file that is not there is no error: it may come.
        """
        self._path: Path | None = settings.gateway_tokens_file
        self._fixed: tuple[StaticToken, ...] = ()
        if settings.gateway_tokens is not None:
            self._fixed = parse_tokens(settings.gateway_tokens.get_secret_value(), "CX_GATEWAY_TOKENS")
        self._tokens = self._fixed
        self._version: tuple[int, ...] | None = None
        self._looked_at = time.monotonic()
        self.trouble = ""
        """What is wrong with the file; empty: nothing."""
        if self._path is not None:
            self._version = _version(self._path)
            if self._version is not None:
                self._tokens = (*self._fixed, *read_token_file(self._path))
            else:
                self._miss(self._path)

    def find(self, token: str, now: datetime) -> StaticToken | None:
        """The token of this text, if there is one and it has not expired at `now`."""
        self._look()
        wanted, found = token_hash(token), None
        for each in self._tokens:  # all of them, and each in constant time: how long it takes tells nothing
            if hmac.compare_digest(each.sha256, wanted):
                found = each
        return None if found is None or found.has_expired(now) else found

    def _look(self) -> None:
        if self._path is None or time.monotonic() - self._looked_at < LOOK_AGAIN_S:
            return
        self._looked_at = time.monotonic()
        version = _version(self._path)
        if version == self._version:
            return
        self._version = version
        try:
            of_file = () if version is None else read_token_file(self._path)
        except ConfigurationError as error:
            self.trouble = str(error)
            _log.error("%s; the tokens of before stay in force", error)
            return
        self._tokens, self.trouble = (*self._fixed, *of_file), ""
        if version is None:
            self._miss(self._path)
            return
        _log.info("read %d tokens of %s", len(of_file), self._path)

    def _miss(self, path: Path) -> None:
        """Say that the file is not there: else who is refused would look for the fault in the token."""
        self.trouble = f"there is no file of tokens {path}: cx-pipeline gateway token create makes it"
        _log.warning("%s; nobody has a token of it", self.trouble)


def _version(path: Path) -> tuple[int, ...] | None:
    """What changes when the file does; None if it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size
