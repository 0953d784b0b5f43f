"""`evenload doctor`: look at an installation as a whole and say what to do."""

import asyncio
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiohttp
import click
import msgspec
from rich.console import Console
from rich.table import Table

from evenload.cli import doctor_asks
from evenload.cli.connection import connected, settings_for, system_options
from evenload.cli.examination import Facts, Finding, Kept, examined
from evenload.cli.last_known import last_known
from evenload.cli.running import default_data_dir, find
from evenload.cli.sites import site_records
from evenload.runtime import jetstream
from evenload.runtime.bus import Bus, BusError
from evenload.runtime.clock import SystemClock
from evenload.runtime.declared import BUCKETS, STREAMS
from evenload.runtime.nats_bus import public
from evenload.runtime.server_config import CONFIG
from evenload.runtime.service import SYSTEM

ASK_S = 2.0
MONITOR = "http://127.0.0.1:8222"
SHOWN = {"good": "[green]✓[/]", "doubtful": "[yellow]![/]", "bad": "[red]✗[/]"}
EXAMPLES = """\b
Examples:
  evenload doctor
  EVENLOAD_NATS_CREDS=operator.key evenload doctor --nats nats://host:4222 --monitor http://host:8222
\b
Exit status: 0 nothing is bad (there may be doubts), 1 something is, 3 no running evenload reached.
"""


@click.command(epilog=EXAMPLES)
@click.option("--monitor", default="", metavar="URL", help=f"The server's monitoring address; default {MONITOR}.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@system_options
def doctor(monitor: str, as_json: bool, nats: str | None, data_dir: Path | None) -> None:
    """Examine the running system and say what to do: NATS, disk, streams, services and versions, clocks, certificates,
    permissions, site files."""
    findings = examined(asyncio.run(_facts(monitor, nats, data_dir)))
    if as_json:
        click.echo("\n".join(msgspec.json.encode(finding).decode() for finding in findings))
    else:
        _show(findings)
    if any(finding.verdict == "bad" for finding in findings):
        raise click.exceptions.Exit(1)


def _show(findings: list[Finding]) -> None:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for finding in findings:
        remedy = f"\n[dim]{finding.remedy}[/]" if finding.remedy else ""
        table.add_row(SHOWN[finding.verdict], finding.about, finding.text.replace("[", "\\[") + remedy)
    Console().print(table)


async def _facts(monitor: str, nats: str | None, data_dir: Path | None) -> Facts:
    settings, running = settings_for(nats, data_dir), find(data_dir or default_data_dir())
    async with connected(nats, data_dir) as bus:
        loop, clock = asyncio.get_running_loop(), SystemClock()
        began_s = loop.time()
        jetstream_fault, clock_off_s = await _jetstream(bus)
        round_trip_s = loop.time() - began_s
        known, sites = await last_known(bus, clock), await site_records(bus)
        return Facts(
            url=public([settings.nats_url]),
            version=version("evenload"),
            round_trip_s=round_trip_s,
            jetstream=jetstream_fault,
            clock_off_s=clock_off_s,
            synced=await _synced(monitor, data_dir),
            kept=tuple([await _kept(bus, config) for config in _declared()]),
            services=await doctor_asks.processes(bus),
            allocator_clock_off_s=await doctor_asks.allocator_clock_off_s(bus, sites),
            certificates=await doctor_asks.certificates(settings, running),
            readable_by_others=doctor_asks.readable_by_others(settings),
            alerts=tuple(known.sites[SYSTEM].alerts.values()) if SYSTEM in known.sites else (),
            sites=sites,
            decisions={name: site.decision for name, site in known.sites.items() if site.decision is not None},
            now=datetime.now(UTC),
        )


async def _jetstream(bus: Bus) -> tuple[str, float | None]:
    """Return why JetStream does not answer, and how far the clocks differ."""
    try:
        info = msgspec.json.decode(await bus.request("$JS.API.STREAM.INFO.KV_sites", b"", ASK_S))
    except BusError as fault:
        return str(fault), None
    try:
        server_time = msgspec.convert(info.get("ts"), datetime)
    except msgspec.ValidationError:
        return "", None  # an old server does not tell its time
    return "", (datetime.now(UTC) - server_time).total_seconds()


async def _synced(monitor: str, data_dir: Path | None) -> bool | None:
    running = find(data_dir or default_data_dir())
    config = Path(running.data_dir) / "nats" / CONFIG if running is not None else None
    if not monitor and config is not None and config.is_file():
        return "sync_interval: always" in config.read_text(encoding="utf-8")
    timeout = aiohttp.ClientTimeout(total=ASK_S)
    url = f"{monitor or MONITOR}/jsz?config=1"
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as reply:
            told = (await reply.json()).get("config") or {}
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None
    return bool(told.get("sync_always"))


def _declared() -> list[dict[str, Any]]:
    streams = [jetstream.stream_config(spec) for spec in STREAMS]
    return [*streams, *(jetstream.bucket_config(spec) for spec in BUCKETS)]


async def _kept(bus: Bus, wanted: dict[str, Any]) -> Kept:
    name = wanted["name"]
    what = f"look at {name}"
    try:
        answer = jetstream.read_answer(what, await bus.request(f"$JS.API.STREAM.INFO.{name}", b"", ASK_S))
    except BusError as fault:
        return Kept(name=name, refused=fault.why)
    if answer.error is not None:
        return Kept(
            name=name, missing=answer.error.err_code == jetstream.STREAM_NOT_FOUND, refused=answer.error.description
        )
    copies = (answer.config or {}).get("num_replicas", 1)
    ignored = {"num_replicas", "storage", "persist_mode"} if copies > 1 else {"max_bytes"}
    return Kept(name=name, differs=tuple(set(jetstream.differences(wanted, answer.config or {})) - ignored))
