from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cx_pipeline.adapters.directory.entries import MOST_FAULTS_TOLD, SECTIONS
from cx_pipeline.adapters.directory.tables import TABLES
from cx_pipeline.adapters.directory.yaml_file import read_directory_file
from cx_pipeline.core.directory import EMPTY_DIRECTORY, Directory
from cx_pipeline.core.errors import ConfigurationError

EVERYTHING = """
# A site of two tenants.
agents:
  - tenant_id: acme
    extension: 01005
    device: SEP00000001005
    agent_id: 5001
    agent_name: "Ana López"
    team: Sales
    time_zone: Europe/Zurich
    valid_from: 2024-01-01T00:00:00Z
    valid_to: 2025-01-01T00:00:00+01:00
  - {extension: 1006, team: no, valid_to: ~}
service_numbers:
  - {tenant_id: acme, number: +18005550199, name: Support}
ranges:
  - {tenant_id: acme, first_extension: 1000, last_extension: 1999}
domains:
  - {tenant_id: acme, domain: voice.acme.example}
clusters:
  - {tenant_id: acme, cluster: 1}
"""


def read(folder: Path, text: str) -> Directory:
    path = folder / "directory.yaml"
    path.write_text(text, encoding="utf-8")
    return read_directory_file(path)


def complaint(folder: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as raised:
        read(folder, text)
    message = str(raised.value)
    assert str(folder / "directory.yaml") in message
    return message


def test_all_kinds_of_entries_are_read_as_they_stand_there(tmp_path: Path) -> None:
    directory = read(tmp_path, EVERYTHING)

    first, second = directory.agents.to_dicts()
    assert first == {
        "tenant_id": "acme",
        "extension": "01005",
        "device": "SEP00000001005",
        "agent_id": "5001",
        "agent_name": "Ana López",
        "team": "Sales",
        "time_zone": "Europe/Zurich",
        "valid_from": datetime(2024, 1, 1, tzinfo=UTC),
        "valid_to": datetime(2024, 12, 31, 23, tzinfo=UTC),
    }
    assert (second["tenant_id"], second["extension"], second["team"], second["valid_to"]) == (
        "default",
        "1006",
        "no",
        None,
    )
    assert directory.service_numbers["number"].to_list() == ["+18005550199"]
    assert directory.ranges.select("first_extension", "last_extension").row(0) == (1000, 1999)
    assert directory.domains["domain"].to_list() == ["voice.acme.example"]
    assert directory.clusters["cluster"].to_list() == ["1"]


def test_frames_have_the_schemas_of_the_core(tmp_path: Path) -> None:
    for directory in (read(tmp_path, EVERYTHING), read(tmp_path, "")):
        for field in fields(Directory):
            assert getattr(directory, field.name).schema == getattr(EMPTY_DIRECTORY, field.name).schema


def test_every_section_has_its_entries_schema_and_table() -> None:
    assert [field.name for field in fields(Directory)] == list(SECTIONS) == list(TABLES)
    for section, kind in SECTIONS.items():
        assert set(kind.model_fields) == set(kind.schema_of_frame.names())
        assert {column.name for column in TABLES[section].c} == set(kind.schema_of_frame.names())


@pytest.mark.parametrize("text", ["", "# nothing\n", "~", "agents:\n", "agents: []\nranges:\n", "\ufeff"])
def test_an_empty_file_is_an_empty_directory(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text).agents.is_empty()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("agents:\n  - {team: Sales}", "agents, entry 1 (line 2), extension: Field required"),
        (
            "agents:\n  - {extension: ''}",
            "agents, entry 1 (line 2), extension: String should have at least 1",
        ),
        (
            "agents:\n  - {extension: 1, colour: red}",
            "agents, entry 1 (line 2), colour: Extra inputs are not",
        ),
        (
            "agents:\n  - {extension: 1, time_zone: Zurich}",
            "entry 1 (line 2), time_zone: is no IANA time zone",
        ),
        (
            "agents:\n  - {extension: 1, valid_from: 2024-01-01T00:00:00}",
            "valid_from: Input should have timezone",
        ),
        ("agents:\n  - {extension: 1, valid_from: soon}", "valid_from: Input should be a valid datetime"),
        (
            "agents:\n  - {extension: 1, valid_from: 2024-02-01T00:00:00Z, valid_to: 2024-01-01T00:00:00Z}",
            "agents, entry 1 (line 2): valid_to is not after valid_from",
        ),
        ("agents:\n  - {extension: [1, 2]}", "agents, entry 1 (line 2), extension: one value is expected"),
        ("agents:\n  - {extension: 1, extension: 2}", "extension stands there twice (line 2)"),
        ("agents:\n  - 1005", "agents, entry 1 (line 2): names with values are expected"),
        ("agents: 1005", "line 1: agents is no list of entries"),
        ("agents: []\nagents: []", "the file: agents stands there twice (line 2)"),
        ("people: []", "line 1: no section is called people; there are agents, service_numbers"),
        ("- agents", "the file: names with values are expected"),
        ("agents: [", "is no YAML: line 2"),
        ("agents: !!python/object:os.system {}", "no list of entries"),
        (
            "ranges:\n  - {first_extension: 2000, last_extension: 1000}",
            "last_extension is below first_extension",
        ),
        (
            "ranges:\n  - {first_extension: x, last_extension: 1}",
            "first_extension: Input should be a valid integer",
        ),
        ("service_numbers:\n\n  - {number: 1}\n  - {name: x}", "service_numbers, entry 2 (line 4), number"),
    ],
)
def test_a_fault_is_told_with_file_entry_line_and_field(tmp_path: Path, text: str, place: str) -> None:
    assert place in complaint(tmp_path, text)


def test_all_faults_are_told_at_once_up_to_a_number(tmp_path: Path) -> None:
    message = complaint(tmp_path, "agents:\n" + "  - {team: x}\n" * 30 + "ranges:\n  - {first_extension: 1}")
    assert message.count("Field required") == MOST_FAULTS_TOLD
    assert "… and 11 more" in message


@pytest.mark.parametrize(
    ("second", "is_overlap"),
    [
        ("{extension: 1, device: A, valid_from: 2024-06-01T00:00:00Z}", True),
        ("{extension: 1, device: A}", True),
        ("{extension: 1, device: A, valid_from: 2025-01-01T00:00:00Z}", False),
        ("{extension: 1, device: A, valid_to: 2024-01-01T00:00:00Z}", False),
        ("{extension: 1, device: B}", False),
        ("{extension: 2, device: A}", False),
        ("{tenant_id: acme, extension: 1, device: A}", False),
    ],
)
def test_the_same_thing_may_be_there_once_at_a_time(tmp_path: Path, second: str, is_overlap: bool) -> None:
    first = "{extension: 1, device: A, valid_from: 2024-01-01T00:00:00Z, valid_to: 2025-01-01T00:00:00Z}"
    text = f"agents:\n  - {first}\n  - {second}"
    if is_overlap:
        assert "the same as agents, entry" in complaint(tmp_path, text)
        assert "at the same time (extension 1, device A)" in complaint(tmp_path, text)
    else:
        assert read(tmp_path, text).agents.height == 2


def test_an_overlap_behind_a_shorter_entry_is_found(tmp_path: Path) -> None:
    spans = [("2020", "2030"), ("2021", "2022"), ("2025", "2026")]
    entries = "".join(
        f"  - {{number: 1, valid_from: {start}-01-01T00:00:00Z, valid_to: {end}-01-01T00:00:00Z}}\n"
        for start, end in spans
    )
    message = complaint(tmp_path, "service_numbers:\n" + entries)
    assert message.count("at the same time") == 2


@pytest.mark.parametrize("kind", ["missing", "folder", "latin"])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "directory file"
    if kind == "folder":
        path.mkdir()
    if kind == "latin":
        path.write_bytes(b"agents: [{extension: 1, agent_name: L\xf3pez}]")
    with pytest.raises(ConfigurationError, match="directory file"):
        read_directory_file(path)
