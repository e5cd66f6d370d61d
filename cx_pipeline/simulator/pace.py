"""How long people take: milliseconds, drawn from quantiles with integer arithmetic, so alike on every machine."""

from random import Random

SECOND = 1000
_TALK_QUANTILES_S = (6, 20, 45, 75, 110, 150, 200, 260, 340, 460, 700, 1200)
_PHASE_QUANTILES_S = (6, 12, 20, 30, 45, 60, 90, 150, 240)
_RING_QUANTILES_MS = (400, 1500, 2500, 4000, 6000, 9000, 14000)
_ONE_LONG_CALL_IN = 300
_LONG_CALL_S = (3600, 9000)


def talk(rng: Random) -> int:
    """A conversation: four minutes as a rule, one in 300 longer than an hour."""
    if rng.randrange(_ONE_LONG_CALL_IN) == 0:
        return rng.randrange(_LONG_CALL_S[0] * SECOND, _LONG_CALL_S[1] * SECOND)
    return _from_quantiles(rng, _TALK_QUANTILES_S, SECOND)


def phase(rng: Random) -> int:
    """A part of a conversation: before a transfer, a consultation, a hold."""
    return _from_quantiles(rng, _PHASE_QUANTILES_S, SECOND)


def ring(rng: Random) -> int:
    """From the first ring to the answer."""
    return _from_quantiles(rng, _RING_QUANTILES_MS, 1)


def ring_out(rng: Random) -> int:
    """How long a phone rings that nobody answers."""
    return rng.randrange(10 * SECOND, 46 * SECOND)


def moment(rng: Random) -> int:
    """A short while: to dial, to react, to be routed."""
    return rng.randrange(700, 4200)


def wrap_up(rng: Random) -> int:
    """After-call work."""
    return rng.randrange(8 * SECOND, 75 * SECOND)


def _from_quantiles(rng: Random, quantiles: tuple[int, ...], unit: int) -> int:
    index = rng.randrange(len(quantiles) - 1)
    return rng.randrange(quantiles[index] * unit, quantiles[index + 1] * unit)
