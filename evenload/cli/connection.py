"""The connection of a command to the running system, and the options that say which one."""

import getpass
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
from msgspec.structs import replace

from evenload.cli.failures import not_reached
from evenload.cli.running import default_data_dir, find
from evenload.contracts.wire import ContractError
from evenload.runtime.bus import BusDown, BusError, BusTimeout
from evenload.runtime.clock import SystemClock
from evenload.runtime.credentials import CredentialsError
from evenload.runtime.nats_bus import NatsBus, connect_nats
from evenload.runtime.settings import Settings, SettingsError

CONNECT_S = 3.0
Command = TypeVar("Command", bound=Callable[..., Any])


def system_options(command: Command) -> Command:
    """Add the options that say which running system is meant."""
    nats = click.option("--nats", metavar="URL", help="NATS address; default $EVENLOAD_NATS_URL, else the running up.")
    data_dir = click.option(
        "--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Data folder of the `up` that is meant."
    )
    return nats(data_dir(command))


def who() -> str:
    """Return who types: a name, or a number where this machine has no name for it, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def settings_for(nats: str | None, data_dir: Path | None) -> Settings:
    """Return the settings of the system that is meant; ends the command when none runs."""
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as fault:
        raise click.UsageError(str(fault)) from fault
    if nats or (data_dir is None and os.environ.get("EVENLOAD_NATS_URL")):
        return replace(settings, nats_url=nats or settings.nats_url)
    folder = data_dir or default_data_dir()
    running = find(folder)
    if running is None:
        not_reached(
            f"no running evenload found ({folder} names none)",
            "start `evenload up SITE.yaml` or `evenload demo`, or say where it is: --nats URL or --data-dir DIR",
        )
    return replace(settings, nats_url=running.nats_url)


@asynccontextmanager
async def connected(nats: str | None, data_dir: Path | None) -> AsyncIterator[NatsBus]:
    """Yield a bus of the system that is meant; what goes wrong on it ends the command with a sentence."""
    settings = settings_for(nats, data_dir)
    boot = f"cli-{secrets.token_hex(4)}"
    try:
        bus = await connect_nats(settings, boot, "evenload-cli", SystemClock(), wait_s=CONNECT_S)
        try:
            yield bus
        finally:
            await bus.close()
    except BusTimeout as fault:
        not_reached(
            f"{fault.what}: no answer", fault.remedy or "is the service that answers it running? evenload status"
        )
    except BusDown as fault:
        not_reached(f"{fault.what}: {fault.why}", fault.remedy or "is `evenload up` running, and is the address right?")
    except (BusError, CredentialsError, ContractError) as fault:
        not_reached(str(fault), "look into the log of `evenload up`")
