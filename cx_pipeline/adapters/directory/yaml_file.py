"""The directory as a YAML file: a list of entries under each of the sections (agents, service_numbers, ranges …).

Every value is read as the text that stands there: an extension 01005 keeps its zero and +41 its plus, quoted or not.
"""

from collections.abc import Iterator
from pathlib import Path

import yaml

from cx_pipeline.adapters.directory.entries import SECTIONS, GivenEntry, build_directory
from cx_pipeline.core.directory import Directory
from cx_pipeline.core.errors import ConfigurationError

_LOADER: type[yaml.BaseLoader] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def read_directory_file(path: Path) -> Directory:
    """The directory that a YAML file holds; an empty file is an empty directory.

    Raises:
        ConfigurationError: the file cannot be read or is wrong; the message names file, entry and field.
    """
    try:
        node = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=_LOADER)
    except OSError as error:
        raise ConfigurationError(f"the directory {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ConfigurationError(f"the directory {path} is no UTF-8 text") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigurationError(f"the directory {path} is no YAML: {_where(error)}") from error
    try:
        return build_directory(dict(_sections(node)), str(path))
    except _ShapeError as error:
        raise ConfigurationError(f"the directory {path}, {error}") from None


class _ShapeError(Exception):
    """The file is YAML, but not made of sections of entries."""


def _sections(node: yaml.Node | None) -> Iterator[tuple[str, list[GivenEntry]]]:
    if node is None or _is_nothing(node):
        return
    for name, section in _mapping(node, "the file").items():
        if name not in SECTIONS:
            raise _ShapeError(
                f"{_line(section)}: no section is called {name}; there are {', '.join(SECTIONS)}"
            )
        if _is_nothing(section):
            continue
        if not isinstance(section, yaml.SequenceNode):
            raise _ShapeError(f"{_line(section)}: {name} is no list of entries")
        yield name, [_entry(name, number, entry) for number, entry in enumerate(section.value, start=1)]


def _entry(section: str, number: int, node: yaml.Node) -> GivenEntry:
    place = f"{section}, entry {number} ({_line(node)})"
    values: dict[str, str] = {}
    for name, value in _mapping(node, place).items():
        if not isinstance(value, yaml.ScalarNode):
            raise _ShapeError(f"{place}, {name}: one value is expected, not a list or more entries")
        values[name] = value.value
    return GivenEntry(place, values)


def _mapping(node: yaml.Node, place: str) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        raise _ShapeError(f"{place}: names with values are expected")
    fields: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = str(key.value)
        if name in fields:
            raise _ShapeError(f"{place}: {name} stands there twice ({_line(key)})")
        fields[name] = value
    return fields


def _is_nothing(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.value in {"", "~", "null"}


def _line(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or type(error).__name__
    return f"line {mark.line + 1}: {problem}" if mark else str(problem)
