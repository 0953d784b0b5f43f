"""`evenload probe`: read one device as the services would, and show what it says and what is made of it."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import yaml
from msgspec import Struct, structs

from evenload.contracts.events import MeterReading
from evenload.contracts.phases import PerPhase
from evenload.devices.access import Access, open_access
from evenload.devices.errors import DeviceError
from evenload.site.drivers import METER_DRIVERS, PLUG_DRIVERS
from evenload.site.findings import faults
from evenload.site.load import load_text
from evenload.site.schema import Site
from services.meter_ingest.config import MeterPlan, meter_plans
from services.meter_ingest.drivers.table import DRIVERS as METERS
from services.meter_ingest.memory import MeterMemory
from services.meter_ingest.normalise import Normalised, Now, normalise
from services.meter_ingest.raw import RawSample
from services.plug_control.config import PlugPlan, plug_plans
from services.plug_control.drivers.table import DRIVERS as PLUGS
from services.plug_control.observation import check

ADDRESS_KEYS = {"http_json": "url", "dsmr_serial": "port", "mqtt": "topic", "tasmota_mqtt": "topic"}
"""Driver → the key that HOST stands for, where it is another than `host`."""
LONGEST_WAIT_S, RETRY_S = 30.0, 2.0
NAME = "probe"


class Asked(Struct, frozen=True, kw_only=True):
    """What the command line asks for."""

    driver: str
    address: str
    role: str
    plug: bool
    options: Mapping[str, Any]
    broker: str | None


@click.command()
@click.argument("driver")
@click.argument("host")
@click.option("--role", default="grid", show_default=True, help="what it measures: grid, solar, battery, …")
@click.option("--plug", is_flag=True, help="look at it as a plug; nothing is switched")
@click.option("-o", "--option", "given", multiple=True, metavar="KEY=VALUE", help="a key of the driver, as in the file")
@click.option("--broker", help="MQTT broker, as mqtt://192.168.1.10, for drivers that speak over one")
@click.option("--watch", is_flag=True, help="go on until Ctrl-C")
def probe(driver: str, host: str, watch: bool, **more: Any) -> None:
    """Read the device at HOST with DRIVER once, and show its raw and its normalised values.

    HOST is a name or address, for some drivers what stands for it: a URL, a topic, a serial port. The lines at the end
    are for the site file.

    \b
    Examples:
      evenload probe homewizard 192.168.1.20
      evenload probe huawei 192.168.1.30 --role battery --watch
      evenload probe shelly 192.168.1.40 --plug
      evenload probe mqtt pv/power --role solar -o phases=[L2] --broker mqtt://192.168.1.10
    """
    asked = Asked(
        driver=driver,
        address=host,
        role=more["role"],
        plug=more["plug"] or driver not in METER_DRIVERS,
        options=_options(more["given"]),
        broker=more["broker"],
    )
    text = site_text(asked)
    loaded = load_text(text, "site file")
    if loaded.site is None:
        raise click.ClickException("\n".join(_about_the_device(str(fault)) for fault in faults(loaded.findings)))
    try:
        asyncio.run(_show(loaded.site, asked, watch=watch))
    except KeyboardInterrupt:
        return
    except DeviceError as trouble:
        raise click.ClickException(str(trouble)) from trouble


def site_text(asked: Asked) -> str:
    """Return a site file with the device in it, as small as one can be."""
    keys = {"driver": asked.driver, ADDRESS_KEYS.get(asked.driver, "host"): asked.address, **asked.options}
    phases = asked.options.get("phases", ["L1", "L2", "L3"])
    site: dict[str, Any] = {"site": NAME, "grid": {"breaker_a": 1_000}}
    site["phases"] = phases if asked.role == "grid" and not asked.plug else ["L1", "L2", "L3"]
    grid = {"role": "grid", "driver": "homewizard", "host": "127.0.0.1:9"}
    if asked.plug:
        site |= {"meters": {"p1": grid}, "loads": {NAME: {"type": "plug", "power_w": 100, "phases": ["L1"], **keys}}}
    else:
        site["meters"] = {NAME: {"role": asked.role, **keys}}
        if asked.role != "grid":
            site["meters"]["p1"] = grid
        if asked.role == "battery":
            site["battery"] = {"soc_min_pct": 10}
    if asked.broker is not None:
        site["mqtt"] = {"broker": asked.broker}
    return yaml.safe_dump(site, sort_keys=False)


def _options(given: tuple[str, ...]) -> dict[str, Any]:
    found = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"--option {text}: write it as KEY=VALUE")
        found[key] = yaml.safe_load(value)
    return found


def _about_the_device(fault: str) -> str:
    return fault.partition(f".{NAME}.")[2] or fault


async def _show(site: Site, asked: Asked, *, watch: bool) -> None:
    access = structs.replace(open_access(), secrets=Path())
    try:
        if asked.plug:
            await _show_plug(plug_plans(site)[NAME], access, watch=watch)
        else:
            await _show_meter(meter_plans(site)[NAME], access, watch=watch)
    finally:
        await access.close()
    click.echo("\nfor the site file:\n")
    click.echo(lines_for_site_file(asked))


async def _show_meter(plan: MeterPlan, access: Access, *, watch: bool) -> None:
    shown = False
    while True:
        try:
            async with aclosing(readings(plan, access)) as found:
                while True:
                    raw, outcome = await _next(found, plan)
                    if not shown:
                        click.echo("raw\n" + "\n".join(raw_lines(raw)) + "\n\nnormalised")
                    shown = True
                    click.echo("\n".join(reading_lines(outcome)) if not watch else _one_line(outcome))
                    if not watch:
                        return
        except DeviceError as trouble:
            await _go_on(trouble, watch=watch)


async def _next(
    found: AsyncGenerator[tuple[RawSample, Normalised], None], plan: MeterPlan
) -> tuple[RawSample, Normalised]:
    try:
        async with asyncio.timeout(LONGEST_WAIT_S):
            return await anext(found)
    except TimeoutError as fault:
        why = f"nothing came within {LONGEST_WAIT_S:g} s"
        raise DeviceError("silent", plan.driver, why, "does it send by itself; is the topic or port right") from fault


async def _go_on(trouble: DeviceError, *, watch: bool) -> None:
    """Tell the trouble and wait a little while watching; else raise it."""
    if not watch:
        raise trouble
    click.echo(f"{datetime.now(UTC):%H:%M:%S}  {trouble}")
    await asyncio.sleep(RETRY_S)


async def readings(plan: MeterPlan, access: Access) -> AsyncGenerator[tuple[RawSample, Normalised], None]:
    """Yield what the device says and what is made of it."""
    memory = MeterMemory()
    async with aclosing(METERS[plan.driver](plan, access)) as samples:
        async for raw in samples:
            memory, outcome = normalise(plan, memory, raw, Now(time.monotonic(), datetime.now(UTC)))
            yield raw, outcome


def raw_lines(raw: RawSample) -> list[str]:
    """Return what a raw sample says, a line for each value that is there."""
    found = {
        **{f"line {number} {name}": value
           for number, line in enumerate(raw.lines, 1) for name, value in structs.asdict(line).items()},
        **{name: getattr(raw, name) for name in ("power", "current", "voltage", "soc", "temperature", "taken_at")},
        **{f"imported {number}": value for number, value in enumerate(raw.imported, 1)},
        **{f"exported {number}": value for number, value in enumerate(raw.exported, 1)},
    }  # fmt: skip
    return [f"  {name:<18} {value!r}" for name, value in found.items() if value is not None]


def reading_lines(outcome: Normalised) -> list[str]:
    """Return a reading, a line for each value; or why there is none."""
    lines = [] if outcome.reading is None else _value_lines(outcome.reading)
    if outcome.reading is None:
        lines.append(f"  refused: {outcome.refused}")
    lines += [f"  ! {alert.kind}: {alert.text}; {alert.remedy}" for alert in outcome.alerts if alert.active]
    return lines


def _value_lines(reading: MeterReading) -> list[str]:
    names = ("current_a", "power_w", "voltage_v", "total_power_w", "import_wh", "export_wh", "soc_pct", "temperature_c")
    found = {name: getattr(reading, name) for name in names}
    shown = [f"  {name:<18} {_shown(value)}" for name, value in found.items() if value is not None]
    return [*shown, f"  {'quality':<18} {reading.quality}"]


def _shown(value: PerPhase | float) -> str:
    return (
        "  ".join(f"{phase} {each:.10g}" for phase, each in value.items())
        if isinstance(value, PerPhase)
        else f"{value:.10g}"
    )


def _one_line(outcome: Normalised) -> str:
    reading, now = outcome.reading, datetime.now(UTC).strftime("%H:%M:%S")
    if reading is None:
        return f"{now}  refused: {outcome.refused}"
    current = "" if reading.current_a is None else f"  A: {_shown(reading.current_a)}"
    total = "" if reading.total_power_w is None else f"  W: {reading.total_power_w:g}"
    soc = "" if reading.soc_pct is None else f"  %: {reading.soc_pct:g}"
    return f"{now}{current}{total}{soc}  {reading.quality}"


async def _show_plug(plan: PlugPlan, access: Access, *, watch: bool) -> None:
    async with PLUGS[plan.driver](plan, access) as plug:
        await asyncio.sleep(0.5 if plan.mqtt else 0.0)  # retained states come a moment after subscribing
        while True:
            try:
                raw = await plug.observe()
            except DeviceError as trouble:
                await _go_on(trouble, watch=watch)
                continue
            look = check(plan, raw)
            click.echo(f"raw         {raw}")
            click.echo(f"normalised  {look if look is not None else 'refused: it does not say whether it is on'}")
            if not watch:
                return
            await asyncio.sleep(1)


def lines_for_site_file(asked: Asked) -> str:
    """Return the lines that put the device into a site file."""
    keys = {"driver": asked.driver, ADDRESS_KEYS.get(asked.driver, "host"): asked.address, **asked.options}
    if asked.plug:
        whole: dict[str, Any] = {"loads": {"heater": {"type": "plug", **keys, "power_w": 2000, "phases": ["L1"]}}}
    else:
        name = {"grid": "p1", "solar": "pv", "battery": "bat"}.get(asked.role, asked.role)
        whole = {"meters": {name: {"role": asked.role, **keys}}}
    if asked.driver not in {**METER_DRIVERS, **PLUG_DRIVERS}:
        return ""
    return yaml.safe_dump(whole, sort_keys=False, default_flow_style=None, width=110).strip()
