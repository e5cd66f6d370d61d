"""Finds legs for people: by agent, number, time, type and wrap-up, newest first, with what became of their recordings.

Pages go on where the last one ended (keyset), so that no page costs more than the first and none skips or repeats a
leg while others arrive. Each way to meet a filter is a branch of its own that an index serves; the branches' first
legs are then put together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from types import MappingProxyType
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    and_,
    func,
    literal,
    or_,
    select,
    text,
    true,
    tuple_,
    union,
    union_all,
)
from sqlalchemy.exc import OperationalError

from cx_pipeline.adapters.database.failures import database_errors
from cx_pipeline.adapters.database.gateway_tables import recording_link
from cx_pipeline.adapters.database.message_tables import enriched_leg
from cx_pipeline.adapters.database.recording_tables import recording, recording_leg
from cx_pipeline.core.errors import DatabaseUnavailableError
from cx_pipeline.core.linking.schema import LINKED, SHOWN, VOICE
from cx_pipeline.core.recording.schema import COMPLETED, FAILED

SEARCH_TIMEOUT_S = 10
"""Longest search; a person does not wait for more."""

LEG_COLUMNS = (
    "leg_id", "leg_key", "call_id", "tenant_id", "root_call_key", "agent_extension", "status", "call_type", "direction",
    "start_time", "end_time", "duration_ms", "is_answered", "is_reportable", "other_party", "is_decided",
    "service_identifier", "customer_identifier", "agent_id", "agent_name", "wrap_up", "rona_reason",
)  # fmt: skip
RECORDING_COLUMNS = (
    "recording_id", "state", "failure", "failure_detail", "rule_id", "next_attempt_at", "path", "warnings",
)  # fmt: skip
_LINK_COLUMNS = ("state", "leg_key")

CALL_TYPES = MappingProxyType(
    {
        **{
            name: (name,)
            for name in ("SIMPLE", "OUTBOUND", "CONSULT", "CONSULT_TRANSFER", "DIRECT_TRANSFER", "CONFERENCE", "RONA")
        },
        "TRANSFER": ("CONSULT_TRANSFER", "DIRECT_TRANSFER"),
    }
)  # fmt: skip
"""What may be asked for, and the values of `call_type` that it is."""

_TENANTS = text(
    "WITH RECURSIVE known AS ("
    "(SELECT tenant_id FROM enriched_leg ORDER BY tenant_id LIMIT 1) UNION ALL "
    "SELECT (SELECT leg.tenant_id FROM enriched_leg AS leg WHERE leg.tenant_id > known.tenant_id"
    " ORDER BY leg.tenant_id LIMIT 1) FROM known WHERE known.tenant_id IS NOT NULL) "
    "SELECT tenant_id FROM known WHERE tenant_id IS NOT NULL"
)
"""Every tenant that has legs, by hops over the index."""


class SearchTooLongError(DatabaseUnavailableError):
    """The search took too long: it has to ask for less."""


class Place(NamedTuple):
    """Where a page ended: the next one begins behind this leg."""

    start_time: datetime
    leg_id: str


@dataclass(frozen=True, slots=True)
class CallFilter:
    """What to look for; all that is given has to fit."""

    start: datetime
    end: datetime
    """Legs that began in `[start, end)`."""
    agent: str | None = None
    """Extension or id of an agent, or a part of the name."""
    number: str | None = None
    """Begin or end of the customer's number or of the one called."""
    call_type: str | None = None
    """A key of `CALL_TYPES`."""
    wrap_up: str | None = None
    """A part of what the agent noted."""
    lacks_recording_before: datetime | None = None
    """Only answered, reportable legs that ended before then and have no recording, nor were left out by a rule of
    which there is a row."""


@dataclass(frozen=True, slots=True)
class FoundLeg:
    """A leg, its recording that counts, and its link."""

    leg: dict[str, Any]
    """`LEG_COLUMNS`."""
    recording: dict[str, Any] | None
    """`RECORDING_COLUMNS`."""
    link: dict[str, Any] | None
    """`state` and `leg_key` of a link to another recorder's audio or ours."""

    @property
    def place(self) -> Place:
        """For the page behind it."""
        return Place(self.leg["start_time"], self.leg["leg_id"])


class CallSearch:
    """Finds legs and their recordings."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def legs(
        self, wanted: CallFilter, tenant_id: str | None, limit: int, after: Place | None = None
    ) -> list[FoundLeg]:
        """At most `limit` legs, the newest first.

        Args:
            wanted: what to look for.
            tenant_id: whose legs; None: anybody's.
            limit: how many.
            after: where the page before ended.

        Raises:
            SearchTooLongError: it took more than `SEARCH_TIMEOUT_S`.
            DatabaseUnavailableError: the database does not answer.
        """
        with database_errors("to search for calls"), self._engine.connect() as connection:
            try:
                connection.execute(
                    text("SELECT set_config('statement_timeout', :limit, true)"),
                    {"limit": str(round(SEARCH_TIMEOUT_S * 1000))},
                )
                return list(self._found(connection, wanted, tenant_id, limit, after))
            except OperationalError as error:
                if isinstance(error.orig, psycopg.errors.QueryCanceled):
                    raise SearchTooLongError(
                        f"the search for calls took more than {SEARCH_TIMEOUT_S} s: ask for a shorter time"
                    ) from None
                raise

    @staticmethod
    def _found(
        connection: Connection, wanted: CallFilter, tenant_id: str | None, limit: int, after: Place | None
    ) -> Iterator[FoundLeg]:
        tenants = [tenant_id] if tenant_id is not None else list(connection.execute(_TENANTS).scalars())
        if not tenants:
            return
        for row in connection.execute(_search(wanted, tenants, limit, after)).mappings():
            yield FoundLeg(
                leg={name: row[f"leg_{name}"] for name in LEG_COLUMNS},
                recording=_present(row, "recording", RECORDING_COLUMNS, "state"),
                link=_present(row, "link", _LINK_COLUMNS, "state"),
            )


def _present(row: Any, prefix: str, names: Sequence[str], sign: str) -> dict[str, Any] | None:
    if row[f"{prefix}_{sign}"] is None:
        return None
    return {name: row[f"{prefix}_{name}"] for name in names}


def _search(wanted: CallFilter, tenants: Sequence[str], limit: int, after: Place | None) -> Select[Any]:
    """The legs of all branches, each once, with what belongs to them."""
    leg = enriched_leg
    conditions = _conditions(wanted, after)
    firsts = [
        select(leg.c.leg_id, leg.c.start_time)
        .where(leg.c.tenant_id == tenant, *conditions, *branch)
        .order_by(leg.c.start_time.desc(), leg.c.leg_id.desc())
        .limit(limit)
        .subquery()
        for tenant, branch in product(tenants, _branches(wanted))
    ]
    page = (
        union(*(select(first) for first in firsts))
        .order_by(text("start_time DESC, leg_id DESC"))
        .limit(limit)
    ).subquery("page")
    own, link = _recording_of(leg.c.leg_id), _link_of(leg.c.leg_id)
    return (
        select(
            *(leg.c[name].label(f"leg_{name}") for name in LEG_COLUMNS),
            *(own.c[name].label(f"recording_{name}") for name in RECORDING_COLUMNS),
            *(link.c[name].label(f"link_{name}") for name in _LINK_COLUMNS),
        )
        .select_from(page.join(leg, leg.c.leg_id == page.c.leg_id))
        .outerjoin(own, true())
        .outerjoin(link, true())
        .order_by(leg.c.start_time.desc(), leg.c.leg_id.desc())
    )


def _conditions(wanted: CallFilter, after: Place | None) -> list[ColumnElement[bool]]:
    """What holds in every branch."""
    leg = enriched_leg
    found: list[ColumnElement[bool]] = [
        leg.c.start_time >= wanted.start,
        leg.c.start_time < wanted.end,
        leg.c.is_artefact.is_not(true()),
    ]
    if after is not None:
        place = tuple_(literal(after.start_time), literal(after.leg_id, leg.c.leg_id.type))
        found.append(tuple_(leg.c.start_time, leg.c.leg_id) < place)
    if wanted.call_type is not None:
        found.append(leg.c.call_type.in_(CALL_TYPES[wanted.call_type]))
    if wanted.wrap_up is not None:
        found.append(leg.c.wrap_up.ilike(f"%{_literally(wanted.wrap_up)}%"))
    if wanted.lacks_recording_before is not None:
        found += _lacking(wanted.lacks_recording_before)
    return found


def _branches(wanted: CallFilter) -> list[tuple[ColumnElement[bool], ...]]:
    """The ways in which the number may fit, else those of the agent: who fits one need not fit an index as well."""
    by_agent, by_number = _of_agent(wanted.agent), _of_number(wanted.number)
    if by_number:
        is_agent = (or_(*by_agent),) if by_agent else ()
        return [(way, *is_agent) for way in by_number]
    return [(way,) for way in by_agent] or [()]


def _of_agent(agent: str | None) -> list[ColumnElement[bool]]:
    if agent is None:
        return []
    leg = enriched_leg
    ways = [leg.c.agent_extension == agent, leg.c.agent_id == agent]
    if agent.isdigit():
        return ways
    return [or_(*ways, leg.c.agent_name.ilike(f"%{_literally(agent)}%"))]


def _of_number(number: str | None) -> list[ColumnElement[bool]]:
    if number is None:
        return []
    begin, end = f"{_literally(number)}%", f"{_literally(number[::-1])}%"
    columns = (enriched_leg.c.customer_identifier, enriched_leg.c.service_identifier)
    return [way for column in columns for way in (column.like(begin), func.reverse(column).like(end))]


def _literally(given: str) -> str:
    """For LIKE: signs that would mean something there mean themselves."""
    return given.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _lacking(before: datetime) -> list[ColumnElement[bool]]:
    leg = enriched_leg
    counts = and_(recording.c.is_current, recording.c.state != FAILED)
    own = select(recording.c.recording_id).where(recording.c.leg_id == leg.c.leg_id, counts)
    shared = (
        select(recording_leg.c.recording_id)
        .join(recording, recording.c.recording_id == recording_leg.c.recording_id)
        .where(recording_leg.c.leg_id == leg.c.leg_id, counts)
    )
    linked = select(recording_link.c.link_id).where(_is_linked(leg.c.leg_id))
    return [
        leg.c.is_reportable.is_(true()),
        leg.c.is_answered.is_(true()),
        leg.c.end_time < before,
        ~own.correlate(leg).exists(),
        ~shared.correlate(leg).exists(),
        ~linked.correlate(leg).exists(),
    ]


def _is_linked(leg_id: ColumnElement[Any]) -> ColumnElement[bool]:
    return and_(
        recording_link.c.leg_id == leg_id,
        recording_link.c.kind == VOICE,
        recording_link.c.state.in_((LINKED, SHOWN)),
    )


def _recording_of(leg_id: ColumnElement[Any]) -> Any:
    """The recording that counts: of the leg itself, or of a conference that it is part of; a finished one first."""
    names = [recording.c[name] for name in (*RECORDING_COLUMNS, "received_at")]
    own = select(*names).where(recording.c.is_current, recording.c.leg_id == leg_id)
    shared = (
        select(*names)
        .join(recording_leg, recording_leg.c.recording_id == recording.c.recording_id)
        .where(recording.c.is_current, recording_leg.c.leg_id == leg_id)
    )
    either = union_all(own.correlate(enriched_leg), shared.correlate(enriched_leg)).subquery()
    return (
        select(either)
        .order_by((either.c.state == COMPLETED).desc(), either.c.received_at.desc())
        .limit(1)
        .lateral("own")
    )


def _link_of(leg_id: ColumnElement[Any]) -> Any:
    return (
        select(*(recording_link.c[name] for name in _LINK_COLUMNS))
        .where(_is_linked(leg_id))
        .order_by(recording_link.c.state, recording_link.c.link_id)
        .limit(1)
        .correlate(enriched_leg)
        .lateral("link")
    )
