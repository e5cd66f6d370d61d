"""The repository as the architecture tests see it: its Python modules parsed, its text files listed."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PRODUCT = "cx_pipeline"
NOT_OURS = {
    ".git", ".venv", ".venv-lock", ".cx", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis",
    ".import_linter_cache", "__pycache__", "build", "dist",
}  # fmt: skip
TEXT_SUFFIXES = {
    "", ".cfg", ".css", ".csv", ".example", ".html", ".in", ".ini", ".js", ".json", ".lock", ".lua", ".mako", ".md",
    ".ndjson", ".py", ".sh", ".sql", ".svg", ".toml", ".txt", ".xml", ".yaml", ".yml",
}  # fmt: skip


@dataclass(frozen=True)
class Module:
    """One Python module, given by its path below the repository and its text."""

    path: str
    text: str

    @property
    def package(self) -> tuple[str, ...]:
        """The names of the folders above it: `("cx_pipeline", "core", "calls")`."""
        return tuple(self.path.split("/")[:-1])

    @property
    def stem(self) -> str:
        """Its name without `.py`."""
        return self.path.split("/")[-1].removesuffix(".py")

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text, self.path)

    def is_below(self, *folders: str) -> bool:
        """Whether it lies in that folder of the product or in one below: `is_below("core", "calls")`."""
        return self.package[: 1 + len(folders)] == (PRODUCT, *folders)

    def at(self, node: ast.stmt | ast.expr) -> str:
        """Where `node` stands, as editors understand it."""
        return f"{self.path}:{node.lineno}"


def product_modules() -> list[Module]:
    """Every module of the product."""
    return [_module(file) for file in sorted((REPOSITORY / PRODUCT).rglob("*.py"))]


def all_modules() -> list[Module]:
    """Every module of the repository: product, tests and benchmarks."""
    return [_module(file) for file in text_files() if file.suffix == ".py"]


def text_files() -> list[Path]:
    """Every text file of the repository that is not made by a tool."""
    return sorted(_walk(REPOSITORY))


def _walk(folder: Path) -> Iterator[Path]:
    for entry in folder.iterdir():
        if entry.is_dir():
            if entry.name not in NOT_OURS and not entry.name.endswith(".egg-info"):
                yield from _walk(entry)
        elif entry.suffix in TEXT_SUFFIXES and entry.name != ".env":
            yield entry


@cache
def _module(file: Path) -> Module:
    """Read once for all the tests that look at it."""
    return Module(file.relative_to(REPOSITORY).as_posix(), file.read_text(encoding="utf-8"))


def imported_names(module: Module) -> Iterator[tuple[str, ast.stmt]]:
    """Each name that `module` imports, in full: `from a.b import c` gives `a.b.c`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = module.package[: len(module.package) - node.level + 1] if node.level else ()
            origin = ".".join([*parents, *([node.module] if node.module else [])])
            yield from ((f"{origin}.{alias.name}", node) for alias in node.names)


def calls(module: Module) -> Iterator[tuple[str, ast.Call]]:
    """Each call whose target is a dotted name or a method: `datetime.now`, `open`, `….write_parquet`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield _dotted(node.func), node


def _dotted(target: ast.expr) -> str:
    if isinstance(target, ast.Attribute):
        return f"{_dotted(target.value)}.{target.attr}"
    return target.id if isinstance(target, ast.Name) else "…"
