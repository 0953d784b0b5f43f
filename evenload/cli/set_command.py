"""`evenload set`: a load's mode, priority, limit, target or schedule, a site's distribution, for a time or for good."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import click
import msgspec
from msgspec.structs import replace

from evenload.cli.connection import connected, system_options, who
from evenload.cli.durations import duration_s
from evenload.cli.failures import Failure
from evenload.cli.sites import site_now, the_site
from evenload.contracts import subjects
from evenload.contracts.catalog import COMMAND_NAMES
from evenload.contracts.commands import (
    ClearOverride,
    CommandAccepted,
    CommandReply,
    SetDistribution,
    SetLimit,
    SetMode,
    SetPriority,
    SetSchedule,
    SetTarget,
    SiteCommand,
)
from evenload.contracts.events import AskedMode, Distribution
from evenload.contracts.schedules import ScheduleWindow
from evenload.contracts.wire import Codec, encode
from evenload.site.windows import WindowFault, parsed

WHAT = ("mode", "priority", "limit", "target", "schedule", "distribution", "clear")
MODES, DISTRIBUTIONS = get_args(AskedMode), get_args(Distribution)
SAME_MODES = {"continuous": "standard", "normal": "standard"}
EXAMPLES = """\b
Examples:
  evenload set wallbox mode solar_only
  evenload set wallbox mode standard --until 07:00    tomorrow when 07:00 has passed today
  evenload set wallbox limit 10 --until 2h            A per line, never above the site file's max_a
  evenload set heater priority 1                      lowest first
  evenload set boiler mode boost                      heat to the target once, whatever the source
  evenload set boiler target 60                       °C
  evenload set wallbox schedule "mon-fri 22:00-06:00 standard; sat sun 10:00-16:00 solar_only 10A"
  evenload set wallbox schedule none                  as if the file had none
  evenload set home distribution shared               of the site
  evenload set wallbox clear                          back to the site file; so does `set home clear` for the site
\b
Modes: standard (of a tank or a room also: normal), solar_priority, solar_only, excess, off; boost where it heats.
Without --until a mode, limit or target holds until the load's schedule next changes it, and without a schedule until
cleared; --until cleared holds it over all changes of the schedule. Times of day are the site's (`time_zone`).
Exit status: 0 in force, 1 not accepted, 3 nobody answers.
"""
_AMOUNT = re.compile(r"(\d{1,4}(?:\.\d+)?)(A|C)")


@click.command(name="set", epilog=EXAMPLES)
@click.argument("target", metavar="LOAD|SITE")
@click.argument("what", type=click.Choice(WHAT))
@click.argument("value", required=False)
@click.option("--until", help="When it ends by itself: 2h, 30min, 07:00, 2026-06-01T18:00; or cleared.")
@click.option("--site", help="Site of the load, when several run.")
@system_options
def set_command(
    *, target: str, what: str, value: str | None, until: str | None, site: str | None, nats: str | None, data_dir: Path
) -> None:
    """Change how a load or a site is managed; kept over restarts, ends when the site file changes that value."""
    if (what == "clear") != (value is None):
        raise click.UsageError("clear takes no value" if value else f"{what} takes a value, as in evenload set --help")
    keeps = until == "cleared"
    end = None if keeps else until
    asyncio.run(_set(target, what, value or "", end=(end, keeps), site=site, nats=nats, data_dir=data_dir))


async def _set(
    target: str,
    what: str,
    value: str,
    *,
    end: tuple[str | None, bool],
    site: str | None,
    nats: str | None,
    data_dir: Path | None,
) -> None:
    async with connected(nats, data_dir) as bus:
        name = await the_site(bus, site, target)
        said, keeps = end
        until = until_from(said, await site_now(bus, name)) if said else None
        command = replace(command_from(name, target, what, value=value, until=until), keeps=keeps)
        subject = subjects.command(name, COMMAND_NAMES[type(command)])
        answer = await bus.request(subject, encode(command))
        reply = Codec(CommandReply, "command reply").decode(answer, subject)
    if isinstance(reply, CommandAccepted):
        click.echo(reply.text)
    else:
        raise Failure(reply.why, reply.remedy)


def command_from(site: str, target: str, what: str, *, value: str, until: datetime | None) -> SiteCommand:
    """Return the command to send; raises `click.BadParameter` for a value that cannot be meant."""
    by = f"evenload set, {who()}"
    if what == "clear":
        return ClearOverride(site=site, by=by, until=until, load=None if target == site else target)
    if what == "distribution":
        distribution = msgspec.convert(_one_of(value, DISTRIBUTIONS), Distribution)
        return SetDistribution(site=site, by=by, until=until, distribution=distribution)
    if what == "mode":
        mode = msgspec.convert(_one_of(SAME_MODES.get(value, value), MODES), AskedMode)
        return SetMode(site=site, by=by, until=until, load=target, mode=mode)
    if what == "priority":
        return SetPriority(site=site, by=by, until=until, load=target, priority=_whole(value))
    if what == "target":
        return SetTarget(site=site, by=by, until=until, load=target, target_c=_celsius(value))
    if what == "schedule":
        return SetSchedule(site=site, by=by, until=until, load=target, windows=windows_from(value))
    return SetLimit(site=site, by=by, until=until, load=target, max_a=_amps(value))


def windows_from(text: str) -> tuple[ScheduleWindow, ...]:
    """Return the windows in `text`, by semicolon: days and times, then any of a mode, a limit (10A), a target (60C)."""
    if text == "none":
        return ()
    return tuple(_window_from(part) for part in text.split(";"))


def _window_from(text: str) -> ScheduleWindow:
    when: list[str] = []
    sets: dict[str, str | float] = {}
    for word in text.split():
        amount = _AMOUNT.fullmatch(word)
        if amount is not None:
            sets[{"A": "max_a", "C": "target_c"}[amount[2]]] = float(amount[1])
        elif word in (*MODES, "continuous"):
            sets["mode"] = "standard" if word == "continuous" else word
        else:
            when.append(word)
    try:
        parsed(" ".join(when))
        return msgspec.convert({"when": " ".join(when), **sets}, ScheduleWindow)
    except (WindowFault, msgspec.ValidationError) as fault:
        raise click.BadParameter(f"schedule {text.strip()!r}: {fault}") from fault


def _one_of(value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise click.BadParameter(f"{value!r} is none of {', '.join(allowed)}")
    return value


def _whole(value: str) -> int:
    if not value.isascii() or not value.isdigit() or int(value) > 1_000_000:
        raise click.BadParameter(f"a priority is a whole number from 0, lowest first, not {value!r}")
    return int(value)


def _amps(value: str) -> float:
    found = re.fullmatch(r"(\d{1,4}(?:\.\d+)?)\s*A?", value)
    if not found:
        raise click.BadParameter(f"a limit is a number of amperes per line, not {value!r}")
    return float(found.group(1))


def _celsius(value: str) -> float:
    found = re.fullmatch(r"(-?\d{1,3}(?:\.\d+)?)\s*(?:°?C)?", value)
    if not found:
        raise click.BadParameter(f"a target is a temperature in °C, not {value!r}")
    return float(found.group(1))


def until_from(text: str, now: datetime) -> datetime:
    """Return the end that `text` names, UTC: a duration, a time of day (the next one), or a date and time.

    `now` is on the wall clock on which times are meant.
    """
    lasts_s = duration_s(text)
    if lasts_s is not None:
        return now.astimezone(UTC) + timedelta(seconds=lasts_s)
    try:
        if re.fullmatch(r"\d{1,2}:\d{2}", text):
            hour, minute = map(int, text.split(":"))
            end = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
            end += timedelta(days=end <= now)
        else:
            end = datetime.fromisoformat(text)
            end = end if end.tzinfo else end.replace(tzinfo=now.tzinfo)
    except ValueError as fault:
        remedy = "2h, 30min, 07:00 or 2026-06-01T18:00"
        raise click.BadParameter(f"--until: expected {remedy}, got {text!r}") from fault
    if end <= now:
        raise click.BadParameter(f"--until: {text} is past")
    return end.astimezone(UTC)
