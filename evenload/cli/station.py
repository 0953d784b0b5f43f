"""`evenload station`: charging stations that may connect: claim, password, what to type into the charger."""

import asyncio
import os
import secrets
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import click
import msgspec
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from evenload.cli.connection import connected, system_options
from evenload.cli.failures import Failure
from evenload.cli.running import default_data_dir, find
from evenload.cli.sites import site_records
from evenload.cli.station_card import exported, pinned
from evenload.contracts import subjects
from evenload.contracts.commands import StationCall, StationCallReply
from evenload.contracts.records import StationRecord
from evenload.contracts.units import StationId
from evenload.contracts.wire import decode_as, encode
from evenload.runtime.bus import Bucket, Bus, BusTimeout, Conflict, Entry
from evenload.site.credentials import SALT_BYTES, make_credential, make_password
from evenload.site.load import load_text

ADD_EXAMPLES = """\b
Examples:
  evenload station add CP001
  evenload station add CP001 --site home
  evenload station add CP001 --new-password    the old one ends at once
"""


@click.group()
def station() -> None:
    """Charging stations: let one connect, see what is known of it, start, stop, restart it, ask it."""


@station.command(epilog=ADD_EXAMPLES)
@click.argument("station_id", metavar="STATION")
@click.option("--site", help="Site that it belongs to; default: the one whose file names it, or the only one.")
@click.option("--new-password", is_flag=True, help="Replace the password that it has.")
@system_options
def add(*, station_id: str, site: str | None, new_password: bool, nats: str | None, data_dir: Path | None) -> None:
    """Claim STATION (its OCPP identity) for a site, make a password and say what to type into the charger."""
    try:
        msgspec.convert(station_id, StationId)
    except msgspec.ValidationError as fault:
        raise click.UsageError(f"{station_id!r} is no OCPP identity: 1 to 48 of A-Z a-z 0-9 * _ = + | @ . -") from fault
    password = asyncio.run(_add(station_id, site, new_password=new_password, nats=nats, data_dir=data_dir))
    click.echo(instructions(station_id, password, ocpp_url(data_dir)))


async def _add(
    station_id: str, site: str | None, *, new_password: bool, nats: str | None, data_dir: Path | None
) -> str:
    password = make_password()
    async with connected(nats, data_dir) as bus:
        name = site or await _site_of(bus, station_id)
        if name not in await site_records(bus):
            raise Failure(f"no site is named {name}", "evenload site show lists them")
        record = StationRecord(
            station=station_id, site=name, credential=make_credential(password, secrets.token_bytes(SALT_BYTES))
        )
        bucket = await bus.bucket(subjects.STATIONS)
        try:
            await _claim(bucket, record, new_password=new_password)
        except Conflict as fault:
            raise Failure(f"{station_id} was changed by somebody else at the same time", "try again") from fault
    return password


async def _claim(bucket: Bucket, record: StationRecord, *, new_password: bool) -> None:
    """Write the record: create-only, or in place of a claim of the same site that has no password yet."""
    key = subjects.station_key(record.station)
    entry = await bucket.get(key)
    if entry is None:
        await bucket.create(key, encode(record))
        return
    before = _record(entry)
    if before.site != record.site:
        remedy = f"a station belongs to one site; remove it from {before.site} first"
        raise Failure(f"{record.station} belongs to site {before.site}", remedy)
    if before.credential and not new_password:
        remedy = "evenload station add --new-password replaces it; the old one ends at once"
        raise Failure(f"{record.station} has a password already", remedy)
    await bucket.update(key, encode(replace(before, credential=record.credential)), entry.revision)


async def _site_of(bus: Bus, station_id: str) -> str:
    records = await site_records(bus)
    naming = [name for name, record in records.items() if _names(record.text, station_id)]
    chosen = naming or list(records)
    if len(chosen) != 1:
        there = ", ".join(sorted(records)) or "none; evenload site apply FILE"
        raise Failure(f"no single site names {station_id}; there are: {there}", "say which: --site NAME")
    return chosen[0]


def _names(text: str, station_id: str) -> bool:
    site = load_text(text, "").site
    if site is None:
        return False
    named = {*site.stations, *(getattr(load, "station", None) or "" for load in site.loads.values())}
    return station_id.lower() in {name.lower() for name in named}


def ocpp_url(data_dir: Path | None) -> str:
    """Return where the gateway listens as a charger must write it; empty when no `up` of this machine says."""
    running = find(data_dir or default_data_dir())
    url = running.ocpp_url if running is not None else os.environ.get("EVENLOAD_OCPP_URL", "")
    parts = urlsplit(url)
    return f"{parts.scheme}://{_own_address()}:{parts.port}" if parts.hostname in ("0.0.0.0", "::") else url


def _own_address() -> str:
    """Return this machine's address in its network; connecting a datagram socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return socket.gethostname()
        return str(probe.getsockname()[0])


def instructions(station_id: str, password: str, url: str) -> str:
    """Return what to type into the charger."""
    address = f"{url or 'ws://THIS-MACHINE:9000'}/{quote(station_id, safe='')}"
    lines = [
        f"{station_id} may connect. Type this into the charger (its OCPP 1.6 JSON settings):",
        f"  address (central system URL)   {address}",
        "    some chargers add the identity themselves: then without the last part",
        f"  charge point identity          {station_id}",
        f"  password (AuthorizationKey)    {password}",
        "The password is shown once and not kept; only its digest is.",
    ]
    if urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost"):
        lines.append(
            "The gateway listens on this machine only: start `evenload up` with --ocpp-host 0.0.0.0 for chargers."
        )
    return "\n".join(lines)


def _record(entry: Entry) -> StationRecord:
    return decode_as(StationRecord, entry.value, f"bucket stations {entry.key}")


async def _records(nats: str | None, data_dir: Path | None) -> list[StationRecord]:
    async with connected(nats, data_dir) as bus:
        bucket = await bus.bucket(subjects.STATIONS)
        entries = [await bucket.get(key) for key in await bucket.keys() if "." not in key]
    return [_record(entry) for entry in entries if entry is not None]


@station.command(name="list")
@system_options
def list_stations(nats: str | None, data_dir: Path | None) -> None:
    """List the stations that may connect."""
    table = Table("station", "site", "password", "OCPP", box=None, padding=(0, 2, 0, 0))
    for record in asyncio.run(_records(nats, data_dir)):
        password = "set" if record.credential else "none"
        table.add_row(record.station, record.site, password, record.version or "any")
    Console().print(table)


@station.command(name="show")
@click.argument("station_id", metavar="STATION")
@click.option("--pin", is_flag=True, help="Print what was learned as an entry of a site file, to pin it there.")
@click.option(
    "--export", type=click.Path(path_type=Path, dir_okay=False), help="Write its capability card to this file (YAML)."
)
@system_options
def show_station(*, station_id: str, pin: bool, export: Path | None, nats: str | None, data_dir: Path | None) -> None:
    """Show what is known of STATION and how it wants to be spoken to; never its password."""
    key = subjects.station_key(station_id)
    found = [record for record in asyncio.run(_records(nats, data_dir)) if subjects.station_key(record.station) == key]
    if not found:
        raise Failure(f"no station is named {station_id}", "evenload station list shows them")
    if export is not None:
        _write(export, exported(found[0]))
        click.echo(f"{found[0].station}: its card is in {export}")
        return
    if pin:
        click.echo(pinned(found[0]), nl=False)
        return
    shown = replace(found[0], credential="set" if found[0].credential else "")
    click.echo(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode())


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise Failure(f"{path}: {fault.strerror}", "name a file in a folder that may be written") from fault


CALL_EXAMPLES = """\b
Examples:
  evenload station call CP001 Reset '{"type": "Soft"}'
  evenload station call CP001 UnlockConnector '{"connectorId": 1}'
  evenload station call CP001 GetCompositeSchedule '{"connectorId": 1, "duration": 600}'
"""


@station.command(name="call", epilog=CALL_EXAMPLES)
@click.argument("station_id", metavar="STATION")
@click.argument("action")
@click.argument("payload", default="{}")
@click.option("--timeout", "timeout_s", default=10.0, show_default=True, help="How long to wait for the answer, s.")
@system_options
def call_station(
    *, station_id: str, action: str, payload: str, timeout_s: float, nats: str | None, data_dir: Path | None
) -> None:
    """Send one OCPP call to STATION and print its answer.

    ACTION and PAYLOAD are those of its OCPP version, or of 1.6. What is needed often has a command of its own.
    """
    try:
        told = msgspec.json.decode(payload, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise click.UsageError(f"PAYLOAD is no JSON object: {fault}") from fault
    if not 0 < timeout_s <= 60:
        raise click.UsageError("--timeout: expected more than 0 and at most 60 s")
    print_answer(station_id, action, told, timeout_s=timeout_s, nats=nats, data_dir=data_dir)


def print_answer(
    station_id: str,
    action: str,
    payload: dict[str, Any],
    *,
    nats: str | None,
    data_dir: Path | None,
    timeout_s: float = 10.0,
) -> None:
    """Send one OCPP call to a station and print its answer; a refusal ends the command."""
    call = StationCall(action=action, payload=payload, timeout_s=timeout_s)
    reply = asyncio.run(_call(station_id, call, nats=nats, data_dir=data_dir))
    if not reply.ok:
        raise Failure(f"{station_id}: {reply.error}", "evenload station show tells what is known of it")
    click.echo(msgspec.json.format(msgspec.json.encode(reply.payload), indent=2).decode())


async def _call(station_id: str, call: StationCall, *, nats: str | None, data_dir: Path | None) -> StationCallReply:
    subject = subjects.station_call(station_id)
    async with connected(nats, data_dir) as bus:
        try:
            answer = await bus.request(subject, encode(call), call.timeout_s + 1.0)
        except BusTimeout as fault:
            raise Failure(f"{station_id} is not connected to any gateway", "is it switched on and set up?") from fault
    return decode_as(StationCallReply, answer, subject)
