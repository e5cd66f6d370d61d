"""Make the benchmark's input: the JTAPI events of a site's day as one Parquet file, in the order of arrival.

    python benchmarks/events_of_a_day.py --events 9000000 --out /tmp/day.parquet

A day of some 50,000 calls is simulated once (about 15 % of them over several call keys) and repeated with other call
keys, extensions, numbers and times, as if the site were that much larger. The file is written hour by hour, so that
memory does not grow with the number of events.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from cx_pipeline.simulator.plan import Noise, TrafficPlan
from cx_pipeline.simulator.traffic import simulate_traffic

CALLS_SIMULATED = 50_000
CALL_KEYS = 70_000
"""More than the simulated calls need, so that no key comes again within the day, as in a real one."""
DAY = datetime(2024, 1, 15, tzinfo=UTC)
NOISE = Noise(duplicates=0.01, late=0.002, shuffled=0.02, other_events=0.1)
APART_US = 3_700_003
"""How far apart in time the copies of a call are."""
EXTENSIONS_A_COPY = 10_000
NODE_TEXT, NODE_BITS = "1_", 1 << 24
ROWS_A_SLICE = 1_000_000


def day_once(calls: int) -> pl.DataFrame:
    """One simulated day with the number of its call beside each event and call ids as integers."""
    plan = TrafficPlan(
        calls=calls,
        start=DAY,
        hours=24,
        noise=NOISE,
        call_keys_per_tenant=max(CALL_KEYS, calls * 2),
        let_calls_finish=True,
    )
    traffic = simulate_traffic(plan)
    call_of_key = (
        traffic.legs.select("call_number", key="call_keys")
        .explode("key")
        .unique()
        .rename({"key": "global_call_id"})
    )
    number_outside = pl.col("extension").str.starts_with("+")
    return traffic.events.join(call_of_key, on="global_call_id", maintain_order="left").with_columns(
        gcid=_number_in(pl.col("global_call_id")),
        previous_gcid=_number_in(pl.col("previous_global_call_id")),
        connection=pl.col("connection_id").cast(pl.Int64),
        agent=pl.when(~number_outside & (pl.col("extension").str.len_chars() == 4) & _is_agents()).then(
            pl.col("extension").cast(pl.Int64)
        ),
    )


def _is_agents() -> pl.Expr:
    return ~pl.col("extension").str.starts_with("8")


def _number_in(call_id: pl.Expr) -> pl.Expr:
    return call_id.str.extract(r"_(\d+)$").cast(pl.Int64)


def copy_of(day: pl.LazyFrame, copy: int, keys_a_copy: int) -> pl.LazyFrame:
    """The same day at another part of the site: other call keys, agents, customers, and a little later."""
    shift = pl.duration(microseconds=copy * APART_US)
    gcid = pl.col("gcid") + copy * keys_a_copy
    agent = (pl.col("agent") + copy * EXTENSIONS_A_COPY).cast(pl.String)
    return day.with_columns(
        pl.col("event_time") + shift,
        pl.col("received_at") + shift,
        global_call_id=pl.concat_str(pl.lit(NODE_TEXT), gcid),
        # A transfer may come from another node of the cluster, so its first part is kept.
        previous_global_call_id=pl.concat_str(
            pl.col("previous_global_call_id").str.extract(r"^(\d+_)"),
            pl.col("previous_gcid") + copy * keys_a_copy,
        ),
        jtapi_id=(gcid + NODE_BITS).cast(pl.String),
        connection_id=(pl.col("connection") + copy * CALLS_SIMULATED * 64).cast(pl.String),
        extension=pl.coalesce(
            agent, pl.col("extension").str.replace("+1555", f"+1{555 + copy % 400}", literal=True)
        ),
        terminal=pl.when(pl.col("terminal").is_not_null()).then(
            pl.concat_str(pl.col("terminal").str.head(7), agent.str.zfill(8))
        ),
    )


def slices(day: pl.DataFrame, events: int) -> Iterator[pl.DataFrame]:
    """The whole day, `events` of them or a few more, a slice of time after the other."""
    copies, rest = divmod(events, day.height)
    whole_calls = (
        day.group_by("call_number").len().sort("call_number").with_columns(so_far=pl.col("len").cum_sum())
    )
    in_last_copy = whole_calls.filter(pl.col("so_far") <= rest)["call_number"].implode()
    keys_a_copy = max(CALL_KEYS, day["gcid"].n_unique() + 1)
    columns = [
        name
        for name in day.columns
        if name not in ("call_number", "gcid", "previous_gcid", "connection", "agent")
    ]
    rows_a_slice = max(1, ROWS_A_SLICE // (copies + 1))
    for start in range(0, day.height, rows_a_slice):
        part = day.slice(start, rows_a_slice).lazy().with_columns(place=pl.int_range(pl.len()))
        whole = [copy_of(part, copy, keys_a_copy) for copy in range(copies)]
        partial = copy_of(part.filter(pl.col("call_number").is_in(in_last_copy)), copies, keys_a_copy)
        # Copies side by side: the order of arrival is that of the simulated day, hence slightly shuffled.
        yield pl.concat([*whole, partial]).sort("place", maintain_order=True).select(columns).collect()


def write_day(events: int, out: Path, calls: int = CALLS_SIMULATED) -> int:
    """Write the day to `out`; how many events it has."""
    written = 0
    writer: pq.ParquetWriter | None = None
    for part in slices(day_once(calls), events):
        table: pa.Table = part.to_arrow(compat_level=pl.CompatLevel.oldest())
        writer = writer or pq.ParquetWriter(out, table.schema, compression="zstd")
        writer.write_table(table)
        written += part.height
    if writer is not None:
        writer.close()
    return written


@click.command(help=__doc__)
@click.option("--events", type=click.IntRange(min=1), default=9_000_000, show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--calls", type=click.IntRange(min=100), default=CALLS_SIMULATED, show_default=True)
def main(events: int, out: Path, calls: int) -> None:
    click.echo(f"{write_day(events, out, calls):,} events in {out}")


if __name__ == "__main__":
    main()
