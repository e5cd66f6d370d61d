"""Texts that name a leg, for whole columns: our leg key, and the readable text of messages. Both are read from the right."""

import polars as pl

_FORM = r"^(.*):([^:]*):([^:]*):(\d{9,13}|\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:?\d\d)?)$"
"""Call or dialog id (which may hold colons), extension, other party, start in seconds, milliseconds or ISO 8601."""


def call_of_text(text: pl.Expr) -> pl.Expr:
    """The call id in a leg's text; null where it has not that form, or is blank."""
    return _known(text.str.extract(_FORM, 1))


def extension_of_text(text: pl.Expr) -> pl.Expr:
    """The extension in a leg's text; null where it has not that form, or is blank."""
    return _known(text.str.extract(_FORM, 2))


def readable_text() -> pl.Expr:
    """The text by which messages name a leg, of the columns of ENRICHED_LEG_SCHEMA: call id, extension, customer, start."""
    parts = [
        pl.coalesce("cx_call_id", "call_id"),
        _known(pl.col("agent_extension")).fill_null(""),
        _known(pl.col("customer_identifier")).fill_null(""),
        pl.col("start_time").dt.truncate("1ms").dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"),
    ]
    return pl.concat_str(parts, separator=":")


def _known(text: pl.Expr) -> pl.Expr:
    return pl.when(text.str.strip_chars() != "").then(text)
