"""`evenload plan`: what a load must have by when; set, clear, show."""

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import click

from evenload.cli.connection import connected, system_options, who
from evenload.cli.failures import Failure
from evenload.cli.last_known import last_known
from evenload.cli.plan_text import plan_line
from evenload.cli.set_command import until_from
from evenload.cli.sites import site_now, the_site
from evenload.contracts import subjects
from evenload.contracts.catalog import COMMAND_NAMES
from evenload.contracts.commands import ClearPlan, CommandRejected, CommandReply, SetPlan
from evenload.contracts.plan_events import LoadPlan
from evenload.contracts.plans import Need
from evenload.contracts.wire import Codec, ContractError, encode
from evenload.runtime.bus import Bus
from evenload.runtime.clock import SystemClock
from evenload.site.deadlines import deadline
from evenload.site.windows import WindowFault

WAIT_S = 10.0
EXAMPLES = """\b
Examples:
  evenload plan wallbox 40kWh --by 07:00                    once, the next 07:00
  evenload plan wallbox 15kWh --by "mon-fri 07:00"          each of these days
  evenload plan wallbox 80% --by 07:00 --battery 60kWh      with a meter of role vehicle that shows its soc
  evenload plan boiler 55C --by 06:30
  evenload plan wallbox                                     show it
  evenload plan                                             show all
  evenload plan wallbox clear                               back to the site file's plans
  evenload plan wallbox none                                as if the file had none
\b
Exit status: 0 in force or shown, 1 not accepted, 3 nobody answers.
"""
_AMOUNT = re.compile(r"(\d{1,7}(?:\.\d+)?)\s*(kWh|Wh|%|°?C)", re.IGNORECASE)


@click.command(name="plan", epilog=EXAMPLES)
@click.argument("load", required=False)
@click.argument("amount", metavar="AMOUNT|clear|none", required=False)
@click.option(
    "--by",
    help="Deadline in the site's time zone: 07:00 (the next one), 2026-06-01T07:00, or on days: `mon-fri 07:00`.",
)
@click.option("--battery", help="Size of the vehicle's battery, as 60kWh; for an amount in %.")
@click.option("--meter", help="Meter of role vehicle or temperature that shows it, where there are several.")
@click.option("--site", help="Site of the load, when several run.")
@system_options
def plan_command(
    *,
    load: str | None,
    amount: str | None,
    by: str | None,
    battery: str | None,
    meter: str | None,
    site: str | None,
    nats: str | None,
    data_dir: Path | None,
) -> None:
    """Say what a load must have by when: at the sunniest or cheapest moment, but by then."""
    if load is None or amount is None:
        asyncio.run(_show(load, nats, data_dir))
        return

    def needs(now: datetime) -> tuple[Need, ...] | None:
        if amount in ("clear", "none"):
            return None if amount == "clear" else ()
        return (need_from(amount, by, battery=battery, meter=meter, now=now),)

    asyncio.run(_set(load, needs, site=site, nats=nats, data_dir=data_dir))


def need_from(amount: str, by: str | None, *, battery: str | None, meter: str | None, now: datetime) -> Need:
    """Return the need that is meant; raises `click.BadParameter`."""
    found = _AMOUNT.fullmatch(amount)
    if found is None:
        raise click.BadParameter(f"an amount is as 40kWh, 80% or 55C, not {amount!r}")
    if by is None:
        raise click.UsageError("say by when: --by 07:00")
    value, unit = float(found[1]), found[2].lower()
    size_wh = _energy_wh(battery) if battery is not None else None
    return Need(
        by=_deadline(by, now),
        energy_wh=value * (1000 if unit == "kwh" else 1) if unit.endswith("wh") else None,
        soc_pct=value if unit == "%" else None,
        target_c=value if unit.endswith("c") else None,
        battery_wh=size_wh,
        meter=meter,
    )


def _energy_wh(text: str) -> float:
    found = _AMOUNT.fullmatch(text)
    if found is None or not found[2].lower().endswith("wh"):
        raise click.BadParameter(f"--battery: expected a size as 60kWh, got {text!r}")
    return float(found[1]) * (1000 if found[2].lower() == "kwh" else 1)


def _deadline(text: str, now: datetime) -> str:
    """Return a deadline as the site keeps it: days as they are, a time alone as the next one."""
    if re.fullmatch(r"\d{1,2}:\d{2}", text):
        return until_from(text, now).isoformat(timespec="minutes")
    try:
        due = deadline(text)
    except WindowFault as fault:
        raise click.BadParameter(f"--by: {fault}") from fault
    if due.once is not None and due.once.tzinfo is None:
        return due.once.replace(tzinfo=now.tzinfo).astimezone(UTC).isoformat(timespec="minutes")
    return text


async def _set(
    load: str,
    needs_at: Callable[[datetime], tuple[Need, ...] | None],
    *,
    site: str | None,
    nats: str | None,
    data_dir: Path | None,
) -> None:
    by = f"evenload plan, {who()}"
    async with connected(nats, data_dir) as bus:
        name = await the_site(bus, site, load)
        now = await site_now(bus, name)
        needs = needs_at(now)
        command = (
            ClearPlan(site=name, by=by, load=load)
            if needs is None
            else SetPlan(site=name, by=by, load=load, needs=needs)
        )
        plans: asyncio.Queue[LoadPlan] = asyncio.Queue(100)
        await bus.subscribe(subjects.load_plan(name, load), _into(plans))
        subject = subjects.command(name, COMMAND_NAMES[type(command)])
        reply = Codec(CommandReply, "command reply").decode(await bus.request(subject, encode(command)), subject)
        if isinstance(reply, CommandRejected):
            raise Failure(reply.why, reply.remedy)
        click.echo(reply.text)
        if needs:
            click.echo(await _first_plan(plans, now.tzinfo))


def _into(plans: "asyncio.Queue[LoadPlan]") -> Callable[[str, bytes], None]:
    codec = Codec(LoadPlan, "LoadPlan")

    def take(subject: str, data: bytes) -> None:
        try:
            plan: LoadPlan = codec.decode(data, subject)
        except ContractError:
            return
        if not plans.full():
            plans.put_nowait(plan)

    return take


async def _first_plan(plans: "asyncio.Queue[LoadPlan]", zone: tzinfo | None) -> str:
    """Return what the planner makes of it: the first plan of what was asked for by command."""
    try:
        async with asyncio.timeout(WAIT_S):
            while True:
                plan = await plans.get()
                if plan.asked_at is not None:
                    return plan_line(plan, zone)
    except TimeoutError:
        return "the planner has not answered yet; evenload plan shows it later"


async def _show(load: str | None, nats: str | None, data_dir: Path | None) -> None:
    async with connected(nats, data_dir) as bus:
        lines = await _lines(bus, load)
    click.echo("\n".join(lines) if lines else "no plans" if load is None else f"{load} has no plan")


async def _lines(bus: Bus, load: str | None) -> list[str]:
    view = await last_known(bus, SystemClock())
    return [
        f"{name}: {line}"
        for _, site in sorted(view.sites.items())
        for name, plan in sorted(site.plans.items())
        if load in (None, name) and (line := plan_line(plan, site.zone))
    ]
