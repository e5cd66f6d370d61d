"""`cx-pipeline simulate ccm`: the reference conversation manager as a process of its own."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from pydantic import SecretStr

_RATE = click.FloatRange(0, 1)


def _rate(name: str, text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(f"--{name}-rate", type=_RATE, default=0.0, show_default=True, help=text)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8099,
    show_default=True,
    help="0: one that is free; it is printed.",
)
@click.option(
    "--journal", type=click.Path(dir_okay=False, path_type=Path), help="File *.ndjson of what it got."
)
@click.option(
    "--duplicates",
    type=click.Choice(["accept", "conflict"]),
    default="accept",
    show_default=True,
    help="Answer to a message id that came before: 200 or 409.",
)
@click.option("--dialect", type=click.Choice(["guide", "published"]), default="guide", show_default=True)
@click.option("--list-style", type=click.Choice(["page", "link", "bare"]), default="page", show_default=True)
@click.option("--voice-path", default="/conversation-manager/activities/voice", show_default=True)
@click.option("--third-party-path", default="/conversation-manager/activities/third-party", show_default=True)
@click.option("--token", envvar="SIMULATED_CCM_TOKEN", help="Ask for this bearer token.")
@click.option("--client-id", envvar="SIMULATED_CCM_CLIENT_ID", help="Ask for OAuth2 tokens, for this client.")
@click.option("--client-secret", envvar="SIMULATED_CCM_CLIENT_SECRET", help="Secret of that client.")
@click.option("--token-lifetime-s", type=click.FloatRange(min=0.1), default=60.0, show_default=True)
@_rate("refuse", "Share of requests whose connection is closed at once.")
@_rate("hang", "Share of requests that get no answer for --hang-s.")
@click.option("--hang-s", type=click.FloatRange(min=0.1), default=60.0, show_default=True)
@_rate("error", "Share of requests that get a 500.")
@_rate("throttle", "Share of requests that get a 429.")
@click.option("--retry-after-s", type=click.IntRange(min=0), default=1, show_default=True)
@_rate("drop", "Share of messages that are kept and not answered.")
@_rate("token-error", "Share of token requests that get a 500.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same failures."
)
def ccm(**given: Any) -> None:
    """Serve a conversation manager that checks, counts and keeps what it is sent, and fails as it is told.

    It takes voice and third-party activities, lists voice activities, issues tokens, and answers GET /ledger with its
    own count. POST /failures changes how it fails. SIGTERM or SIGINT ends it after what is under way.
    """
    from cx_pipeline.simulator.ccm.failures import Failures
    from cx_pipeline.simulator.ccm.manager import ManagerOptions, ReferenceManager
    from cx_pipeline.simulator.ccm.running import Server, listen

    manager = ReferenceManager(
        ManagerOptions(
            journal=given["journal"],
            duplicates=given["duplicates"],
            dialect=given["dialect"],
            list_style=given["list_style"],
            voice_path=given["voice_path"],
            third_party_path=given["third_party_path"],
            access=_access(given),
            failures=Failures(**{name: given[name] for name in Failures.model_fields}),
        )
    )
    manager.open()
    with listen(given["host"], given["port"]) as listener:
        server = Server(manager, listener)
        # uvicorn ends at these signals by itself, and then raises them once more: that must not kill the process.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, server.handle_exit)
        click.echo(f"conversation manager at http://{given['host']}:{listener.getsockname()[1]}")
        server.serve_until_told()
    count = manager.count(is_detailed=False)
    click.echo(f"{count['messages']:,} messages, {count['duplicates']:,} duplicates")


def _access(given: dict[str, Any]) -> Any:
    from cx_pipeline.simulator.ccm.authorisation import ClientCredentials, StaticToken

    if (given["client_id"] is None) != (given["client_secret"] is None):
        raise click.UsageError("give --client-id and --client-secret together")
    if given["client_id"] is not None:
        if given["token"] is not None:
            raise click.UsageError("give either --token or --client-id")
        return ClientCredentials(
            given["client_id"], SecretStr(given["client_secret"]), given["token_lifetime_s"]
        )
    return None if given["token"] is None else StaticToken(SecretStr(given["token"]))
