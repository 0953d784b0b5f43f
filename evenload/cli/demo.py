"""`evenload demo`: the real services as in production, against a simulated home that speaks the real protocols."""

import asyncio
import tempfile
from difflib import get_close_matches
from pathlib import Path

import click
from rich.console import Console

from evenload.cli.launch import OUTWARD, SERVICES, Launch, keep_running, log_of
from evenload.cli.ports import free_port
from evenload.cli.running import default_data_dir
from evenload.cli.supervisor import Child
from evenload.simulation.demo_devices import NAMES, NOT_HERE, missing
from evenload.simulation.station_faults import FAULTS

EXAMPLES = """\b
Examples:
  evenload demo                   until Ctrl-C
  evenload demo --seed 7          another day
  evenload demo --fault zero_ends_session    a wallbox that behaves as some do; --faults lists them
  evenload demo --with huawei --with tasmota-plug
                                  meter, sun and battery by a Huawei's registers, the heater on a Tasmota plug
  evenload demo --with homeassistant     everything through Home Assistant's entities; --with mqtt over a broker
  evenload status --watch         in a second terminal
  evenload set wallbox mode standard
\b
The home is simulated: sun and clouds, house, battery, cars. Its stations are OCPP clients on WebSockets, its meter and
plug answer on HTTP; everything else is what runs in production. Nothing is kept: data go to a temporary folder.
"""


@click.command(epilog=EXAMPLES)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Weather and habits.")
@click.option("--speed", type=click.FloatRange(1, 600), default=60.0, show_default=True, help="Of sun and habits.")
@click.option(
    "--with",
    "others",
    multiple=True,
    type=click.Choice(NAMES),
    metavar="DEVICE",
    help=f"A device in place of the home's usual ones; may be repeated. One of {', '.join(NAMES)}. {NOT_HERE}",
)
@click.option("--fault", metavar="NAME", help="The wallbox behaves as such stations in the field do.")
@click.option("--faults", is_flag=True, help="List what --fault takes, and end.")
def demo(seed: int, speed: float, others: tuple[str, ...], fault: str | None, *, faults: bool) -> None:
    """Run a simulated home with sun, battery, two charging stations and a heater, and show it live."""
    if faults:
        click.echo("\n".join(f"{name:28} {_says(name)}" for name in sorted(FAULTS)))
        return
    if fault is not None and fault not in FAULTS:
        close = get_close_matches(fault, sorted(FAULTS), n=1)
        hint = f"did you mean {close[0]}?" if close else "evenload demo --faults lists them"
        raise click.UsageError(f"--fault: no station behaves as {fault!r}; {hint}")
    for name in others:
        lacks = missing(name)
        if lacks is not None:
            raise click.UsageError(f"--with {name}: {lacks}")
    if fault is not None:
        click.echo(f"The wallbox is an odd one, {fault}: {_says(fault)}")
    with tempfile.TemporaryDirectory(prefix="evenload-demo-", ignore_cleanup_errors=True) as folder:
        changes = tuple(part for name in others for part in ("--with", name))
        changes += ("--fault", fault) if fault else ()
        asyncio.run(keep_running(_launch(Path(folder), seed, speed, changes), Console()))


def _says(fault: str) -> str:
    """Return what an odd station does."""
    return (FAULTS[fault].__doc__ or "").splitlines()[0]


def _launch(folder: Path, seed: int, speed: float, changes: tuple[str, ...]) -> Launch:
    site_file, ocpp_port = folder / "home.yaml", free_port()
    arguments = ("--ocpp-url", f"ws://127.0.0.1:{ocpp_port}", "--seed", str(seed), "--speed", f"{speed:g}")
    return Launch(
        kind="demo",
        data_dir=folder,
        run_dir=default_data_dir(),
        site_files=(site_file,),
        nats_port=None,
        ocpp_host="127.0.0.1",
        ocpp_port=ocpp_port,
        http_ports={name: free_port() for name in (*SERVICES, OUTWARD)},
        open_stations=True,
        table=True,
        world=Child(
            name="simulated home",
            module="evenload.simulation.home",
            arguments=(*arguments, *changes, "--site-out", str(site_file)),
            log=log_of(folder, "home"),
        ),
    )
