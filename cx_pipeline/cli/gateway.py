"""`cx-pipeline gateway`: start the gateway, and its static tokens."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from cx_pipeline.adapters.access.token_file import (
    StaticToken,
    added,
    change_token_file,
    new_token,
    read_token_file,
    token_hash,
    without,
)
from cx_pipeline.cli.moments import MOMENT
from cx_pipeline.cli.rendering.console import open_console, time_of_day
from cx_pipeline.core.access_scopes import ALL_TENANTS, SCOPES
from cx_pipeline.core.errors import ConfigurationError
from cx_pipeline.settings import load_settings

PROGRAM = "cx_pipeline.gateway"


@click.group(name="gateway", invoke_without_command=True)
@click.option("--host", help="Address to listen at; else CX_GATEWAY_HOST.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes a free one. Else CX_GATEWAY_PORT.")
@click.pass_context
def gateway(context: click.Context, host: str | None, port: int | None) -> None:
    """Start the gateway; prints its address once it listens. Ctrl-C or SIGTERM ends it.

    Requests that are under way end first, within CX_GATEWAY_GRACE_S; what was taken in is safe.
    Exit codes: 0 ended when asked to; 1 it cannot start; 2 wrong use.
    """
    if context.invoked_subcommand is not None:
        return
    load_settings()  # told here, in one line, if they are wrong
    environment = dict(os.environ)
    if host is not None:
        environment["CX_GATEWAY_HOST"] = host
    if port is not None:
        environment["CX_GATEWAY_PORT"] = str(port)
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", PROGRAM], environment)  # noqa: S606 - no shell


@gateway.group(name="token")
def token() -> None:
    """Make, list and revoke static tokens, in the file that CX_GATEWAY_TOKENS_FILE names.

    Only hashes are kept. A gateway that runs takes a change up within seconds.
    """


@token.command(name="create")
@click.argument("name", metavar="NAME")
@click.option("--tenant", required=True, help="Whose data it opens; * for all tenants.")
@click.option(
    "--scope",
    "scopes",
    required=True,
    multiple=True,
    type=click.Choice(sorted(SCOPES)),
    help="What it may do; once for each.",
)
@click.option("--expires", type=MOMENT, help="When it ends to be valid, as 2026-12-31T00:00:00Z.")
def create(name: str, tenant: str, scopes: tuple[str, ...], expires: datetime | None) -> None:
    """Make a token called NAME and print it, this once.

    Exit codes: 0 made; 1 there is one of that name, or the file cannot be written; 2 wrong use.
    """
    if not name.strip() or not tenant.strip():
        raise click.UsageError("NAME and --tenant must say something")
    if expires is not None and expires <= datetime.now(UTC):
        raise click.UsageError("--expires has passed already")
    path, text = _tokens_file(), new_token()
    made = StaticToken(
        name=name,
        sha256=token_hash(text),
        tenant=tenant,
        scopes=tuple(sorted(set(scopes))),
        expires_at=expires,
    )
    change_token_file(path, lambda tokens: added(tokens, made))
    click.echo(text)
    whose = "all tenants" if tenant == ALL_TENANTS else f"tenant {tenant}"
    click.echo(
        f"This is the token {name} for {whose}. It is shown this once: only its hash is kept.", err=True
    )


@token.command(name="list")
def list_tokens() -> None:
    """List the tokens by name, with their rights; no token can be shown.

    Exit codes: 0 done; 1 the file is not there or wrong; 2 wrong use.
    """
    now = datetime.now(UTC)
    table = Table("name", "tenant", "scopes", "expires (UTC)", box=None, pad_edge=False)
    for each in sorted(read_token_file(_tokens_file()), key=lambda each: each.name):
        expiry = (
            "never"
            if each.expires_at is None
            else time_of_day(each.expires_at.astimezone(UTC), with_date=True, with_ms=False)
        )
        state = f"{expiry} (expired)" if each.has_expired(now) else expiry
        table.add_row(escape(each.name), escape(each.tenant), ", ".join(sorted(each.scopes)), state)
    open_console().print(table)


@token.command(name="revoke")
@click.argument("name", metavar="NAME")
def revoke(name: str) -> None:
    """Take the token NAME away: a gateway that runs refuses it within seconds.

    Exit codes: 0 it is gone; 1 there is none of that name, or the file cannot be written; 2 wrong use.
    """
    change_token_file(_tokens_file(), lambda tokens: without(tokens, name))
    click.echo(f"Token {name} is revoked.")


def _tokens_file() -> Path:
    settings = load_settings()
    if settings.gateway_tokens_file is not None:
        return settings.gateway_tokens_file
    if settings.gateway_tokens is not None:
        raise ConfigurationError(
            "the tokens come from CX_GATEWAY_TOKENS, which no command can change: make them in a file "
            "(CX_GATEWAY_TOKENS_FILE), and hand over its content"
        )
    raise ConfigurationError("CX_GATEWAY_TOKENS_FILE must name the file of the tokens")
