"""The `cx-pipeline` command. Each subcommand lives in a module of its own and is imported when it is called."""

import importlib
import sys

import click

from cx_pipeline import __version__
from cx_pipeline.core.errors import CxError

COMMANDS = {
    "correlate": "cx_pipeline.cli.correlate:correlate",
    "demo": "cx_pipeline.cli.demo:demo",
    "directory": "cx_pipeline.cli.directory:directory",
    "explain": "cx_pipeline.cli.explain:explain",
    "gateway": "cx_pipeline.cli.gateway:gateway",
    "ingest": "cx_pipeline.cli.ingest:ingest",
    "keys": "cx_pipeline.cli.keys:keys",
    "listen": "cx_pipeline.cli.listen:listen",
    "migrate": "cx_pipeline.cli.migrate:migrate",
    "mix": "cx_pipeline.cli.mix:mix",
    "outbox": "cx_pipeline.cli.outbox:outbox",
    "rules": "cx_pipeline.cli.rules:rules",
    "simulate": "cx_pipeline.cli.simulate:simulate",
    "up": "cx_pipeline.cli.up:up",
}
"""Name of a subcommand and where it is, so that `--help` of one does not load the others."""

EXIT_FOUND_PROBLEMS = 1
EXIT_WRONG_USE = 2


class LazyGroup(click.Group):
    """A group whose commands are imported on demand: Polars and Dagster take a second to load."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: D102
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: D102
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name].split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cx-pipeline")
def cli() -> None:
    """Turn call events of a Cisco contact centre into call legs, and prove that none is missing.

    Exit codes: 0 done, 1 found problems, 2 wrong use.
    """


def main() -> None:
    """Run the command; an error of ours is one line on standard error, never a traceback."""
    from stamina.instrumentation import set_on_retry_hooks

    set_on_retry_hooks(
        []
    )  # by default each retry is a line on standard output, among what the command prints
    try:
        cli(standalone_mode=True)
    except CxError as error:
        click.echo(f"cx-pipeline: {error}", err=True)
        sys.exit(EXIT_FOUND_PROBLEMS)


if __name__ == "__main__":
    main()
