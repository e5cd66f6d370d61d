"""Which windows' recordings to ask for: decisions over values that a sensor reads."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class AskingState:
    """What the sensor remembers.

    `materialised` is the newest computation of legs that it saw, `arrivals` the newest manifest. `pending` maps the
    key of each window that is still to be asked for to what it is asked for, which makes the run key.
    """

    materialised: int | None = None
    arrivals: int | None = None
    pending: Mapping[str, str] = field(default_factory=dict)

    def after(
        self, materialised: int | None, arrivals: int | None, touched: Mapping[str, str]
    ) -> "AskingState":
        """The state once computations and arrivals up to these marks were read, which touch the windows."""
        return AskingState(materialised, arrivals, {**self.pending, **touched})

    def asked(self, keys: Collection[str]) -> "AskingState":
        """The state without the windows that were asked for."""
        return replace(self, pending={key: why for key, why in self.pending.items() if key not in keys})


def recordings_to_ask_for(
    state: AskingState,
    due: Mapping[str, str],
    *,
    valid: Collection[str],
    busy: Collection[str],
    limit: int,
) -> dict[str, str]:
    """The run key for each window to ask for now, newest window first; at most `limit`.

    A window of which a run makes recordings stays pending: what came meanwhile may be too late for that run.

    Args:
        state: what is pending.
        due: windows in which something is to be tried again, with what makes the run key.
        valid: keys that are windows of this deployment.
        busy: windows whose recordings are being made, or are queued for it.
        limit: how many runs to ask for.
    """
    wanted = {**due, **state.pending}
    ready = sorted((key for key in wanted if key in valid and key not in busy), reverse=True)
    return {key: f"{key}:{wanted[key]}" for key in ready[:limit]}
