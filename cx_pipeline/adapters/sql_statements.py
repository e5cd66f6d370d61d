"""The SQL statements of `sql/<flavour>/` (Cisco's databases, FusionPBX): found, read, and put into a driver's form.

A statement names its parameters (`:ended_from`); psycopg wants `%(ended_from)s`, ODBC a `?` for each. A site's own
folder wins, file by file.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cx_pipeline.core.errors import ConfigurationError

_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE / "sql", _PACKAGE.parent / "sql")
"""Inside an installed package, and at the root of a checkout."""

_TOKEN = re.compile(
    r"(?P<comment>--[^\n]*)"
    r"|(?P<quoted>'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")"
    r"|(?P<cast>::)"
    r"|:(?P<parameter>[A-Za-z_][A-Za-z0-9_]*)"
)

Value = datetime | int
"""A bound value. Times are in the database's terms: without a zone."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as its file has it, without comments."""

    file: Path
    text: str

    def for_psycopg(self, values: Mapping[str, Value]) -> tuple[str, dict[str, Value]]:
        """The statement with psycopg's placeholders, and its parameters."""
        used: dict[str, Value] = {}

        def placed(name: str) -> str:
            used[name] = self._value(name, values)
            return f"%({name})s"

        return _rewritten(self.text.replace("%", "%%"), placed), used

    def for_odbc(self, values: Mapping[str, Value]) -> tuple[str, list[Value]]:
        """The statement with question marks, and a value for each."""
        used: list[Value] = []

        def placed(name: str) -> str:
            used.append(self._value(name, values))
            return "?"

        return _rewritten(self.text, placed), used

    def _value(self, name: str, values: Mapping[str, Value]) -> Value:
        if name not in values:
            known = ", ".join(f":{known}" for known in values) or "no parameter"
            raise ConfigurationError(f"{self.file} has a parameter :{name}; it may use {known}")
        return values[name]


def load_statement(flavour: str, name: str, site_folder: Path | None = None) -> Statement:
    """Read `name`.sql of a flavour, from the site's folder where it has that file.

    Raises:
        ConfigurationError: the site's folder or the file is not there, or it holds no statement or several.
    """
    file = _find(flavour, name, site_folder)
    try:
        written = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(f"{file} cannot be read: {reason}") from None
    text = "\n".join(line for line in _without_comments(written).splitlines() if line.strip())
    text = text.strip().removesuffix(";")
    if not text or ";" in _TOKEN.sub("", text):
        raise ConfigurationError(f"{file} must hold one SQL statement")
    return Statement(file, text)


def _find(flavour: str, name: str, site_folder: Path | None) -> Path:
    if site_folder is not None:
        if not site_folder.is_dir():
            raise ConfigurationError(f"the folder of SQL statements {site_folder} is not there")
        own = site_folder / f"{name}.sql"
        if own.is_file():
            return own
    for place in _PLACES:
        if (found := place / flavour / f"{name}.sql").is_file():
            return found
    raise ConfigurationError(f"this installation lacks sql/{flavour}/{name}.sql: install it again")


def _without_comments(text: str) -> str:
    return _TOKEN.sub(lambda token: "" if token["comment"] else token[0], text)


def _rewritten(text: str, placed: Callable[[str], str]) -> str:
    return _TOKEN.sub(
        lambda token: placed(token["parameter"]) if token["parameter"] else token[0],
        text,
    )
