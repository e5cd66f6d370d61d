"""No secret of a source or of the conversation manager is to be found in what the pipeline writes or prints."""

import json
import logging
from datetime import timedelta

import dagster as dg
import pytest
import stamina
from pydantic import SecretStr
from sqlalchemy import inspect, make_url, text

from cx_pipeline.orchestration import attempts
from cx_pipeline.orchestration.build import build_definitions
from cx_pipeline.settings import load_settings
from cx_pipeline.simulator.ccm.failures import Failures
from cx_pipeline_tests.orchestration.deployment import TEN, call
from cx_pipeline_tests.orchestration.telling_site import PASSWORD, SECRET, TellingSite

KEY = "2026-03-02-10:00"
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def no_step_is_tried_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(attempts, "MAX_RETRIES", 0)
    with stamina.set_testing(True, attempts=1):
        yield


@pytest.fixture
def guarded(site: TellingSite, database_url: SecretStr, monkeypatch: pytest.MonkeyPatch) -> TellingSite:
    """The site with a Cisco source that is reached by a password."""
    url = make_url(database_url.get_secret_value())
    options = f"{url.query.get('options', '')} -csearch_path=cisco_ucce".strip()
    guarded_url = url.set(password=PASSWORD).update_query_dict({"options": options})
    connect(site, monkeypatch, guarded_url.render_as_string(hide_password=False))
    return site


def connect(site: TellingSite, monkeypatch: pytest.MonkeyPatch, connection: str) -> None:
    source = {"name": "hds", "flavour": "ucce", "connection": connection, "tenants": {"5000": "acme"}}
    monkeypatch.setenv("CX_CISCO_SOURCES", json.dumps([source]))
    settings = load_settings()
    site.deployment.settings, site.deployment.definitions = settings, build_definitions(settings)


def everything_written(site: TellingSite) -> str:
    """Event log, run config, tags and metadata of Dagster; every row of every table; every stored frame."""
    instance = site.deployment.instance
    parts = []
    for run in instance.get_runs():
        parts += [repr(run), json.dumps(run.run_config, default=str), json.dumps(dict(run.tags))]
        parts += [dg.serialize_value(entry) for entry in instance.all_logs(run.run_id)]
    with site.deployment.engine.connect() as connection:
        for schema in ("public", "cisco_ucce"):
            for table in inspect(site.deployment.engine).get_table_names(schema=schema):
                rows = connection.execute(text(f'SELECT t::text FROM "{schema}"."{table}" AS t'))
                parts += rows.scalars()
    parts += [content.decode("latin-1") for content in site.deployment.frame_bytes().values()]
    return "\n".join(parts)


def test_no_secret_is_written_or_printed_whether_all_is_well_or_everything_fails(
    guarded: TellingSite,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
):
    caplog.set_level(logging.DEBUG)
    deployment = guarded.deployment
    for number in (100, 101, 102):
        deployment.store(*call(f"1_{number}", TEN + MINUTE, lasts=5 * MINUTE, agent=f"1{number}"))
        guarded.record(number, TEN + 6 * MINUTE, extension=f"1{number}")
    deployment.run(KEY)
    assert guarded.ledger()["messages"] == 9

    guarded.manager.fail(Failures(error_rate=1, token_error_rate=1))
    deployment.store(*call("1_103", TEN + MINUTE, lasts=5 * MINUTE, agent="1103"))
    guarded.record(103, TEN + 6 * MINUTE, extension="1103")
    deployment.run(KEY, ok=False)
    monkeypatch.setenv("CX_CCM_OAUTH_CLIENT_SECRET", f"{SECRET}-but-wrong")
    deployment.run(KEY, ok=False)
    connect(guarded, monkeypatch, f"postgresql://cx:{PASSWORD}@127.0.0.1:1/awdb")
    deployment.run(KEY, ok=False)
    connect(guarded, monkeypatch, f"Driver={{no such driver}};Server=hds;UID=cx;PWD={PASSWORD}")
    deployment.run(KEY, ok=False)

    written, printed = everything_written(guarded), "".join(capfd.readouterr()) + caplog.text
    assert "hds" in written  # it is the right place to look in
    assert "raw_cisco_call_details" in printed
    for secret in (SECRET, PASSWORD):
        assert secret not in written
        assert secret not in printed
