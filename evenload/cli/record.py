"""`evenload record`: the history of the running system, or what comes, written to one file for `evenload replay`."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from pathlib import Path

import click

from evenload.cli.connection import connected, system_options
from evenload.cli.durations import Duration
from evenload.cli.failures import Failure
from evenload.cli.record_files import Writer, create
from evenload.cli.sites import known_site
from evenload.runtime.clock import SystemClock
from evenload.runtime.nats_bus import NatsBus
from evenload.runtime.nats_history import Stored, Wanted

EXAMPLES = """\b
Examples:
  evenload record home.jsonl                     all that the history holds, 7 days at most
  evenload record --since 2h home.jsonl          of the last two hours
  evenload record --follow --for 10min now.jsonl and ten minutes more, live; without --for until Ctrl-C
  evenload replay home.jsonl                     the same decisions again
\b
The file holds JSON lines. A replay begins at the first basis in it, which the allocator tells each 10 min.
Exit status: 0 written, 1 the file exists or cannot be written, 3 no running evenload found.
"""
HISTORY = "history"


@click.command(epilog=EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--site", metavar="NAME", help="One site only; default all.")
@click.option("--since", type=Duration(), help="Begin so long ago; default: with the oldest event kept.")
@click.option("--follow", is_flag=True, help="Go on with what comes, until Ctrl-C or --for.")
@click.option("--for", "lasts", type=Duration(), help="With --follow: end after this time.")
@system_options
def record(
    *,
    file: Path,
    site: str | None,
    since: int | None,
    follow: bool,
    lasts: int | None,
    nats: str | None,
    data_dir: Path | None,
) -> None:
    """Write the history of the running system to FILE: readings, states, decisions and what they stand on."""
    if lasts is not None and not follow:
        raise click.UsageError("--for says how long to --follow; give both")
    lasts_s = lasts if follow else 0
    asyncio.run(_record(file, site, since, (lasts_s, nats, data_dir)))


async def _record(
    file: Path, site: str | None, since: int | None, system: tuple[int | None, str | None, Path | None]
) -> None:
    lasts_s, nats, data_dir = system
    async with connected(nats, data_dir) as bus:
        wanted = await wanted_of(bus, site, since)
        with create(file) as out:
            writer = Writer(out, SystemClock().utc(), "history")
            stopped = await write_history(bus, wanted, writer, lasts_s)
    skipped = f", {writer.skipped} that are no JSON left out" if writer.skipped else ""
    click.echo(f"{file}: {writer.events} events{skipped}{', stopped by hand' if stopped else ''}")


async def wanted_of(bus: NatsBus, site: str | None, since: int | None) -> Wanted:
    """Return what is to be read; ends the command when there is no such site."""
    if site is not None:
        await known_site(bus, site)
    begin: datetime | None = SystemClock().utc() - timedelta(seconds=since) if since is not None else None
    return Wanted(stream=HISTORY, pattern=f"evenload.site.{site or '*'}.>", since=begin)


async def write_history(bus: NatsBus, wanted: Wanted, writer: Writer, lasts_s: int | None) -> bool:
    """Write what is stored, and for `lasts_s` (None = until Ctrl-C) what comes; tell whether Ctrl-C ended it."""
    events = bus.stored(wanted)
    try:
        await _write_stored(events, writer)
        async with asyncio.timeout(lasts_s):
            async for found in events:
                if found is not None:
                    writer.write(found.subject, found.data)
                    writer.flush()
    except TimeoutError:
        return False
    except asyncio.CancelledError:  # Ctrl-C is how following ends
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()
        return True
    finally:
        await events.aclose()
    return False


async def _write_stored(events: AsyncGenerator[Stored | None, None], writer: Writer) -> None:
    async for found in events:
        if found is None:
            break
        writer.write(found.subject, found.data)
    writer.flush()


def nothing_recorded(what: str) -> Failure:
    """Return the failure of a record without decisions."""
    remedy = "a replay begins where an allocator took a site, changed its configuration, or each 10 min: record longer"
    return Failure(f"{what} holds nothing to replay", remedy)
