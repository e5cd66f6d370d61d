"""Events that come when their hours are long closed: the sensor asks for what they touch, and the legs come right."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from cx_pipeline.adapters.intake.ingestion import Ingestion
from cx_pipeline.core.calls.correlate import Correlation, correlate
from cx_pipeline.core.calls.rules import DEFAULT_RULES
from cx_pipeline.core.events.intake import prepare
from cx_pipeline.core.events.vocabulary import JTAPI_KINDS, Kind
from cx_pipeline.core.windows import window_of
from cx_pipeline.simulator.comparison import compare
from cx_pipeline.simulator.files import write_events
from cx_pipeline_tests.end_to_end.simulated_site import DAY, SimulatedSite, simulated_site
from cx_pipeline_tests.end_to_end.tables import assert_same, rows_of, stored_calls, stored_events, stored_legs
from cx_pipeline_tests.end_to_end.windows import HOUR, Windows, hours
from cx_pipeline_tests.orchestration.deployment import Deployment

START = DAY + timedelta(hours=8)
NOW = START + 10 * HOUR
"""No call is in silence for long enough to be closed."""
WINDOWS = hours(START, NOW + HOUR)
OF_EACH = 3

Facts = pl.DataFrame
"""Events with `number` (their place in the file), `call_key`, and `call_id` and `root_call_key` of their call."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> SimulatedSite:
    """Every call has call keys of its own: it is known whose windows a late event may touch."""
    return simulated_site(
        tmp_path_factory.mktemp("site"),
        noise="duplicates=0.02,other_events=0.5",
        calls=200,
        start=START,
        hours=5,
        seed=8,
        call_keys_per_tenant=5000,
        let_calls_finish=True,
    )


@pytest.fixture(scope="module")
def truth(site: SimulatedSite) -> Correlation:
    """The legs once all is known: they are what truly happened."""
    found = correlate(site.events, DEFAULT_RULES, site.directory, NOW)
    assert compare(site.legs, found.legs).is_equal
    return found


@pytest.fixture(scope="module")
def facts(site: SimulatedSite, truth: Correlation) -> Facts:
    usable = prepare(site.events, site.directory).usable.with_row_index("number")
    calls = truth.calls.select("call_id", "root_call_key", call_key="call_keys").explode("call_key")
    return usable.join(calls, on="call_key", maintain_order="left")


@pytest.fixture
def computed(deployment: Deployment, site: SimulatedSite, monkeypatch: pytest.MonkeyPatch) -> Windows:
    monkeypatch.setenv("CX_DIRECTORY_FILE", str(site.directory_file))
    return Windows(deployment.engine, deployment.settings.frames_root, site.directory)


def ingest(deployment: Deployment, site: SimulatedSite, events: pl.DataFrame, file: Path) -> None:
    write_events(events, file)
    assert Ingestion(deployment.engine, site.directory).ingest(file).error is None


def tick(deployment: Deployment, cursor: str | None) -> tuple[dict[str, str], str]:
    """A tick of the late-data sensor: windows that it asks for, each with its run key, and the cursor."""
    name = "late_data_sensor"
    context = dg.build_sensor_context(
        instance=deployment.instance,
        cursor=cursor,
        resources=deployment.definitions.resources,
        definitions=deployment.definitions,
        sensor_name=name,
    )
    data = deployment.definitions.resolve_sensor_def(name).evaluate_tick(context)
    asked = {str(request.partition_key): str(request.run_key) for request in data.run_requests or []}
    return asked, str(data.cursor)


def legs_with_owners(deployment: Deployment) -> list[dict[str, object]]:
    """The legs of the table, each with the window that owns it."""
    owners = {row[0]: row[1] for row in deployment.rows("SELECT leg_id::text, window_start FROM call_leg")}
    return [{**row, "window_start": owners[row["leg_id"]]} for row in stored_legs(deployment.engine)]


def call_keys_with_which_calls_go_on_into_another_hour(facts: Facts) -> pl.DataFrame:
    """All events of these keys: without them the call ends, or is last heard of, in an hour before."""
    keys = facts.group_by("call_id", "root_call_key", "call_key").agg(last=pl.max("event_time"))
    own, last = keys.sort("call_id", "last"), pl.col("last").dt.truncate("1h")
    goes_on = (pl.col("call_key") != pl.col("root_call_key")) & (last > last.shift().over("call_id"))
    return facts.join(own.filter(goes_on).head(OF_EACH), on=["call_id", "call_key"], how="semi")


def keys_under_which_calls_began(facts: Facts) -> pl.DataFrame:
    """All events of the first key of calls that went on under another: until they come it is another call."""
    several = facts.filter(pl.col("call_key").n_unique().over("call_id") > 1)["call_id"].unique().sort()
    some = pl.col("call_id").is_in(several.head(OF_EACH).implode())
    return facts.filter(some & (pl.col("call_key") == pl.col("root_call_key")))


def drops_of_agents(facts: Facts) -> pl.DataFrame:
    """What says when each agent left, in calls of which it is known that they ended."""
    kinds = pl.col("event_name").replace_strict(JTAPI_KINDS, default=Kind.OTHER, return_dtype=pl.Int64)
    told = facts.with_columns(kind=kinds)
    ended = told.filter(pl.col("kind") == Kind.ENDED)["call_id"].unique().sort().head(OF_EACH)
    dropped = pl.col("kind").is_in([Kind.DROPPED, Kind.DISCONNECTED])
    return told.filter(pl.col("call_id").is_in(ended.implode()) & dropped).select(facts.columns)


def the_rest_of_calls_from_an_hour_s_end_on(facts: Facts) -> pl.DataFrame:
    """What came after the first hour of calls that lasted into the next."""
    first_end = pl.col("event_time").min().over("call_id").dt.truncate("1h") + HOUR
    later = facts.filter(pl.col("event_time") >= first_end)
    some = later["call_id"].unique().sort().head(OF_EACH)
    return later.filter(pl.col("call_id").is_in(some.implode()))


@pytest.mark.parametrize(
    ("held_back", "shows_in"),
    [
        (call_keys_with_which_calls_go_on_into_another_hour, "window_start"),
        (keys_under_which_calls_began, None),
        (drops_of_agents, "is_end_estimated"),
        (the_rest_of_calls_from_an_hour_s_end_on, "status"),
    ],
)
def test_late_events_bring_exactly_the_windows_of_their_calls_anew_once_and_all_is_right(
    deployment: Deployment,
    clock: Callable[[datetime], None],
    site: SimulatedSite,
    truth: Correlation,
    facts: Facts,
    computed: Windows,
    held_back: Callable[[Facts], pl.DataFrame],
    shows_in: str | None,
    tmp_path: Path,
) -> None:
    clock(NOW)
    late = held_back(facts)
    is_late = pl.col("number").is_in(late["number"].implode())
    events = site.events.with_row_index("number")
    ingest(deployment, site, events.filter(~is_late).drop("number"), tmp_path / "in-time.ndjson")
    computed.compute_all(WINDOWS, NOW)
    asked, cursor = tick(deployment, None)
    assert asked == {}
    before = {row["leg_id"]: row for row in legs_with_owners(deployment)}

    ingest(deployment, site, events.filter(is_late).drop("number"), tmp_path / "late.ndjson")
    asked, cursor = tick(deployment, cursor)

    touched = facts.filter(pl.col("call_id").is_in(late["call_id"].implode()))["event_time"]
    assert set(asked) == {window_of(moment, HOUR).key for moment in touched}
    again, cursor = tick(deployment, cursor)
    assert again == asked  # until it was computed; by their run keys these are no other requests
    for key in sorted(asked, reverse=True):
        deployment.run(key)
    assert tick(deployment, cursor)[0] == {}

    at_once = correlate(stored_events(deployment.engine), DEFAULT_RULES, site.directory, NOW)
    assert_same(stored_legs(deployment.engine), rows_of(at_once.legs))
    assert_same(stored_calls(deployment.engine), rows_of(at_once.calls))
    assert at_once.legs.drop("evidence").equals(truth.legs.drop("evidence"))
    after = {row["leg_id"]: row for row in legs_with_owners(deployment)}
    gone = [row for leg_id, row in before.items() if leg_id not in after]
    changed = [(before.get(leg_id, {}), row) for leg_id, row in after.items() if before.get(leg_id) != row]
    assert {row["call_id"] for _, row in changed} == set(late["call_id"])
    assert gone if shows_in is None else any(was and was[shows_in] != row[shows_in] for was, row in changed)
