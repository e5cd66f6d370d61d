"""What rules look at: the facts of legs, of files without a leg, and of a call that runs, in one shape.

A null fact is not known yet; where `is_complete`, no more is to come: what is null, is not.
"""

from dataclasses import asdict, dataclass
from datetime import datetime

import polars as pl

from cx_pipeline.core.directory import Directory
from cx_pipeline.core.events.schema import UTC_MICROSECONDS
from cx_pipeline.core.recording.percentages import sampling_numbers

GIVEN_FACTS_SCHEMA = pl.Schema(
    {
        "tenant_id": pl.String(),
        "root_call_key": pl.String(),
        "agent_extension": pl.String(),
        "agent_id": pl.String(),
        "agent_name": pl.String(),
        "dialled_number": pl.String(),
        "other_number": pl.String(),
        "start_time": UTC_MICROSECONDS,
        "duration_ms": pl.Int64(),
        "is_complete": pl.Boolean(),
    }
)
FACTS_SCHEMA = pl.Schema({**GIVEN_FACTS_SCHEMA, "team": pl.String(), "sampling_number": pl.UInt16()})
"""The facts as they are given, and what follows from them."""

_ROW = "__row"


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What is known of one agent's share in a call that runs. Only what will not change belongs in here.

    An answer is final only where these facts last. So leave out: the root call key of a call that may continue
    another one; a number inside the house, as it may turn out to be that of a consult; an agent whom the directory
    has at an extension where others may sit, too.
    """

    tenant_id: str
    root_call_key: str | None = None
    """In the form of the legs' call keys, `{node}_{gcid}`."""
    agent_extension: str | None = None
    agent_id: str | None = None
    agent_name: str | None = None
    dialled_number: str | None = None
    """The service that was called: what the legs' `service_identifier` will be."""
    other_number: str | None = None
    """The number at the other end: what the legs' `customer_identifier` will be."""
    start_time: datetime | None = None
    """When the agent's share began (UTC)."""
    duration_ms: int | None = None
    """Null while it runs."""
    is_complete: bool = False
    """Whether nothing more is to come: what is null, is not."""


def facts_of_call(call: CallFacts, directory: Directory) -> pl.DataFrame:
    """The one row of a call."""
    return _with_what_follows(pl.DataFrame([asdict(call)], schema=GIVEN_FACTS_SCHEMA), directory)


def facts_of_legs(legs: pl.DataFrame, directory: Directory) -> pl.DataFrame:
    """The facts of ended legs (`ENRICHED_LEG_SCHEMA`), row by row.

    Who it was, the service and the customer may change as long as the leg's record may come (`is_decided`).
    """
    is_decided = pl.col("is_decided").fill_null(value=False)
    of_the_record = {
        "agent_id": pl.col("agent_id"),
        "agent_name": pl.col("agent_name"),
        "dialled_number": pl.col("service_identifier"),
        "other_number": pl.coalesce("customer_identifier", "other_party"),
    }
    facts = legs.select(
        "tenant_id",
        "root_call_key",
        "agent_extension",
        "start_time",
        "duration_ms",
        is_complete=is_decided,
        **{name: pl.when(is_decided).then(fact) for name, fact in of_the_record.items()},
    )
    return _with_what_follows(facts, directory)


def facts_of_files(manifests: pl.DataFrame, directory: Directory) -> pl.DataFrame:
    """The facts that files without a leg tell of themselves (`RECORDING_MANIFEST_SCHEMA`), row by row.

    Where the recorder does not say in which direction the call went, the number at the other end is the one that is
    not the agent's.
    """
    is_outbound = pl.col("direction").str.to_uppercase() == "OUTBOUND"
    is_the_agents = pl.col("calling_number") == pl.col("agent_extension")
    other = pl.when(pl.coalesce(is_outbound, is_the_agents).fill_null(value=False))
    told_length = (pl.col("end_time") - pl.col("start_time")).dt.total_milliseconds()
    facts = manifests.select(
        "tenant_id",
        "agent_extension",
        "start_time",
        root_call_key=pl.coalesce("call_key", "dialog_id", "refci", "manifest_id"),
        agent_id=pl.lit(None, pl.String()),
        agent_name=pl.lit(None, pl.String()),
        dialled_number=pl.col("called_number"),
        other_number=other.then("called_number").otherwise("calling_number"),
        duration_ms=pl.coalesce(told_length, pl.col("frames") * 1000 // pl.col("sample_rate_hz")),
        is_complete=pl.lit(value=True),
    )
    return _with_what_follows(facts, directory)


def _with_what_follows(facts: pl.DataFrame, directory: Directory) -> pl.DataFrame:
    told = facts.with_columns(sampling_numbers(facts)).with_row_index(_ROW)
    teams = _teams(told, directory)
    return told.join(teams, on=_ROW, how="left", maintain_order="left").select(FACTS_SCHEMA.names())


def _teams(facts: pl.DataFrame, directory: Directory) -> pl.DataFrame:
    """`__row`, `team`: the team of the agent by id, else of whoever the directory has at the extension.

    As long as it is not known who talked, the team is not known either.
    """
    listed = directory.agents.filter(pl.col("team").is_not_null()).select(
        "tenant_id",
        "team",
        "valid_from",
        "valid_to",
        listed_extension="extension",
        listed_id="agent_id",
    )
    asked = facts.select(_ROW, "tenant_id", "agent_extension", "agent_id", "start_time", "is_complete")
    is_known = pl.col("is_complete") | pl.all_horizontal(
        pl.col("agent_id", "agent_extension", "start_time").is_not_null()
    )
    asked = asked.filter(is_known)
    by_id = asked.join(listed, left_on=["tenant_id", "agent_id"], right_on=["tenant_id", "listed_id"])
    at_the_phone = asked.join(
        listed, left_on=["tenant_id", "agent_extension"], right_on=["tenant_id", "listed_extension"]
    )
    is_of_anybody = pl.col("agent_id").is_null() | pl.col("listed_id").is_null()
    columns = [_ROW, "team", "valid_from", "valid_to", "start_time", "rank"]
    own_extension = pl.col("listed_extension").ne_missing(pl.col("agent_extension")).cast(pl.Int32)
    found = pl.concat(
        [
            by_id.with_columns(rank=own_extension).select(columns),
            at_the_phone.filter(is_of_anybody).with_columns(rank=pl.lit(2, pl.Int32)).select(columns),
        ]
    ).filter(
        (pl.col("valid_from") <= pl.col("start_time")).fill_null(value=True),
        (pl.col("valid_to") > pl.col("start_time")).fill_null(value=True),
    )
    ordered = found.sort(
        _ROW, "rank", "valid_from", "team", descending=[False, False, True, False], nulls_last=True
    )
    return ordered.unique(_ROW, keep="first", maintain_order=True).select(_ROW, "team")
