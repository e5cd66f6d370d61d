"""The gateway's log: lines on standard error, in UTC. No line has a query, a token or a signature."""

import logging
import re
import sys
import time

_FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s"
_SECRET = re.compile(
    r"(?i)\b(signature|code|state|id_token|access_token|client_secret|password)=[^&\s\"']+|\bBearer\s+[\w.~+/=-]+"
)
"""What libraries might show in an address or a header."""


class WithoutSecrets(logging.Formatter):
    """Formats a line, and blots out what looks like a secret in it: libraries log addresses."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        return _SECRET.sub(lambda found: f"{found.group(1) or 'Bearer'}=(hidden)", super().format(record))


def set_up_logs() -> None:
    """Write to standard error from now on; for the process that is the gateway."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(WithoutSecrets(_FORMAT, "%Y-%m-%dT%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in ("httpx", "httpcore"):  # each request to the issuer, with its query
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
