"""`evenload limits`: what grid operators and others have set, when it was in force, and what was drawn then."""

import asyncio
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import click
from rich.console import Console

from evenload.cli.connection import connected, system_options
from evenload.cli.limit_table import as_csv, as_table, in_force_table
from evenload.cli.sites import site_records, zones
from evenload.cli.transactions import since_from
from evenload.contracts import subjects
from evenload.contracts.limit_events import LimitRecord
from evenload.contracts.wire import Codec, ContractError
from evenload.runtime.bus import Bus

EXAMPLES = """\b
Examples:
  evenload limits                                  in force now, and the records of 30 days
  evenload limits --since 2026-01-01 --csv > evidence.csv
  evenload limits --source dso --since 2d
\b
Records are kept for three years. Times are the site's (`time_zone`), with --csv UTC;
dates of --since are this machine's.
"""
_RECORDS = Codec(LimitRecord, "LimitRecord")


@click.command(epilog=EXAMPLES)
@click.option("--since", default="30d", show_default=True, help="From when on: 7d, 24h, 2026-06-01.")
@click.option("--source", default="*", help="Of this source only.")
@click.option("--site", default="*", help="Of this site only.")
@click.option("--csv", "csv_wanted", is_flag=True, help="Print comma-separated values: all columns, W, UTC.")
@system_options
def limits(*, since: str, source: str, site: str, csv_wanted: bool, nats: str | None, data_dir: Path | None) -> None:
    """List limits from outside: when heard, the value, since when in force, and the power measured under them."""
    begin = since_from(since, datetime.now(UTC))
    every, clocks = asyncio.run(_records(site, source, nats=nats, data_dir=data_dir))
    shown = [record for record in every if record.at >= begin]
    if csv_wanted:
        click.echo(as_csv(shown), nl=False)
        return
    console = Console()
    console.print(in_force_table(every, clocks) if every else "no limit from outside was ever in force")
    if shown:
        console.print(as_table(shown, clocks))
    elif every:
        console.print(f"no records since {begin:%Y-%m-%d %H:%M} UTC")


async def _records(
    site: str, source: str, *, nats: str | None, data_dir: Path | None
) -> tuple[list[LimitRecord], dict[str, tzinfo]]:
    """Return what is kept, in order, and the sites' time zones."""
    async with connected(nats, data_dir) as bus:
        return await stored_records(bus, site, source), zones(await site_records(bus))


async def stored_records(bus: Bus, site: str = "*", source: str = "*") -> list[LimitRecord]:
    """Return the stream's records, oldest first; those of a later version that cannot be read are left out and told."""
    found: list[LimitRecord] = []
    async for subject, data in bus.read("limit_records", subjects.limit_record(site, source)):
        try:
            found.append(_RECORDS.decode(data, subject))
        except ContractError as fault:
            click.echo(f"left out: {fault}", err=True)
    return found
