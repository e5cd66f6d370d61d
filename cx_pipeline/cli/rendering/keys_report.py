"""Keys of the tenants on the terminal: by name and count, never by value."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cx_pipeline.adapters.crypto.key_ring import KeyRing
from cx_pipeline.adapters.crypto.ring_keys import TenantKeys
from cx_pipeline.adapters.database.recording_keys import KeyUsage
from cx_pipeline.cli.rendering.console import time_of_day

MOST_FAILURES = 10
_TITLES = ("Tenant", "Key", "Use", "Made", "Files", "Erased")


def print_keys(console: Console, ring: KeyRing, usage: Sequence[KeyUsage]) -> int:
    """The ring's keys with how many files each stands for; then those that files want and the ring lacks: how many."""
    table = Table.grid(padding=(0, 2))
    for title in _TITLES:
        table.add_column(justify="right" if title in ("Files", "Erased") else "left", no_wrap=True)
    table.add_row(*_TITLES, style="bold")
    known = set()
    for tenant_id, keys in sorted(ring.keys.tenants.items()):
        for key_id, key in keys.keys.items():
            known.add(key_id)
            table.add_row(*_cells(tenant_id, key_id, _use(keys, key_id), key.created_at, usage))
    missing = sorted({each.key_id for each in usage if each.key_id not in known and each.file_count})
    for key_id in missing:
        tenants = ", ".join(sorted({each.tenant_id for each in usage if each.key_id == key_id}))
        table.add_row(*_cells(tenants, key_id, "NOT IN THE RING", None, usage))
    console.print(table)
    return len(missing)


def print_failures(console: Console, failures: Sequence[str]) -> None:
    """Why keys could not be wrapped anew: the first ones, and how many more."""
    for reason in failures[:MOST_FAILURES]:
        console.print(Text(f"Left: {reason}"), soft_wrap=True)
    if len(failures) > MOST_FAILURES:
        console.print(f"… and {len(failures) - MOST_FAILURES:,} more.")


def _use(keys: TenantKeys, key_id: str) -> str:
    if key_id == keys.active:
        return "active"
    return "active for CFB" if key_id == keys.active_cfb else "old"


def _cells(
    tenant: str, key_id: str, use: str, created_at: datetime | None, usage: Sequence[KeyUsage]
) -> tuple[Text, ...]:
    made = None if created_at is None else created_at.astimezone(UTC)
    files = sum(each.file_count for each in usage if each.key_id == key_id)
    erased = sum(each.destroyed_count for each in usage if each.key_id == key_id)
    moment = time_of_day(made, with_date=True, with_ms=False)
    return tuple(map(Text, (tenant, key_id, use, moment, f"{files:,}", f"{erased:,}")))
