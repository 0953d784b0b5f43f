"""`evenload status`: what every load gets, and why."""

import asyncio
import contextlib
import json
from pathlib import Path

import click
from rich.console import Console

from evenload.cli.connection import connected, system_options
from evenload.cli.last_known import last_known
from evenload.cli.live import Watch, show
from evenload.cli.status_table import render
from evenload.cli.status_view import as_json as view_as_json
from evenload.runtime.clock import SystemClock

EXAMPLES = """\b
Examples:
  evenload status                what holds now
  evenload status --watch        live, until Ctrl-C
  evenload status --json | jq '.sites.home.decision.loads[] | {load, setpoint_a, reason}'
\b
Exit status: 0 shown, 3 no running evenload found.
"""


@click.command(epilog=EXAMPLES)
@click.option("--watch", is_flag=True, help="Stay and follow.")
@click.option("--json", "as_json", is_flag=True, help="Print decisions, load states and alerts as JSON.")
@system_options
def status(watch: bool, as_json: bool, nats: str | None, data_dir: Path | None) -> None:
    """Show per site the grid against its breaker, sun and battery, and for each load what it gets, and why."""
    if watch and as_json:
        raise click.UsageError("--watch and --json exclude each other")
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C is how watching ends
        asyncio.run(_watch(nats, data_dir) if watch else _once(nats, data_dir, as_json=as_json))


async def _once(nats: str | None, data_dir: Path | None, *, as_json: bool) -> None:
    clock = SystemClock()
    async with connected(nats, data_dir) as bus:
        view = await last_known(bus, clock)
    if as_json:
        click.echo(json.dumps(view_as_json(view), indent=2, ensure_ascii=False))
    else:
        console = Console()
        console.print(render(view, clock.monotonic(), console.width))


async def _watch(nats: str | None, data_dir: Path | None) -> None:
    clock = SystemClock()
    async with connected(nats, data_dir) as bus:
        watch = Watch(bus, clock)
        await watch.start()
        bus.on_connection(lambda up: watch.note("connected again" if up else "connection to NATS lost"))
        await show(watch, clock, Console())
