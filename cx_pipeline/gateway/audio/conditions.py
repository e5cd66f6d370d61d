"""Conditions of a request on what it asks for (RFC 9110, section 13)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Literal

from starlette.datastructures import Headers
from werkzeug.http import http_date, parse_date, parse_etags, parse_if_range_header, quote_etag

from cx_pipeline.adapters.playback.source import Playable

_WEAK = "W/"
_STRONG_AFTER = timedelta(seconds=60)
"""A date tells two versions apart only if the second is over for long (RFC 9110, 8.8.2.2)."""


@dataclass(frozen=True, slots=True)
class Validators:
    """What tells one version of a file from another."""

    tag: str
    """Without quotes; strong."""
    modified_at: datetime | None
    """To the second, as HTTP has it."""

    @classmethod
    def of(cls, playable: Playable) -> "Validators":
        """Those of a file."""
        modified = playable.modified_at
        return cls(
            sha256(f"{playable.playable_id}\0{playable.version}".encode()).hexdigest()[:32],
            None if modified is None else modified.astimezone(UTC).replace(microsecond=0),
        )

    def headers(self) -> dict[str, str]:
        """As an answer bears them."""
        told = {"ETag": quote_etag(self.tag)}
        if self.modified_at is not None:
            told["Last-Modified"] = http_date(self.modified_at)
        return told

    def unmet(self, asked: Headers) -> Literal[304, 412] | None:
        """The status of a request whose conditions end it; None if it is to be answered."""
        if "if-match" in asked:
            if not parse_etags(asked["if-match"]).is_strong(self.tag) and asked["if-match"].strip() != "*":
                return 412
        elif self._is_modified_since(asked.get("if-unmodified-since")) is True:
            return 412
        if "if-none-match" in asked:
            is_known = parse_etags(asked["if-none-match"]).contains_weak(self.tag)
            return 304 if is_known or asked["if-none-match"].strip() == "*" else None
        return 304 if self._is_modified_since(asked.get("if-modified-since")) is False else None

    def allow_range(self, if_range: str | None, now: datetime) -> bool:
        """Whether a range may be answered as one: what the client has is of the same version."""
        if if_range is None:
            return True
        if if_range.strip().startswith(_WEAK):
            return False
        known = parse_if_range_header(if_range.strip())
        if known.date is not None:
            is_same = known.date == self.modified_at
            return is_same and self.modified_at is not None and now - self.modified_at >= _STRONG_AFTER
        return known.etag == self.tag

    def _is_modified_since(self, header: str | None) -> bool | None:
        """None where one of both is not known."""
        date = parse_date(header)
        return None if date is None or self.modified_at is None else self.modified_at > date
