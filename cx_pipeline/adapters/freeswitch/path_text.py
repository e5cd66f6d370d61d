"""Paths as text that a database can hold, and back: names of files need not be UTF-8."""

import re

_MARK = "not-utf-8:"
"""What no path begins with, as all are absolute."""
_ESCAPED = re.compile(r"\\(\\|x[0-9a-f]{2})")


def text_of_path(path: str) -> str:
    """The path as it is where it is UTF-8; else marked, with an escape for each byte that is none."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return _marked(path)
    return path


def beginnings_of(path: str) -> tuple[str, ...]:
    """With which texts those of the paths below a path begin, up to the slash."""
    return (text_of_path(path), _marked(path))


def path_of_text(text: str) -> str:
    """The path of which `text_of_path` made the text."""
    if not text.startswith(_MARK):
        return text
    return _ESCAPED.sub(lambda found: _unescaped(found[1]), text.removeprefix(_MARK))


def _marked(path: str) -> str:
    escaped = path.replace("\\", "\\\\").encode("utf-8", "surrogateescape")
    return _MARK + escaped.decode("utf-8", "backslashreplace")


def _unescaped(code: str) -> str:
    return "\\" if code == "\\" else chr(0xDC00 + int(code[1:], 16))
