import pytest
from starlette.requests import Request

from cx_pipeline.gateway.negotiation import prefers_html

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8"
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


def request(accept: str | None) -> Request:
    headers = [] if accept is None else [(b"accept", accept.encode("latin-1"))]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": headers})


@pytest.mark.parametrize(
    "accept", [CHROME, FIREFOX, "text/html", "TEXT/HTML, */*", "text/html;q=0.5, */*;q=0.4"]
)
def test_who_follows_a_link_in_a_browser_gets_a_page(accept: str) -> None:
    assert prefers_html(request(accept))


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "",
        "*/*",
        "audio/webm,audio/ogg,audio/wav,audio/*;q=0.9,application/ogg;q=0.7,video/*;q=0.6,*/*;q=0.5",
        "application/json",
        "application/json, text/html;q=0.9",
        "audio/*, text/html;q=0.1",
        "text/*",
        "text/html;q=0",
        "text/html;q=nonsense;;,",
    ],
)
def test_players_and_programs_get_the_thing_itself(accept: str | None) -> None:
    assert not prefers_html(request(accept))
