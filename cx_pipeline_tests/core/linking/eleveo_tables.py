"""Couples and legs as pasted tables: one line each, times of 26 January 2026 in UTC."""

from datetime import UTC, datetime

from cx_pipeline.core.linking.eleveo import Couple, MergeRules, RecordedLeg, Span, recorded_legs
from cx_pipeline.core.linking.eleveo_matching import OurCall, OurLeg


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-01-26T{text}").replace(tzinfo=UTC)


def spans(text: str) -> list[Span]:
    """`10:01:00-10:02:00, …`."""
    pairs = (part.split("-") for part in text.replace(" ", "").split(",") if part)
    return [(at(start), at(end)) for start, end in pairs]


def couples(table: str) -> list[Couple]:
    """Lines of id, call key, start, end, calling, called, phone, start reason, end reason; `-` is nothing."""
    found = []
    for line in table.strip().splitlines():
        fields = [None if field == "-" else field for field in line.split()]
        number, key, start, end, calling, called, phone, begun, ended = fields
        assert number is not None
        assert start is not None
        found.append(
            Couple(
                number,
                f"s{number}",
                at(start),
                at(end) if end else None,
                calling,
                called,
                phone,
                key,
                begun,
                ended,
            )
        )
    return found


def merged(
    table: str, extension: str = "1001", holds: str = "", rules: MergeRules | None = None
) -> list[RecordedLeg]:
    return recorded_legs(couples(table), extension, spans(holds), rules or MergeRules())


def told(legs: list[RecordedLeg]) -> list[str]:
    """`couple@seconds …` of each leg, and its notes."""
    return [
        " ".join([*(f"{p.couple.couple_id}@{p.offset_ms / 1000:g}" for p in leg.couples), *leg.notes])
        for leg in legs
    ]


def call(legs: str, keys: str = "1_7", span: str = "10:00:00-10:10:00") -> OurCall:
    """A call whose legs are lines of id, extension, start, end, holds."""
    found = []
    for line in legs.strip().splitlines():
        name, extension, start, end, *holds = line.split()
        found.append(
            OurLeg(
                name,
                f"key of {name}",
                extension,
                at(start),
                None if end == "-" else at(end),
                tuple(spans(",".join(holds))),
            )
        )
    return OurCall(
        "call",
        "cx",
        keys.split()[0],
        tuple(keys.split()),
        frozenset(keys.split()),
        tuple(found),
        spans(span)[0],
    )
