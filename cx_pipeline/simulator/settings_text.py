"""Plans of the simulator from one line of text, as options of commands give them: `realistic,lost=0.01`."""

from collections.abc import Callable, Mapping
from dataclasses import Field, replace
from typing import Any, ClassVar, Protocol, TypeVar


class _Plan(Protocol):
    """Any data class."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


T = TypeVar("T", bound=_Plan)


def from_text(text: str, base: T, presets: Mapping[str, T], value_of: Callable[[str, str], object]) -> T:
    """The preset that the text names last, or `base`, with the settings after it changed.

    Args:
        text: names of presets, and settings as `name=value`, with commas between them.
        base: what the settings change as long as no preset is named.
        presets: by name.
        value_of: the value of a setting by its name and text; refuses what it does not know.
    """
    found = base
    for part in filter(None, (part.strip() for part in text.split(","))):
        if part in presets:
            found = presets[part]
            continue
        name, _, value = part.partition("=")
        found = replace(found, **{name: value_of(name, value)})
    return found
