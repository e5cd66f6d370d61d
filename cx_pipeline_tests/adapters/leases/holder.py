"""A process that tries for a lease, and says a line each time that it gets or loses it.

Usage: holder.py postgres URL NAME
       holder.py consul URL NAME PACE
"""

import sys
import time

from pydantic import SecretStr

from cx_pipeline.adapters.leases.consul import ConsulLease
from cx_pipeline.adapters.leases.postgres import PostgresLease


def main(kind: str, url: str, name: str, pace: str = "1") -> None:
    lease = (
        PostgresLease(SecretStr(url), name)
        if kind == "postgres"
        else ConsulLease(url, name, pace=float(pace))
    )
    with lease:
        was_held = None
        while True:
            if lease.is_held != was_held:
                was_held = lease.is_held
                sys.stdout.write("held\n" if was_held else "free\n")
                sys.stdout.flush()
            time.sleep(0.005)


if __name__ == "__main__":
    main(*sys.argv[1:])
