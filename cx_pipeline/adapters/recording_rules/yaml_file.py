"""Recording rules as a YAML file: a list of rules under `rules`, with the fields of guide 19.7.1.

Every value is read as the text that stands there: a number 08002 keeps its zero.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.core.recording.rule_conditions import MOST_VALUES
from cx_pipeline.core.recording.rule_parsing import GivenRule, parse_rules
from cx_pipeline.core.recording.rules import RuleSet

LARGEST_BYTES = 16 * 1024 * 1024
DEEPEST = 3
"""A rule holds a condition, which holds lists of values."""
_SECTION = "rules"
_NOTHING = frozenset({"", "~", "null"})
_Path = tuple[str, ...]
_Lines = dict[_Path, int]
_LOADER: type[yaml.BaseLoader] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def read_rules_file(path: Path) -> RuleSet:
    """The rules that a YAML file holds; an empty file holds none.

    Raises:
        ConfigurationError: the file cannot be read or is wrong; the message names file, line, rule and field.
    """
    try:
        node = yaml.compose(_text_of(path), Loader=_LOADER)
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigurationError(f"the recording rules {path} are no YAML: {_where(error)}") from error
    try:
        given = list(_rules(node))
    except (_ShapeError, RecursionError) as error:
        raise ConfigurationError(f"the recording rules {path}, {error or 'nested too deeply'}") from None
    return parse_rules(given, str(path))


class _ShapeError(Exception):
    """The file is YAML, but no list of rules."""


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"the recording rules {path} cannot be read: {error.strerror}") from error
    if len(head) > LARGEST_BYTES:
        raise ConfigurationError(f"the recording rules {path} are longer than {LARGEST_BYTES:,} bytes")
    try:
        return head.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(f"the recording rules {path} are no UTF-8 text") from None


def _rules(node: yaml.Node | None) -> Iterator[GivenRule]:
    if node is None or _is_nothing(node):
        return
    for key, section in _fields(node, "the file"):
        if key.value != _SECTION:
            raise _ShapeError(f"{_line(key)}: no section is called {key.value}; there is {_SECTION}")
        if _is_nothing(section):
            continue
        if not isinstance(section, yaml.SequenceNode):
            raise _ShapeError(f"{_line(section)}: {_SECTION} is no list of rules")
        for number, entry in enumerate(section.value, start=1):
            place = f"{_SECTION}, entry {number}"
            if not isinstance(entry, yaml.MappingNode):
                raise _ShapeError(f"{place} ({_line(entry)}): names with values are expected")
            lines: _Lines = {(): entry.start_mark.line + 1}
            yield GivenRule(place, _plain(entry, (), lines), lines)


def _plain(node: yaml.Node, path: _Path, lines: _Lines, depth: int = 0) -> Any:
    """The node as texts, lists and mappings; `lines` takes the line of each field."""
    if depth > DEEPEST:
        raise _ShapeError(f"{_line(node)}: nested more than {DEEPEST} deep")
    if isinstance(node, yaml.SequenceNode):
        # One name after the other: a list of lists of aliases could be longer than any memory.
        if len(node.value) > MOST_VALUES or any(not isinstance(each, yaml.ScalarNode) for each in node.value):
            raise _ShapeError(f"{_line(node)}: a list of at most {MOST_VALUES:,} single values is expected")
        return [_plain(each, path, lines, depth + 1) for each in node.value]
    if not isinstance(node, yaml.MappingNode):
        return None if _is_nothing(node) else node.value
    values = {}
    for key, value in _fields(node, ".".join(path) or "the rule"):
        inside = (*path, key.value)
        lines[inside] = key.start_mark.line + 1
        values[key.value] = _plain(value, inside, lines, depth + 1)
    return values


def _fields(node: yaml.Node, place: str) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        raise _ShapeError(f"{_line(node)}: {place}: names with values are expected")
    names: set[str] = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _ShapeError(f"{_line(key)}: a name is expected")
        if key.value in names:
            raise _ShapeError(f"{_line(key)}: {key.value} stands there twice")
        names.add(key.value)
        yield key, value


def _is_nothing(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and not node.style and node.value in _NOTHING


def _line(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or type(error).__name__
    return f"line {mark.line + 1}: {problem}" if mark else str(problem)
