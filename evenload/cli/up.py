"""`evenload up`: everything that sites need on this machine: embedded NATS server and all services, kept running."""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console

from evenload.cli.check import load_all
from evenload.cli.failures import Failure
from evenload.cli.launch import HTTP_PORTS, Launch, keep_running
from evenload.cli.ports import need, wished_or_free
from evenload.cli.running import default_data_dir

NATS_PORT, OCPP_PORT = 4222, 9000
EXAMPLES = """\b
Examples:
  evenload up home.yaml
  evenload up home.yaml --ocpp-host 0.0.0.0      chargers in your network may connect
  evenload up sites/*.yaml --data-dir /var/lib/evenload --no-table
\b
The files are followed: a good change takes force within 2 s, a bad one is reported and the last good version stays.
Ctrl-C ends all processes within 5 s; every load goes to its failsafe current.
Data, logs and the address for other commands are in the data folder: --data-dir, else $EVENLOAD_DATA_DIR, else
~/.local/share/evenload. Exit status: 0 ended as asked, 1 refused or not able to start, 2 wrong usage.
"""


@click.command(epilog=EXAMPLES)
@click.argument("sites", metavar="SITE.yaml...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Where everything is kept.")
@click.option("--port", "nats_port", type=click.IntRange(1, 65535), default=NATS_PORT, show_default=True, help="NATS.")
@click.option("--ocpp-host", default="127.0.0.1", show_default=True, help="Where chargers connect; 0.0.0.0: anywhere.")
@click.option("--ocpp-port", type=click.IntRange(1, 65535), default=OCPP_PORT, show_default=True, help="Same, port.")
@click.option("--open-stations", is_flag=True, help="Let stations without a password connect; anyone could be one.")
@click.option("--table/--no-table", default=None, help="Live table, or logs; default: a table on a terminal.")
def up(
    *,
    sites: tuple[Path, ...],
    data_dir: Path | None,
    nats_port: int,
    ocpp_host: str,
    ocpp_port: int,
    open_stations: bool,
    table: bool | None,
) -> None:
    """Manage the sites in these files on this machine, until Ctrl-C."""
    load_all(sites)
    folder, console = data_dir or default_data_dir(), Console()
    with alone_in(folder):
        launch = Launch(
            kind="up",
            data_dir=folder,
            run_dir=folder,
            site_files=sites,
            nats_port=need(nats_port, "127.0.0.1", "NATS", "--port"),
            ocpp_host=ocpp_host,
            ocpp_port=need(ocpp_port, ocpp_host, "chargers (OCPP)", "--ocpp-port"),
            http_ports={name: wished_or_free(port) for name, port in HTTP_PORTS.items()},
            open_stations=open_stations,
            table=console.is_terminal if table is None else table,
        )
        asyncio.run(keep_running(launch, console))


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the data folder for this process alone; the system lets go of it however the process ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as fault:
        raise Failure(f"{folder}: {fault.strerror}", "choose a folder that can be written: --data-dir DIR") from fault
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as fault:
        raise Failure(
            f"evenload runs already in {folder}", "end it, or choose another folder: --data-dir DIR"
        ) from fault
    finally:
        os.close(lock)
