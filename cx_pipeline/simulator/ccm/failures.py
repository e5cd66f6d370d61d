"""How the reference manager fails when it is told to, and the dice for it."""

from hashlib import blake2b

from pydantic import BaseModel, ConfigDict, Field

REFUSED, HUNG, ERROR, THROTTLED, DROPPED = "refused", "hung", "error", "throttled", "dropped"
"""Ways to fail. All but DROPPED happen before anything is kept; DROPPED keeps the message and closes the connection."""

_Rate = Field(default=0.0, ge=0, le=1)


class Failures(BaseModel):
    """At which rates requests fail, and how; each way has its own dice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    refuse_rate: float = _Rate
    """Close the connection at once."""
    hang_rate: float = _Rate
    hang_s: float = Field(default=60, gt=0)
    """How long a hung request is kept before its connection is closed."""
    error_rate: float = _Rate
    """Answer 500."""
    throttle_rate: float = _Rate
    """Answer 429."""
    retry_after_s: int = Field(default=1, ge=0)
    drop_rate: float = _Rate
    """Keep the message and close the connection without an answer."""
    token_error_rate: float = _Rate
    """Answer 500 at the token end point."""
    seed: int = 0

    def before_keeping(self, request: str, attempt: int) -> str | None:
        """How this attempt of a request fails before anything is kept; None: it does not."""
        rates = {
            REFUSED: self.refuse_rate,
            HUNG: self.hang_rate,
            ERROR: self.error_rate,
            THROTTLED: self.throttle_rate,
        }
        return next((way for way, rate in rates.items() if self._falls(way, rate, request, attempt)), None)

    def drops_the_answer(self, request: str, attempt: int) -> bool:
        """Whether this attempt is kept and not answered."""
        return self._falls(DROPPED, self.drop_rate, request, attempt)

    def fails_a_token(self, attempt: int) -> bool:
        """Whether the token end point answers 500 this time."""
        return self._falls("token", self.token_error_rate, "", attempt)

    def _falls(self, way: str, rate: float, request: str, attempt: int) -> bool:
        """Dice that depend on the request and its attempt alone, not on what else is under way."""
        if rate in (0.0, 1.0):
            return rate == 1.0
        thrown = blake2b(f"{self.seed}/{way}/{request}/{attempt}".encode(), digest_size=8).digest()
        return int.from_bytes(thrown) / 2**64 < rate
