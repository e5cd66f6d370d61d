"""What kind of answer a client wants: a page for a person, or the thing itself."""

from starlette.requests import Request
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

HTML = "text/html"
_ALSO_A_PAGE = ("application/xhtml+xml", "application/xml")
"""What browsers name beside HTML when they go to a page."""


def prefers_html(request: Request) -> bool:
    """Whether somebody follows a link in a browser.

    Browsers name `text/html` when they go to a page. Media elements, `fetch` and programs send `*/*` or what they
    want, and get that.
    """
    header = request.headers.get("accept", "")
    if HTML not in header.lower():  # what nearly every request is spared
        return False
    accepted = parse_accept_header(header, MIMEAccept)
    html = max((quality for name, quality in accepted if name.lower() == HTML), default=0.0)
    other = (
        quality
        for name, quality in accepted
        if name.lower() not in (HTML, *_ALSO_A_PAGE) and not name.startswith(("*", "image/"))
    )
    return html > 0 and html >= max(other, default=0.0)
