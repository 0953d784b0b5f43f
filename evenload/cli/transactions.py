"""`evenload transactions`: what was charged, when, by whom, and from which source."""

import asyncio
import re
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import click
from rich.console import Console

from evenload.cli.connection import connected, system_options
from evenload.cli.sites import site_records, zones
from evenload.cli.tags import names_by_hash
from evenload.cli.transaction_table import Row, as_csv, as_table
from evenload.contracts import subjects
from evenload.contracts.events import TransactionEvent
from evenload.contracts.wire import Codec, ContractError
from evenload.runtime.bus import Bus
from evenload.transactions.sources import Drawn, Mix, drawn, origin
from evenload.transactions.view import Transaction, View, listed, replayed

EXAMPLES = """\b
Examples:
  evenload transactions                             the last 30 days
  evenload transactions --since 2026-06-01 --csv > june.csv
  evenload transactions --station CP001 --since 7d
\b
Times are the site's (`time_zone`), with --csv UTC; dates of --since are this machine's.
Sun, battery and grid are known while the history lasts (7 days): save what you account with --csv each week.
"""
_DAYS = re.compile(r"(\d{1,5})\s*(d|h)")
_events = Codec(TransactionEvent, "transaction event")
_mixes = Codec(Mix, "decision")


@click.command(epilog=EXAMPLES)
@click.option("--since", default="30d", show_default=True, help="From when on: 7d, 24h, 2026-06-01.")
@click.option("--station", "station_id", help="Of this station only.")
@click.option("--site", default="*", help="Of this site only.")
@click.option("--csv", "csv_wanted", is_flag=True, help="Print comma-separated values: all columns, kWh, UTC.")
@system_options
def transactions(
    *, since: str, station_id: str | None, site: str, csv_wanted: bool, nats: str | None, data_dir: Path | None
) -> None:
    """List charging transactions: energy, times, whose tag, and the share of sun, battery and grid."""
    now = datetime.now(UTC)
    begin = since_from(since, now)
    rows, clocks = asyncio.run(_rows(begin, now, site, station_id, nats=nats, data_dir=data_dir))
    if csv_wanted:
        click.echo(as_csv(rows), nl=False)
    else:
        Console().print(as_table(rows, clocks) if rows else f"no transactions since {begin:%Y-%m-%d %H:%M} UTC")


def since_from(text: str, now: datetime) -> datetime:
    """Return the time that `text` names, UTC: so many days or hours ago, or a date (and time), local."""
    ago = _DAYS.fullmatch(text.strip())
    if ago:
        return now - timedelta(hours=int(ago[1]) * (24 if ago[2] == "d" else 1))
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as fault:
        raise click.BadParameter(f"--since: expected 7d, 24h or 2026-06-01, got {text!r}") from fault


async def _rows(
    begin: datetime, now: datetime, site: str, station: str | None, *, nats: str | None, data_dir: Path | None
) -> tuple[list[Row], dict[str, tzinfo]]:
    async with connected(nats, data_dir) as bus:
        view = await stored_view(bus, site, station)
        shown = [each for each in listed(view) if (each.ended_at or now) >= begin]
        parts = await _drawn(bus, shown, now)
        names, clocks = await names_by_hash(bus), zones(await site_records(bus))
    origins = [origin(each, parts.get(place), now) for place, each in enumerate(shown)]
    rows = [Row(each, found, names.get(each.id_tag_hash, "")) for each, found in zip(shown, origins, strict=True)]
    return rows, clocks


async def stored_view(bus: Bus, site: str = "*", station: str | None = None) -> View:
    """Return the view that the stream gives; events of a later version that cannot be read are left out."""
    pattern = subjects.transactions(site) if station is None else subjects.transaction(site, station)
    events: list[TransactionEvent] = []
    async for subject, data in bus.read("transactions", pattern):
        try:
            events.append(_events.decode(data, subject))
        except ContractError as fault:
            click.echo(f"left out: {fault}", err=True)
    return replayed(events)


async def _drawn(bus: Bus, shown: list[Transaction], now: datetime) -> dict[int, Drawn]:
    """Return what each drew from where, by place in `shown`."""
    found: dict[int, Drawn] = {}
    for site in sorted({each.site for each in shown}):
        places = [place for place, each in enumerate(shown) if each.site == site]
        begin = min((shown[place].started_at or now for place in places), default=now)
        mixes = [
            _mixes.decode(data, subject)
            async for subject, data in bus.read("history", subjects.decision(site), begin - timedelta(seconds=90))
        ]
        parts = drawn([shown[place] for place in places], mixes, now)
        found |= {places[place]: part for place, part in parts.items()}
    return found
