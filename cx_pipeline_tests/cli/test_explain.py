"""`cx-pipeline explain`: from files and from the event store, found in every way, as text and as a picture."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr
from sqlalchemy import Engine

from cx_pipeline.adapters.database.event_intake import EventIntake
from cx_pipeline.adapters.database.event_store import EventStore
from cx_pipeline.adapters.database.leg_store import LegStore
from cx_pipeline.adapters.intake.event_frames import read_event_files
from cx_pipeline.cli.main import cli
from cx_pipeline.core.calls.rules import DEFAULT_RULES
from cx_pipeline.core.directory import EMPTY_DIRECTORY
from cx_pipeline.core.errors import CxError
from cx_pipeline.core.events.intake import prepare
from cx_pipeline.core.window_computation import WindowLegs, compute_window
from cx_pipeline.core.windows import window_of

GOLDEN = Path(__file__).parent.parent / "golden"
SVG = "{http://www.w3.org/2000/svg}"


def explain(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["explain", *map(str, arguments)])


def golden_file(folder: Path, name: str) -> Path:
    events = json.loads((GOLDEN / f"{name}.json").read_text())["events"]
    path = folder / f"{name}.ndjson"
    path.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    return path


@pytest.fixture
def conference(tmp_path: Path) -> Path:
    return golden_file(tmp_path, "conference_two_call_keys_controller_leaves")


def test_a_call_of_a_file_shows_its_time_line_legs_and_decisions(conference: Path) -> None:
    result = explain("1_300020", "--events", conference)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= 100
    bar = next(line for line in lines if line.startswith("1005 "))
    assert "·" in bar
    assert bar.index("█") < bar.index("▒") < bar.rindex("█") < bar.index("|")
    marks = next(line for line in lines if line.startswith("marks"))
    assert marks.index("C") < marks.index("F")
    assert "Leg 2  1006  CONFERENCE" in result.output
    for said in (
        "the phone first talked then",
        "FIRST_TALKING: 10:00:05.000 CallCtlTermConnTalkingEv of 1005",
    ):
        assert said in result.output
    assert [line.split()[:3] for line in lines if line.startswith("  hold")] == [
        ["hold", "1", "start"],
        ["hold", "1", "end"],
    ]


def test_the_agents_come_first_and_each_party_has_one_row(conference: Path) -> None:
    lines = explain("1_300020", "--events", conference).output.splitlines()
    rows = [line.split()[0] for line in lines if line.startswith(("1005 ", "1006 ", "8001 "))]
    assert rows == ["1005", "1006", "8001"]


@pytest.mark.parametrize("spelling", ["1_300020", "300020/1", str((1 << 24) + 300020), "1_300021"])
def test_any_key_of_the_call_in_any_spelling_names_it(conference: Path, spelling: str) -> None:
    assert "keys 1_300020, 1_300021" in explain(spelling, "--events", conference).output


def test_call_id_leg_id_and_extension_with_a_moment_name_it(conference: Path) -> None:
    output = explain("1_300020", "--events", conference).output
    words = output.split()
    for name in (words[words.index("Call") + 1], words[words.index("id") + 1]):
        assert explain(name, "--events", conference).output == output
    assert explain("1006", "--at", "2024-01-16T10:04:00Z", "--events", conference).output == output
    assert explain("1006", "--at", "2024-01-16T11:04:00+01:00", "--events", conference).output == output


def test_without_colour_and_without_unicode_it_can_be_read_too(conference: Path) -> None:
    result = CliRunner(charset="ascii").invoke(cli, ["explain", "1_300020", "--events", str(conference)])
    assert result.exit_code == 0, result.output
    assert "#" in next(line for line in result.output.splitlines() if line.startswith("1006 "))


def test_several_calls_of_one_key_are_listed(tmp_path: Path) -> None:
    key = json.loads((GOLDEN / "two_tenants_same_key.json").read_text())["events"][0]["global_call_id"]
    result = explain(key, "--events", golden_file(tmp_path, "two_tenants_same_key"))
    assert result.exit_code == 1
    assert "2 calls are" in result.output
    ids = [line.split()[0] for line in result.output.splitlines() if line.count("-") >= 6]
    assert len(ids) == 2
    assert explain(ids[0], "--events", tmp_path / "two_tenants_same_key.ndjson").exit_code == 0


def test_what_is_not_there_is_said_with_the_nearest_calls(conference: Path) -> None:
    nothing = explain("4711", "--events", conference)
    assert nothing.exit_code == 1
    assert "No call 4711" in nothing.output
    assert "--at" in nothing.output
    later = explain("1005", "--at", "2024-01-16T15:00:00Z", "--events", conference)
    assert later.exit_code == 1
    assert "The nearest ones" in later.output
    assert "2024-01-16 10:00:00" in later.output


def test_the_picture_is_well_formed_and_holds_the_same(conference: Path, tmp_path: Path) -> None:
    picture = tmp_path / "call.svg"
    result = explain("1_300020", "--events", conference, "--svg", picture)
    assert result.exit_code == 0, result.output
    root = ElementTree.parse(picture).getroot()
    texts = [element.text or "" for element in root.iter(f"{SVG}text")]
    titles = [element.text or "" for element in root.iter(f"{SVG}title")]
    assert "1005 held, 10:02:00.000 to 10:03:00.000" in titles
    assert any("the phone first talked then" in text for text in texts)
    assert {"C", "F", "M"} <= set(texts)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for bar in list(root.iter(f"{SVG}rect"))[1:]:
        assert 0 <= float(bar.attrib["x"]) <= float(bar.attrib["x"]) + float(bar.attrib["width"]) <= width
        assert 0 <= float(bar.attrib["y"]) < height
    assert "http" not in picture.read_text().replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("1_1", "--svg", "call.png"), "name the file *.svg"),
        (("1_1", "--events", "e.ndjson", "--window", "2024-01-15-09:00"), "either --events or --window"),
        ((" ",), "blank"),
        (("1_1", "--at", "nine"), "is no time"),
    ],
)
def test_wrong_use_is_told(arguments: tuple[str, ...], said: str) -> None:
    result = explain(*arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = explain("1_1", "--events", tmp_path / "nowhere.ndjson")
    assert isinstance(result.exception, CxError)
    assert "nowhere.ndjson: cannot be read" in str(result.exception)


@pytest.fixture
def store(engine: Engine, database_url: SecretStr, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    """An event store with four golden calls, which the commands use."""
    monkeypatch.setenv("CX_DATABASE_URL", database_url.get_secret_value())
    monkeypatch.delenv("CX_DIRECTORY_FILE", raising=False)
    names = (
        "conference_two_call_keys_controller_leaves",
        "call_key_reused",
        "two_tenants_same_key",
        "simple_inbound",
    )
    events = read_event_files([golden_file(tmp_path, name) for name in names]).events.collect()
    EventIntake(engine).insert(prepare(events, EMPTY_DIRECTORY).usable)
    return engine


def compute(engine: Engine, moment: datetime) -> WindowLegs:
    window = window_of(moment, timedelta(hours=1))
    raw = EventStore(engine).read_window(window, max_silence=DEFAULT_RULES.max_silence, is_open=False)
    legs = compute_window(
        raw.events,
        window,
        rules=DEFAULT_RULES,
        directory=EMPTY_DIRECTORY,
        now=datetime.now(UTC),
        had_open_calls=False,
    )
    LegStore(engine).write_window(
        window, legs.correlation, legs.open_call_keys, high_water=raw.high_water, is_open=False, run_id="test"
    )
    return legs


def test_a_key_of_the_store_is_explained_with_all_keys_of_its_call_though_no_window_was_computed(
    store: Engine, conference: Path
) -> None:
    for key in ("1_300020", "300021/1"):
        result = explain(key)
        assert result.exit_code == 0, result.output
        # Event ids apart, it is what the file gives.
        assert result.output == explain(key, "--events", conference).output


def test_an_extension_of_the_store_is_found_at_its_time_computed_or_not(store: Engine) -> None:
    arguments = ("1006", "--at", "2024-01-16T10:04:00Z")
    before = explain(*arguments)
    assert before.exit_code == 0, before.output
    compute(store, datetime(2024, 1, 16, 10, tzinfo=UTC))
    assert explain(*arguments).output == before.output


def test_ids_of_the_store_are_found_once_their_window_was_computed(store: Engine) -> None:
    hour = datetime(2024, 1, 16, 10, tzinfo=UTC)
    by_key = explain("1_300020").output
    call_id = by_key.split()[1]
    early = explain(call_id)
    assert early.exit_code == 1
    assert "--window" in early.output
    assert explain(call_id, "--window", "2024-01-16-10:00").output == by_key
    legs = compute(store, hour).correlation.legs
    assert explain(call_id).output == by_key
    leg = next(row for row in legs.iter_rows(named=True) if row["call_id"] == call_id)
    assert explain(leg["leg_id"]).output == by_key
    assert explain(leg["leg_key"]).output == by_key


def test_the_lives_of_a_key_of_the_store_are_listed_and_a_moment_chooses(store: Engine) -> None:
    case = json.loads((GOLDEN / "call_key_reused.json").read_text())
    key = case["events"][0]["global_call_id"]
    result = explain(key)
    assert result.exit_code == 1
    assert "2 calls are" in result.output
    assert explain(key, "--at", case["legs"][1]["start_time"]).exit_code == 0


def test_nothing_in_the_store_is_said(store: Engine) -> None:
    for arguments in (
        ("4711",),
        ("4711", "--at", "2024-01-16T10:00Z"),
        ("00000000-0000-8000-8000-000000000000",),
    ):
        result = explain(*arguments)
        assert result.exit_code == 1
        assert "No call" in result.output


def test_a_window_that_is_no_window_is_wrong_use(store: Engine) -> None:
    result = explain("1_1", "--window", "nine")
    assert result.exit_code == 2
    assert "2024-01-15-09:00" in result.output
