"""The pages' templates: everything that is filled in is escaped, and a name that is not there is an error."""

import json
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cx_pipeline.gateway.access.principal import Principal
from cx_pipeline.gateway.pages import wording
from cx_pipeline.gateway.pages.static_files import StaticFiles
from cx_pipeline.gateway.problems import Problem

HEADERS = {"Cache-Control": "no-store", "Vary": "Accept, Cookie, Authorization"}
"""Of each page. What a browser may load and run is set for all answers alike: nothing from elsewhere, nothing inline."""


class Templates:
    """Fills in the pages."""

    def __init__(self, static: StaticFiles) -> None:
        self._pages = Environment(
            loader=PackageLoader("cx_pipeline.gateway.pages", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._pages.globals["static"] = static.url
        self._pages.filters.update(
            clock=wording.clock,
            in_words=wording.length_words,
            size=wording.size_words,
            utc=_utc,
            iso=_iso,
            data=_data,
        )

    def page(self, name: str, principal: Principal, **values: Any) -> str:
        """A page as text."""
        has_session = principal.access == "session"
        return self._pages.get_template(name).render(
            principal=principal, has_session=has_session, has_search=principal.access != "signed", **values
        )

    def problem(self, problem: Problem) -> str:
        """A page that says what is wrong, and what to do about it, to who followed a link."""
        return self._pages.get_template("problem.html").render(
            problem=problem, advice=wording.advice(problem.status), has_session=False, has_search=False
        )


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _data(value: Any) -> Markup:
    """JSON for a script block that is data: nothing in it ends the block."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    for sign in "<>&'":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # noqa: S704 - the signs that mean something in HTML are gone
