"""`evenload why`: a load's present setpoint in sentences."""

import asyncio
import json
from pathlib import Path

import click

from evenload.cli.connection import connected, system_options
from evenload.cli.failures import Failure, not_reached
from evenload.cli.last_known import newest
from evenload.cli.sites import site_records, the_site
from evenload.cli.why_case import Asked, duration
from evenload.cli.why_sentences import sentences
from evenload.contracts import subjects
from evenload.contracts.events import Decision
from evenload.runtime.bus import Bus
from evenload.runtime.clock import SystemClock
from evenload.site.load import load_text

EXAMPLES = """\b
Examples:
  evenload why wallbox
  evenload why wallbox --site office
  evenload why wallbox --json | jq -r '.sentences[]'
\b
Example output:
  wallbox may draw 8.2 A per line: mode solar_priority, charging; it draws 8.2 A on L1.
  The sun bounds it on L1: with more it would draw from the grid; 5120 W are produced now.
  More sun or less draw of others gives it more; so does `evenload set wallbox mode standard`.
\b
Exit status: 0 explained, 1 no such load, 3 no running evenload found, or nothing decided yet.
"""


@click.command(epilog=EXAMPLES)
@click.argument("load")
@click.option("--site", metavar="NAME", help="Site of the load, when several have one of this name.")
@click.option("--json", "as_json", is_flag=True, help="Print the sentences as JSON.")
@system_options
def why(*, load: str, site: str | None, as_json: bool, nats: str | None, data_dir: Path | None) -> None:
    """Explain what LOAD gets now: what bounds it, what it waits for and how long, and what would change it."""
    name, asked = asyncio.run(_ask(load, site, nats, data_dir))
    found = sentences(asked, load)
    if not found:
        raise Failure(f"the newest decision about site {name} does not name {load}", "is it a load of that site?")
    if as_json:
        about = {"site": name, "load": load, "decided_at": asked.decision.decided_at.isoformat()}
        click.echo(json.dumps(about | {"sentences": found}, ensure_ascii=False))
        return
    for sentence in found:
        click.echo(sentence)
    click.secho(f"(decided {duration(asked.age_s)} ago: {asked.decision.cause})", dim=True)


async def _ask(load: str, site: str | None, nats: str | None, data_dir: Path | None) -> tuple[str, Asked]:
    async with connected(nats, data_dir) as bus:
        name = await the_site(bus, site, load)
        return name, await asked_of(bus, name)


async def asked_of(bus: Bus, name: str) -> Asked:
    """Return the site file in force and the newest decision; ends the command when there is none."""
    decision = await newest(bus, "history", subjects.decision(name), Decision)
    record = (await site_records(bus)).get(name)
    site = load_text(record.text, record.source).site if record is not None else None
    if decision is None or site is None:
        not_reached(f"nothing was decided about site {name} yet", "is the allocator running? evenload status")
    age_s = max(0.0, (SystemClock().utc() - decision.decided_at).total_seconds())
    return Asked(site=site, decision=decision, age_s=age_s)
