"""`evenload backup` and `evenload restore`: everything that is kept, in one file."""

import asyncio
import io
import tarfile
from pathlib import Path

import click
import msgspec

from evenload.cli.connection import connected, system_options
from evenload.cli.failures import Failure
from evenload.runtime.bus import BusTimeout
from evenload.runtime.declared import BUCKETS, STREAMS
from evenload.runtime.nats_bus import NatsBus
from evenload.runtime.snapshots import Snapshot, exists, put_back, remove, take

TELEMETRY = ("history", "setpoints", "KV_owners")
"""What is not worth keeping: recordings, and who owned what at that moment."""
MODE = 0o600
EXAMPLES = """\b
Examples:
  evenload backup evenload.tar
  evenload backup evenload.tar --history             readings and decisions too, up to 1 GB
  evenload restore evenload.tar                      into a new server, before `evenload nats provision`
  evenload restore evenload.tar --replace            over what is there, with the services stopped; a server
                                                     without credentials (of `evenload up`) only
\b
With credentials both need the provisioner's: EVENLOAD_NATS_CREDS=provisioner.key.
The file holds the digests of stations' passwords; it is written with mode 0600.
"""


@click.command(epilog=EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--history", is_flag=True, help="Also what was recorded: readings, states, decisions.")
@system_options
def backup(file: Path, history: bool, nats: str | None, data_dir: Path | None) -> None:
    """Write sites, what was set by hand, stations, transactions, alerts and the allocator's memory to FILE."""
    found = asyncio.run(_take_all(nats, data_dir, history=history))
    try:
        write(file, found)
    except OSError as fault:
        raise Failure(f"{file}: {fault.strerror}", "choose a place that you may write") from fault
    events = sum(snapshot.state.get("messages", 0) for snapshot in found)
    click.echo(f"{file}: {len(found)} streams and buckets, {events} entries, {file.stat().st_size / 1e6:.1f} MB")


@click.command(epilog=EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--replace", is_flag=True, help="Remove what is there under the same names first.")
@system_options
def restore(file: Path, replace: bool, nats: str | None, data_dir: Path | None) -> None:
    """Make everything in FILE again as it was; refused where any of it exists."""
    snapshots = read(file)
    asyncio.run(_put_all_back(snapshots, nats, data_dir, replace=replace))
    click.echo(f"restored: {', '.join(snapshot.name for snapshot in snapshots)}")


def write(file: Path, snapshots: list[Snapshot]) -> None:
    """Write a tar with one JSON description and one snapshot for each stream, in one piece."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=MODE)
    with tarfile.open(fresh, "w") as tar:
        for snapshot in snapshots:
            described = {"name": snapshot.name, "config": snapshot.config, "state": snapshot.state}
            _add(tar, f"{snapshot.name}.json", msgspec.json.encode(described))
            _add(tar, f"{snapshot.name}.snapshot", snapshot.data)
    fresh.replace(file)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), MODE
    tar.addfile(entry, io.BytesIO(data))


def read(file: Path) -> list[Snapshot]:
    """Return what is in a file that `write` made. Raises `Failure`."""
    try:
        with tarfile.open(file) as tar:
            contents = {entry.name: _content(tar, entry) for entry in tar}
        described = [msgspec.json.decode(data) for name, data in contents.items() if name.endswith(".json")]
        return [
            Snapshot(each["name"], each["config"], each["state"], contents[f"{each['name']}.snapshot"])
            for each in described
        ]
    except (tarfile.TarError, msgspec.DecodeError, KeyError, TypeError, OSError) as fault:
        raise Failure(f"{file} is no backup: {fault}", "give a file that `evenload backup` wrote") from fault


def _content(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    found = tar.extractfile(entry)
    return found.read() if found is not None else b""


async def _take_all(nats: str | None, data_dir: Path | None, *, history: bool) -> list[Snapshot]:
    left_out = TELEMETRY[1:] if history else TELEMETRY
    names = [*(stream.name for stream in STREAMS), *(f"KV_{bucket.name}" for bucket in BUCKETS)]
    async with connected(nats, data_dir) as bus:
        found = [await take(bus, name) for name in names if name not in left_out]
    return [snapshot for snapshot in found if snapshot is not None]


async def _put_all_back(snapshots: list[Snapshot], nats: str | None, data_dir: Path | None, *, replace: bool) -> None:
    async with connected(nats, data_dir) as bus:
        there = [snapshot.name for snapshot in snapshots if await exists(bus, snapshot.name)]
        if there and not replace:
            remedy = "restore into a new server before anything is provisioned, or --replace: what is there is lost"
            raise Failure(f"there are already {', '.join(there)}", remedy)
        for name in there:
            await _remove(bus, name)
        for snapshot in snapshots:
            await put_back(bus, snapshot)


async def _remove(bus: NatsBus, name: str) -> None:
    """Remove a stream where the server lets us. Raises `Failure`, `BusError`."""
    try:
        await remove(bus, name)
    except BusTimeout as fault:
        if "permission" not in bus.last_fault.lower():
            raise
        remedy = "stop the server, move its store folder away, start it, and restore without --replace"
        raise Failure("with these credentials nobody removes what is kept", remedy) from fault
