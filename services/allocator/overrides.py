"""Values set by hand, beside the site file: applying a command, and ending what is over. Pure.

An override ends at its time, when it is cleared, and when the file changes the value that it lies over. Nothing set by
hand can exceed the site file: a limit is only ever lowered (faults.md F6).
"""

from datetime import datetime
from typing import assert_never

from msgspec.structs import replace

from evenload.contracts.commands import (
    ClearOverride,
    CommandAccepted,
    CommandRejected,
    CommandReply,
    SetDistribution,
    SetLimit,
    SetMode,
    SetPriority,
    SetTarget,
    SiteCommand,
)
from evenload.contracts.records import Override
from evenload.site.devices import aim_of
from evenload.site.schema import Device, Load, Site, currents_of

Overrides = tuple[Override, ...]
LIVES_MOST = 10_000


def in_force(site: Site, overrides: Overrides, now: datetime) -> Overrides:
    """Return the overrides that still hold: not over, and laid over the value that the file still has."""
    return tuple(
        item
        for item in overrides
        if (item.until is None or item.until > now) and file_value(site, item) == item.file_value
    )


def file_value(site: Site, item: Override) -> str:
    """Return the file's value that an override lies over, as text; a load that is gone has none."""
    if item.load is None:
        return site.distribution
    load = site.loads.get(item.load)
    if load is None:
        return "?"
    if item.mode is not None:
        return load.mode
    if item.priority is not None:
        return str(load.priority)
    if item.target_c is not None:
        return str(aim_of(load))
    return f"{currents_of(load, site)[1]:g}"


def applied(site: Site, overrides: Overrides, command: SiteCommand, now: datetime) -> tuple[Overrides, CommandReply]:
    """Return the overrides after `command`, and its answer."""
    if command.until is not None and (command.until.tzinfo is None or command.until <= now):
        why = f"until {command.until.isoformat()} is not in the future"
        return overrides, CommandRejected(why=why, remedy="give a later time, with its offset from UTC")
    if len(overrides) >= LIVES_MOST:
        return overrides, CommandRejected(why="too many overrides", remedy="clear some")
    match command:
        case ClearOverride():
            return _cleared(site, overrides, command)
        case SetDistribution():
            item = Override(distribution=command.distribution, until=command.until, by=command.by, at=now)
            return _laid(site, overrides, item, f"distribution {command.distribution}")
        case SetMode():
            item = Override(load=command.load, mode=command.mode, until=command.until, by=command.by, at=now)
            return _for_load(site, overrides, item, f"mode {command.mode}")
        case SetPriority():
            item = Override(load=command.load, priority=command.priority, until=command.until, by=command.by, at=now)
            return _for_load(site, overrides, item, f"priority {command.priority}")
        case SetLimit():
            item = Override(load=command.load, max_a=command.max_a, until=command.until, by=command.by, at=now)
            return _for_load(site, overrides, item, f"limit {command.max_a:g} A")
        case SetTarget():
            item = Override(load=command.load, target_c=command.target_c, until=command.until, by=command.by, at=now)
            return _for_load(site, overrides, item, f"target {command.target_c:g} °C")
        case _:
            assert_never(command)


def _for_load(site: Site, overrides: Overrides, item: Override, text: str) -> tuple[Overrides, CommandReply]:
    load = site.loads.get(item.load or "")
    if load is None:
        return overrides, _unknown_load(site, item.load)
    fault = _limit_fault(site, load, item) or _wish_fault(load, item)
    if fault is not None:
        return overrides, fault
    return _laid(site, overrides, item, f"{item.load}: {text}")


def _unknown_load(site: Site, name: str | None) -> CommandRejected:
    known = ", ".join(sorted(site.loads)) or "none"
    return CommandRejected(why=f"no load {name!r} at site {site.site}", remedy=f"its loads are: {known}")


def _limit_fault(site: Site, load: Load, item: Override) -> CommandRejected | None:
    if item.max_a is None:
        return None
    if isinstance(load, Device) and load.all_or_nothing:
        why = f"a {load.__struct_config__.tag} is all or nothing"
        return CommandRejected(why=why, remedy="set its mode to off, or lower its priority")
    least_a, most_a = currents_of(load, site)
    if item.max_a > most_a:
        why = f"{item.max_a:g} A is above the site file's {most_a:g} A"
        return CommandRejected(why=why, remedy="change max_a or power_w in the site file")
    if item.max_a < least_a:
        why = f"{item.max_a:g} A is under its least, {least_a:g} A"
        return CommandRejected(why=why, remedy="set the mode to off to stop it")
    return None


def _wish_fault(load: Load, item: Override) -> CommandRejected | None:
    """Return why a device cannot have this mode or target."""
    if item.mode == "boost" and not (isinstance(load, Device) and load.may_boost):
        return CommandRejected(why="it has nothing to be boosted", remedy="set its mode to standard")
    if item.target_c is None:
        return None
    aim = aim_of(load)
    if aim is None:
        return CommandRejected(why="it goes by no temperature", remedy="set its mode, priority or limit")
    if not aim.least_c <= item.target_c <= aim.most_c:
        why = f"{item.target_c:g} °C is not within {aim.least_c:g} to {aim.most_c:g} °C of the site file"
        return CommandRejected(why=why, remedy="give a target within it, or change the site file")
    return None


def _laid(site: Site, overrides: Overrides, item: Override, text: str) -> tuple[Overrides, CommandReply]:
    """Replace the older one over the same value."""
    kept = tuple(other for other in overrides if _over(other) != _over(item))
    ends = f"until {item.until.isoformat(timespec='seconds')}" if item.until is not None else "until cleared"
    stamped = replace(item, file_value=file_value(site, item))
    return (*kept, stamped), CommandAccepted(text=f"{text}, {ends}")


def _over(item: Override) -> tuple[str | None, bool, bool, bool, bool]:
    return (
        item.load,
        item.mode is not None,
        item.priority is not None,
        item.max_a is not None,
        item.target_c is not None,
    )


def _cleared(site: Site, overrides: Overrides, command: ClearOverride) -> tuple[Overrides, CommandReply]:
    if command.load is not None and command.load not in site.loads:
        return overrides, _unknown_load(site, command.load)
    kept = tuple(item for item in overrides if item.load != command.load)
    about = command.load or "distribution"
    ended = len(overrides) - len(kept)
    return kept, CommandAccepted(text=f"{about}: {ended} by hand cleared, the site file holds")
