"""`cx-pipeline simulate live`: a site that behaves in real time, against a deployment that runs."""

import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from cx_pipeline.core.errors import ConfigurationError

ENVIRONMENT_FILE = "live.env"


@click.command()
@click.option(
    "--seconds", type=click.FloatRange(1, 86_400), default=90.0, show_default=True, help="How long."
)
@click.option(
    "--calls-per-hour", type=click.IntRange(min=1), default=600, show_default=True, help="How many calls."
)
@click.option("--tenants", type=click.IntRange(1, 99), default=2, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Which calls.")
@click.option("--name", default="live", show_default=True, help="What the names of its tenants end in.")
@click.option("--gateway", metavar="URL", help="Where the gateway is; else where CX_GATEWAY_URL says.")
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of a token that may tell events and recordings; with --prepare it lies in FOLDER/token.",
)
@click.option(
    "--grace",
    type=click.FloatRange(0, 3600),
    default=60.0,
    show_default=True,
    help="Seconds to wait for links.",
)
@click.option(
    "--prepare",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write what a deployment has to know of the site below this folder, and end: its variables stand in "
    f"FOLDER/{ENVIRONMENT_FILE}.",
)
@click.option(
    "--ccm", metavar="URL", default="http://127.0.0.1:8090", show_default=True, help="For --prepare."
)
def live(
    seconds: float,
    calls_per_hour: int,
    tenants: int,
    seed: int,
    name: str,
    gateway: str | None,
    token_file: Path | None,
    grace: float,
    folder: Path | None,
    ccm: str,
) -> None:
    """Behave as a site for a while: events, files, records and heartbeats at their moments; and wait for the links.

    The calls that are in progress when it begins are caught up at once. Cisco's tables are simulated in the
    application's own database. With --prepare first, then with its variables `cx-pipeline simulate ccm`, `cx-pipeline up`
    and this again:

    \b
        cx-pipeline simulate live --prepare FOLDER && set -a && . FOLDER/live.env
        cx-pipeline simulate ccm --port 8090 & cx-pipeline up &
        cx-pipeline simulate live --token-file FOLDER/token

    A site that is played again within twelve hours wants another --name: the calls that it left in progress last still.

    Exit codes: 0 each leg with audio has its link, and none leads to another; 1 some have not, or something failed.
    """  # noqa: D301 - click wants the sign itself
    from cx_pipeline.simulator.live.phase import soon

    plan = soon(seconds=seconds, calls_per_hour=calls_per_hour, tenants=tenants, seed=seed, name=name)
    if folder is not None:
        _prepare(plan, folder.absolute(), ccm)
        return
    sys.exit(_play(plan, gateway, token_file, grace))


def _prepare(plan: Any, folder: Path, ccm: str) -> None:
    from cx_pipeline.cli.live_deployment import live_deployment
    from cx_pipeline.settings import load_settings

    deployment = live_deployment(load_settings(), plan, folder, ccm)
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in deployment.settings.as_environment().items()]
    path = folder / ENVIRONMENT_FILE
    try:
        path.touch(mode=0o600)
        path.write_text("".join(lines), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}") from error
    click.echo(f"Variables in {path} (with secrets: keep them to yourself)")


def _play(plan: Any, gateway: str | None, token_file: Path | None, grace_s: float) -> int:
    from cx_pipeline.adapters.database.connection import open_engine
    from cx_pipeline.cli.main import EXIT_FOUND_PROBLEMS
    from cx_pipeline.cli.rendering.console import open_console
    from cx_pipeline.cli.rendering.live_report import print_live
    from cx_pipeline.settings import load_settings
    from cx_pipeline.simulator.live.phase import run_live

    settings = load_settings()
    if not settings.stream_roots:
        raise ConfigurationError(
            "no folder of recorders is set: set CX_STREAM_ROOTS, or begin with --prepare"
        )
    streams = settings.stream_roots[0].absolute()
    engine = open_engine(settings)
    try:
        staging = Path(tempfile.mkdtemp(prefix=".cx-live-", dir=streams.parent))
        try:
            report = run_live(
                plan,
                engine,
                gateway_url=gateway or settings.middleware_url,
                token=_token(token_file),
                streams=streams,
                staging=staging,
                grace_s=grace_s,
            )
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise ConfigurationError(f"cannot write beside {streams}: {error.strerror}") from error
    finally:
        engine.dispose()
    print_live(open_console(), report)
    return 0 if report.links.is_right else EXIT_FOUND_PROBLEMS


def _token(file: Path | None) -> Any:
    from pydantic import SecretStr

    if file is None:
        return None
    try:
        return SecretStr(file.read_text(encoding="utf-8").strip())
    except OSError as error:
        raise ConfigurationError(f"cannot read the token in {file}: {error.strerror}") from error
