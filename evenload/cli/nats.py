"""`evenload nats`: a NATS server of one's own with credentials and permissions for each service, and what it keeps."""

import asyncio
import os
import secrets
import signal
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table

from evenload.cli.connection import connected, system_options
from evenload.cli.failures import Failure
from evenload.contracts.units import Name
from evenload.runtime import nats_files
from evenload.runtime.bus import BusError, Declared
from evenload.runtime.declared import ensure
from evenload.runtime.nats_bus import NatsBus
from evenload.runtime.nats_files import ACCOUNTS, CONFIG, SYSTEM_USER, Leaf, Plan, Tls
from evenload.runtime.permissions import EVERYBODY, permissions

PASSWORD_BYTES = 32
RETRY_S = 1.0
SECRET_MODE, FOLDER_MODE = 0o400, 0o700
INIT_EXAMPLES = """\b
Examples:
  evenload nats init /etc/evenload/nats --store /var/lib/nats
  nats-server -c /etc/evenload/nats/nats-server.conf
  EVENLOAD_NATS_CREDS=/etc/evenload/nats/provisioner.key evenload nats provision
  EVENLOAD_NATS_CREDS=/etc/evenload/nats/allocator.key EVENLOAD_NATS_PROVISIONED=1 evenload run allocator
\b
A cloud, and a home that reports to it and stays in command of itself:
  evenload nats init cloud --listen 0.0.0.0:4222 --leaf-listen 0.0.0.0:7422 --home home
  evenload nats init home --leaf-to nats-leaf://home_home:PASSWORD@cloud:7422 --as home
\b
Written again, what is there keeps its passwords and what is new gets one; --rotate makes all anew. Every file has mode
0400 and belongs to who ran the command; give a service's file to the service's user.
"""
PROVISION_EXAMPLES = """\b
Example:
  EVENLOAD_NATS_CREDS=provisioner.key evenload nats provision --nats nats://127.0.0.1:4222
\b
Exit status: 0 all is as declared, 1 something differs and cannot be changed, 3 the server was not reached.
"""


@click.group()
def nats() -> None:
    """NATS: a server's configuration with credentials for each service, streams and buckets."""


@nats.command(epilog=INIT_EXAMPLES)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--listen", default="127.0.0.1:4222", show_default=True, help="Where clients connect.")
@click.option("--store", "store_dir", default="nats-data", show_default=True, help="Folder of streams and buckets.")
@click.option("--monitor", default="127.0.0.1:8222", show_default=True, help="Monitoring; empty: none.")
@click.option("--tenant", "tenants", multiple=True, metavar="NAME", help="An account; default one, `evenload`.")
@click.option("--limit-source", "sources", multiple=True, metavar="NAME", help="A user that may set outside limits.")
@click.option("--tls-cert", default="", help="PEM chain of the server, as it will find it; then clients use tls://.")
@click.option("--tls-key", default="", help="Its key.")
@click.option("--tls-ca", default="", help="Who signs the certificates.")
@click.option("--leaf-listen", default="", metavar="ADDRESS", help="Where homes' own servers connect.")
@click.option("--home", "homes", multiple=True, metavar="SITE", help="A site whose own server may report here.")
@click.option("--leaf-to", default="", metavar="URL", help="The cloud this home reports to.")
@click.option("--as", "site", default="home", show_default=True, metavar="SITE", help="This home, with --leaf-to.")
@click.option("--controlled", is_flag=True, help="Let that cloud send commands and limits; never setpoints.")
@click.option("--rotate", is_flag=True, help="Make every password anew.")
def init(
    *,
    folder: Path,
    listen: str,
    store_dir: str,
    monitor: str,
    tenants: tuple[str, ...],
    sources: tuple[str, ...],
    tls_cert: str,
    tls_key: str,
    tls_ca: str,
    leaf_listen: str,
    homes: tuple[str, ...],
    leaf_to: str,
    site: str,
    controlled: bool,
    rotate: bool,
) -> None:
    """Write a NATS server's configuration and one credentials file for each service into FOLDER."""
    for name in (*tenants, *sources, *homes, site):
        _check_name(name)
    if bool(tls_cert) != bool(tls_key):
        raise click.UsageError("--tls-cert and --tls-key go together")
    plan = Plan(
        listen=listen,
        store_dir=store_dir,
        monitor=monitor,
        tenants=tenants or ("evenload",),
        limit_sources=sources,
        homes=homes,
        tls=Tls(cert=tls_cert, key=tls_key, ca=tls_ca) if tls_cert else None,
        leaf=Leaf(url=leaf_to, site=site, controlled=controlled) if leaf_to else None,
        leaf_listen=leaf_listen,
    )
    written = write(folder, plan, rotate=rotate)
    click.echo(f"{folder / CONFIG}: start it with nats-server -c {folder / CONFIG}")
    click.echo("\n".join(f"{path}" for path in written))
    click.echo(f"next: EVENLOAD_NATS_CREDS={folder / 'provisioner.key'} evenload nats provision")


def _check_name(name: str) -> None:
    try:
        msgspec.convert(name, Name)
    except msgspec.ValidationError as fault:
        raise click.UsageError(f"{name!r} is no name: 1 to 48 of a-z 0-9 _ -") from fault


def write(folder: Path, plan: Plan, *, rotate: bool = False) -> list[Path]:
    """Write all files and return the paths of the credentials. Raises `Failure`."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        files = {name: folder / f"{name}.key" for name in (*nats_files.users(plan), SYSTEM_USER)}
        known = {} if rotate else {name: _password_in(path) for name, path in files.items()}
        passwords = {name: known.get(name) or secrets.token_urlsafe(PASSWORD_BYTES) for name in files}
        for name, path in files.items():
            _write(path, nats_files.credentials(name, passwords[name]))
        _write(folder / ACCOUNTS, nats_files.accounts(plan, passwords))
        _write(folder / CONFIG, nats_files.configuration(plan))
    except OSError as fault:
        raise Failure(f"{fault.filename or folder}: {fault.strerror}", "choose a folder that you may write") from fault
    return list(files.values())


def _password_in(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip().partition(":")[2] if path.exists() else ""


def _write(path: Path, text: str) -> None:
    """Write a secret in one piece: whoever reads meanwhile sees the old file or the new one."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_MODE)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)


@nats.command(epilog=PROVISION_EXAMPLES)
@click.option("--replicas", type=click.IntRange(1, 5), default=1, show_default=True, help="Copies, on a cluster: 3.")
@click.option("--stay", is_flag=True, help="Go on, and do it again after each new connection, until told to end.")
@system_options
def provision(*, replicas: int, stay: bool, nats: str | None, data_dir: Path | None) -> None:
    """Make all streams and buckets that are declared and missing, and adapt those that differ.

    A server that starts again has lost what it kept in memory; with --stay that is made again at once.
    """
    asyncio.run(_provision(replicas, nats, data_dir, stay=stay))


def _tell(found: Declared) -> None:
    for kind in ("created", "updated", "present"):
        names = getattr(found, kind)
        if names:
            click.echo(f"{kind}: {', '.join(sorted(names))}")
    for each in found.differing:
        click.echo(f"differs: {each}", err=True)


def _refuse_differing(found: Declared) -> None:
    if found.differing:
        remedy = "back it up, remove it with the NATS CLI and provision again"
        raise Failure(f"{len(found.differing)} are not as declared", remedy)


async def _provision(replicas: int, nats_url: str | None, data_dir: Path | None, *, stay: bool) -> None:
    async with connected(nats_url, data_dir) as bus:
        again = asyncio.Event()
        bus.on_connection(lambda up: again.set() if up else None)
        found = await ensure(bus, replicas)
        _tell(found)
        if not stay:
            _refuse_differing(found)
        else:
            await _until_told(asyncio.create_task(_provision_again(bus, replicas, again)))


async def _until_told(staying: asyncio.Task[None]) -> None:
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    ending = asyncio.create_task(told.wait())
    await asyncio.wait((staying, ending), return_when=asyncio.FIRST_COMPLETED)
    ending.cancel()
    if staying.done():
        staying.result()
    staying.cancel()


async def _provision_again(bus: NatsBus, replicas: int, again: asyncio.Event) -> None:
    while True:
        await again.wait()
        again.clear()
        try:
            _tell(await ensure(bus, replicas))
        except BusError as fault:  # JetStream may be later than the connection
            click.echo(str(fault), err=True)
            await asyncio.sleep(RETRY_S)
            again.set()


@nats.command(name="permissions")
def show_permissions() -> None:
    """Show what each user may publish and subscribe to; everything else is denied."""
    table = Table(box=None, padding=(0, 2, 1, 0))
    for column in ("user", "publish", "subscribe", "answers"):
        table.add_column(column, overflow="fold")
    for rights in EVERYBODY:
        may = permissions(rights)
        table.add_row(rights.user, "\n".join(may.publish), "\n".join(may.subscribe), "yes" if may.answers else "")
    Console().print(table)
