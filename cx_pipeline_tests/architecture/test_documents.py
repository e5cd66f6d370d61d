"""What the documents point at exists: files, make targets, commands and settings."""

import re
from pathlib import Path

from cx_pipeline.cli.main import COMMANDS
from cx_pipeline.settings import Settings
from cx_pipeline_tests.architecture.source_tree import REPOSITORY, text_files

LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)


def documents() -> dict[Path, str]:
    return {file: file.read_text(encoding="utf-8") for file in text_files() if file.suffix == ".md"}


def code_in(text: str) -> str:
    return "\n".join(match.group(0).strip("`") for match in CODE.finditer(text))


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{file.relative_to(REPOSITORY)}: {target}"
        for file, text in documents().items()
        for target in LINK.findall(text)
        if not (file.parent / target).exists()
    ]
    assert broken == []


def test_make_targets_that_documents_name_exist() -> None:
    targets = set(
        re.findall(r"^([a-z][a-z-]*):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    named = {name for text in documents().values() for name in re.findall(r"\bmake ([a-z-]+)", code_in(text))}
    assert {"demo", "test", "up", "check"} <= named
    assert named - targets == set()


def test_commands_that_documents_name_exist() -> None:
    named = {
        n for text in documents().values() for n in re.findall(r"\bcx-pipeline ([a-z]+)\b", code_in(text))
    }
    assert named - COMMANDS.keys() == set()


def test_every_setting_stands_in_the_example_of_an_environment() -> None:
    example = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
    documented = re.findall(r"^#? ?(CX_[A-Z0-9_]+)=", example, re.MULTILINE)
    assert sorted(documented) == sorted(f"CX_{name}".upper() for name in Settings.model_fields)


def test_the_example_of_an_environment_holds_no_secret() -> None:
    example = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
    secrets = [name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]
    for name in secrets:
        assert re.search(rf"^# CX_{name.upper()}=", example, re.MULTILINE), f"{name} must be commented out"


def test_every_decision_has_a_number_of_its_own_and_is_listed() -> None:
    folder = REPOSITORY / "docs" / "decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    decisions = sorted(folder.glob("[0-9]*.md"))
    numbers = [file.name[:4] for file in decisions]
    assert len(set(numbers)) == len(numbers)
    for file in decisions:
        assert f"({file.name})" in index, f"{file.name} is not listed in docs/decisions/README.md"
        heading = file.read_text(encoding="utf-8").splitlines()[0]
        assert heading.startswith(f"# {int(file.name[:4])}. "), f"{file.name} begins with another number"


def test_decisions_that_the_source_cites_exist() -> None:
    written = {file.name[:4] for file in (REPOSITORY / "docs" / "decisions").glob("[0-9]*.md")}
    cited = {
        (number, file.relative_to(REPOSITORY).as_posix())
        for file in text_files()
        for number in re.findall(
            r"docs/decisions/(\d{4})", file.read_text(encoding="utf-8", errors="replace")
        )
    }
    assert [f"{place} cites {number}" for number, place in sorted(cited) if number not in written] == []
