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
    SiteCommand,
)
from evenload.contracts.records import Override
from evenload.site.schema import Evse, Load, Plug, Site

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
    return f"{load.max_a:g}" if isinstance(load, Evse) else "?"


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
        case _:
            assert_never(command)


def _for_load(site: Site, overrides: Overrides, item: Override, text: str) -> tuple[Overrides, CommandReply]:
    load = site.loads.get(item.load or "")
    if load is None:
        return overrides, _unknown_load(site, item.load)
    fault = _limit_fault(load, item)
    if fault is not None:
        return overrides, fault
    return _laid(site, overrides, item, f"{item.load}: {text}")


def _unknown_load(site: Site, name: str | None) -> CommandRejected:
    known = ", ".join(sorted(site.loads)) or "none"
    return CommandRejected(why=f"no load {name!r} at site {site.site}", remedy=f"its loads are: {known}")


def _limit_fault(load: Load, item: Override) -> CommandRejected | None:
    if item.max_a is None:
        return None
    if isinstance(load, Plug):
        return CommandRejected(why="a plug is all or nothing", remedy="set its mode to off, or lower its priority")
    if item.max_a > load.max_a:
        why = f"{item.max_a:g} A is above the site file's max_a {load.max_a:g} A"
        return CommandRejected(why=why, remedy="change max_a in the site file")
    if item.max_a < load.min_a:
        why = f"{item.max_a:g} A is under min_a {load.min_a:g} A"
        return CommandRejected(why=why, remedy="set the mode to off to stop it")
    return None


def _laid(site: Site, overrides: Overrides, item: Override, text: str) -> tuple[Overrides, CommandReply]:
    """Replace the older one over the same value."""
    kept = tuple(other for other in overrides if _over(other) != _over(item))
    ends = f"until {item.until.isoformat(timespec='seconds')}" if item.until is not None else "until cleared"
    stamped = replace(item, file_value=file_value(site, item))
    return (*kept, stamped), CommandAccepted(text=f"{text}, {ends}")


def _over(item: Override) -> tuple[str | None, bool, bool, bool]:
    return item.load, item.mode is not None, item.priority is not None, item.max_a is not None


def _cleared(site: Site, overrides: Overrides, command: ClearOverride) -> tuple[Overrides, CommandReply]:
    if command.load is not None and command.load not in site.loads:
        return overrides, _unknown_load(site, command.load)
    kept = tuple(item for item in overrides if item.load != command.load)
    about = command.load or "distribution"
    ended = len(overrides) - len(kept)
    return kept, CommandAccepted(text=f"{about}: {ended} by hand cleared, the site file holds")
