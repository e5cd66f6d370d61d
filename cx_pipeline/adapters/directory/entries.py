"""The entries of a directory: what each kind may say, validated one by one, and together as a `Directory`.

They come from a YAML file or from the database's tables; the rules are the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import groupby
from typing import Annotated, Any, ClassVar, Self
from zoneinfo import available_timezones

import polars as pl
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from cx_pipeline.core.directory import (
    AGENT_SCHEMA,
    CLUSTER_SCHEMA,
    DOMAIN_SCHEMA,
    RANGE_SCHEMA,
    SERVICE_NUMBER_SCHEMA,
    Directory,
)
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.core.events.tenancy import DEFAULT_TENANT

MOST_FAULTS_TOLD = 20

_MIN_TIME = datetime.min.replace(tzinfo=UTC)
_MAX_TIME = datetime.max.replace(tzinfo=UTC)


@cache
def _zones() -> frozenset[str]:
    """The names of all time zones: looked for once, as it takes a walk through hundreds of files."""
    return frozenset(available_timezones())


def _known_zone(name: str) -> str:
    if name not in _zones():
        raise ValueError("is no IANA time zone, such as Europe/Zurich")
    return name


def _nothing_as_none(value: Any) -> Any:
    return None if value in {"", "~", "null"} else value


Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
OptionalText = Annotated[Text | None, BeforeValidator(_nothing_as_none)]
OptionalZone = Annotated[
    Annotated[str, AfterValidator(_known_zone)] | None, BeforeValidator(_nothing_as_none)
]
OptionalTime = Annotated[
    Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))] | None,
    BeforeValidator(_nothing_as_none),
]
TenantId = Annotated[Text, BeforeValidator(lambda value: _nothing_as_none(value) or DEFAULT_TENANT)]
Number = Annotated[int, Field(ge=0, lt=2**63)]


class Entry(BaseModel):
    """What all entries have: a tenant, and the time in which they hold (`valid_to` is exclusive)."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)
    schema_of_frame: ClassVar[pl.Schema]
    key_columns: ClassVar[tuple[str, ...]]

    tenant_id: TenantId = DEFAULT_TENANT
    valid_from: OptionalTime = None
    valid_to: OptionalTime = None

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.valid_from and self.valid_to and self.valid_from >= self.valid_to:
            raise ValueError("valid_to is not after valid_from")
        return self

    @property
    def key(self) -> tuple[str, ...]:
        """What may be in the directory once at any time."""
        return tuple(str(getattr(self, column) or "") for column in ("tenant_id", *self.key_columns))

    @property
    def span(self) -> tuple[datetime, datetime]:
        """The time in which the entry holds."""
        return self.valid_from or _MIN_TIME, self.valid_to or _MAX_TIME


class Agent(Entry):
    """An agent's extension on a device. Two devices may share an extension."""

    schema_of_frame = AGENT_SCHEMA
    key_columns = ("extension", "device")
    extension: Text
    device: OptionalText = None
    agent_id: OptionalText = None
    agent_name: OptionalText = None
    team: OptionalText = None
    time_zone: OptionalZone = None


class ServiceNumber(Entry):
    """A route point or dialled number."""

    schema_of_frame = SERVICE_NUMBER_SCHEMA
    key_columns = ("number",)
    number: Text
    name: OptionalText = None


class Range(Entry):
    """Internal extensions, both ends included."""

    schema_of_frame = RANGE_SCHEMA
    key_columns = ("first_extension", "last_extension")
    first_extension: Number
    last_extension: Number

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.first_extension > self.last_extension:
            raise ValueError("last_extension is below first_extension")
        return self


class Domain(Entry):
    """A SIP domain of a tenant."""

    schema_of_frame = DOMAIN_SCHEMA
    key_columns = ("domain",)
    domain: Text


class Cluster(Entry):
    """A CUCM cluster of a tenant, by the node id in its call keys."""

    schema_of_frame = CLUSTER_SCHEMA
    key_columns = ("cluster",)
    cluster: Text


SECTIONS: dict[str, type[Entry]] = {
    "agents": Agent,
    "service_numbers": ServiceNumber,
    "ranges": Range,
    "domains": Domain,
    "clusters": Cluster,
}
"""The parts of a directory, by the names of the fields of `Directory`, and the entries that each holds."""


@dataclass(frozen=True, slots=True)
class GivenEntry:
    """An entry as it was given, and where ("agents, entry 3 (line 12)")."""

    place: str
    values: Mapping[str, Any]


def build_directory(given: Mapping[str, Sequence[GivenEntry]], origin: str) -> Directory:
    """The directory that the entries make.

    Args:
        given: entries by section.
        origin: where they come from, for messages.

    Raises:
        ConfigurationError: an entry is wrong, or two say something about one thing at one time; all are named.
    """
    faults: list[str] = []
    frames: dict[str, pl.DataFrame] = {}
    for section, kind in SECTIONS.items():
        entries = list(_validated(kind, given.get(section, ()), faults))
        faults += _overlaps(entries)
        rows = [entry.model_dump() for _, entry in entries]
        frames[section] = pl.DataFrame(rows, schema=kind.schema_of_frame)
    if faults:
        raise ConfigurationError(f"the directory {origin} has faults:\n  " + "\n  ".join(_most(faults)))
    return Directory(**frames)


def _validated(
    kind: type[Entry], given: Sequence[GivenEntry], faults: list[str]
) -> Iterator[tuple[str, Entry]]:
    for entry in given:
        try:
            yield entry.place, kind.model_validate(entry.values)
        except ValidationError as error:
            for fault in error.errors(include_url=False, include_input=False):
                field = ".".join(str(part) for part in fault["loc"] if isinstance(part, str))
                message = fault["msg"].removeprefix("Value error, ")
                faults.append(f"{entry.place}, {field}: {message}" if field else f"{entry.place}: {message}")


def _overlaps(entries: list[tuple[str, Entry]]) -> Iterator[str]:
    ordered = sorted(entries, key=lambda placed: (placed[1].key, placed[1].span))
    for _, same in groupby(ordered, key=lambda placed: placed[1].key):
        (longest_place, longest), *others = same
        for place, entry in others:
            if entry.span[0] < longest.span[1]:
                named = ", ".join(f"{column} {getattr(entry, column)}" for column in entry.key_columns)
                yield f"{place}: the same as {longest_place} at the same time ({named})"
            if entry.span[1] > longest.span[1]:
                longest_place, longest = place, entry


def _most(faults: list[str]) -> list[str]:
    if len(faults) <= MOST_FAULTS_TOLD:
        return faults
    return [*faults[:MOST_FAULTS_TOLD], f"… and {len(faults) - MOST_FAULTS_TOLD} more"]
