import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import httpx
import pytest
from joserfc.jwk import OctKey
from pydantic import HttpUrl

from cx_pipeline.adapters.access import issuer as issuer_module
from cx_pipeline.adapters.access.issuer import Issuer, LoginRefusedError, issuer_client
from cx_pipeline.core.errors import ConfigurationError, DestinationUnavailableError
from cx_pipeline.settings import Settings
from cx_pipeline.simulator.oidc.issuer import DISCOVERY_PATH, KEYS_PATH, Client, Person, SimulatedIssuer
from cx_pipeline.simulator.oidc.running import running_issuer

Result = TypeVar("Result")
REDIRECT = "http://127.0.0.1/back"


@pytest.fixture(scope="module")
def simulated() -> Iterator[SimulatedIssuer]:
    people = {"alice": Person("alice", "acme")}
    with running_issuer(people, {"c": Client("c", REDIRECT, "s3cret & more")}) as running:
        yield running


def asking(url: str, work: Callable[[Issuer], Awaitable[Result]]) -> Result:
    """What `work` gives with an issuer that has not asked anything yet."""

    async def run() -> Result:
        async with issuer_client(Settings(_env_file=None)) as client:
            return await work(Issuer(url, client))

    return asyncio.run(run())


def test_it_describes_itself_and_gives_its_keys(simulated: SimulatedIssuer) -> None:
    async def work(issuer: Issuer) -> None:
        assert (await issuer.description()).issuer == simulated.url
        assert (await issuer.keys(None)).keys[0].kid == simulated.signing_key.kid

    asking(simulated.url + "/", work)  # as pydantic may write it


def test_many_who_come_at_once_have_it_asked_once(simulated: SimulatedIssuer) -> None:
    before = simulated.asked.copy()

    async def work(issuer: Issuer) -> None:
        await asyncio.gather(*(issuer.keys(simulated.signing_key.kid) for _ in range(20)))

    asking(simulated.url, work)
    assert (simulated.asked - before) == {DISCOVERY_PATH: 1, KEYS_PATH: 1}


def test_an_issuer_that_calls_itself_otherwise_is_none(simulated: SimulatedIssuer) -> None:
    other = simulated.url.replace("127.0.0.1", "localhost")
    with pytest.raises(DestinationUnavailableError, match="must be that very name"):
        asking(other, lambda issuer: issuer.description())


@pytest.mark.parametrize("path", ["", "/nothing"])
def test_who_does_not_describe_itself_is_none(simulated: SimulatedIssuer, path: str) -> None:
    base = simulated.url.removesuffix("/realms/cx")
    with pytest.raises(DestinationUnavailableError):
        asking(base + path, lambda issuer: issuer.description())


def test_who_is_away_is_asked_again_only_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def away(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        raise httpx.ConnectError("nobody there")

    async def work() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(away)) as client:
            issuer = Issuer("http://issuer.example", client)
            for _ in range(5):
                with pytest.raises(DestinationUnavailableError, match="does not answer"):
                    await issuer.keys("k")
            assert len(asked) == 2, "one try and its retry"
            monkeypatch.setattr(issuer_module, "ASK_AGAIN_S", 0.0)
            with pytest.raises(DestinationUnavailableError):
                await issuer.keys("k")
            assert len(asked) == 4

    asyncio.run(work())


def test_keys_that_are_known_stay_good_while_it_is_away(
    simulated: SimulatedIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(issuer: Issuer) -> None:
        known = await issuer.keys(None)
        monkeypatch.setattr(issuer_module, "KEYS_LAST_S", -1.0)
        monkeypatch.setattr(issuer_module, "ASK_AGAIN_S", 0.0)
        monkeypatch.setattr(issuer, "_json", _raise_away)
        assert await issuer.keys(None) is known

    asking(simulated.url, work)


async def _raise_away(url: str) -> None:
    raise DestinationUnavailableError(f"{url} does not answer")


def test_secret_keys_among_its_public_ones_are_not_taken() -> None:
    secret = OctKey.generate_key(256).as_dict(private=True)
    answers = {
        "/.well-known/openid-configuration": {
            "issuer": "http://issuer.example",
            "jwks_uri": "http://issuer.example/keys",
            "authorization_endpoint": "http://issuer.example/a",
            "token_endpoint": "http://issuer.example/t",
        },
        "/keys": {"keys": [secret]},
    }

    async def work() -> None:
        transport = httpx.MockTransport(lambda request: httpx.Response(200, json=answers[request.url.path]))
        async with httpx.AsyncClient(transport=transport) as client:
            with pytest.raises(DestinationUnavailableError):
                await Issuer("http://issuer.example", client).keys(None)

    asyncio.run(work())


def test_a_code_that_is_refused_is_told_from_an_issuer_that_is_away(simulated: SimulatedIssuer) -> None:
    async def work(issuer: Issuer) -> None:
        await issuer.redeem("x", verifier="v", redirect_uri=REDIRECT, client_id="c", secret=None)

    with pytest.raises(LoginRefusedError, match="invalid_client"):
        asking(simulated.url, work)


def test_a_file_of_authorities_that_is_none_is_told(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "ca.pem").write_text("no certificate", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="CX_OIDC_CA_FILE"):
        issuer_client(
            Settings(
                _env_file=None, oidc_issuer=HttpUrl("https://x.example"), oidc_ca_file=tmp_path / "ca.pem"
            )
        )
