"""Times on the command line."""

from datetime import UTC, datetime
from typing import Any

import click


class Moment(click.ParamType[datetime]):
    """A time in RFC 3339 with a zone, as a `datetime` in UTC."""

    name = "time"

    def convert(  # noqa: D102
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time; write 2024-01-15T09:00:00Z", param, ctx)
        if moment.tzinfo is None:
            self.fail(
                f"{value!r} has no zone; write it with Z or an offset, as 2024-01-15T09:00:00Z", param, ctx
            )
        return moment.astimezone(UTC)


MOMENT = Moment()
