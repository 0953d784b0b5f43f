"""Values set by hand, beside the site file: applying a command, and ending what is over. Pure.

An override ends at its time, when it is cleared, and when the file changes the value that it lies over. Without a time
it ends when the load's schedule next changes that value. Nothing set by hand can exceed the site file: a limit is only
ever lowered (faults.md F6).
"""

from datetime import UTC, datetime, tzinfo
from typing import assert_never

from msgspec.structs import replace

from evenload.contracts.commands import (
    ClearOverride,
    ClearPlan,
    CommandAccepted,
    CommandRejected,
    CommandReply,
    SetDistribution,
    SetLimit,
    SetMode,
    SetPlan,
    SetPriority,
    SetSchedule,
    SetTarget,
    SiteCommand,
)
from evenload.contracts.records import Override
from evenload.contracts.schedules import ScheduleWindow
from evenload.site.check_plans import MOST_NEEDS, need_faults
from evenload.site.check_schedules import MOST_WINDOWS, window_faults
from evenload.site.deadlines import at_or_after, deadline, need_text, plan_text
from evenload.site.devices import aim_of
from evenload.site.scheduled import change_of, windows_of
from evenload.site.schema import Device, Load, Site, currents_of
from evenload.site.windows import zone_of
from services.allocator.schedules import LAID_BY

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
    if item.plan is not None:
        return plan_text(site.plans.get(item.load, ()))
    if item.schedule is not None:
        return schedule_text(site.schedules.get(item.load, ()))
    if item.mode is not None:
        return load.mode
    if item.priority is not None:
        return str(load.priority)
    if item.target_c is not None:
        return str(aim_of(load))
    return f"{currents_of(load, site)[1]:g}"


def schedule_text(windows: tuple[ScheduleWindow, ...]) -> str:
    """Return windows in one line, as `mon-fri 22:00-06:00 standard 10 A`; `none` for none."""
    return "; ".join(_window_text(window) for window in windows) or "none"


def _window_text(window: ScheduleWindow) -> str:
    limit = "" if window.max_a is None else f"{window.max_a:g} A"
    target = "" if window.target_c is None else f"{window.target_c:g} °C"
    return " ".join(part for part in (window.when, window.mode, limit, target) if part)


def applied(
    site: Site, overrides: Overrides, command: SiteCommand, now: datetime, *, zone: tzinfo = UTC
) -> tuple[Overrides, CommandReply]:
    """Return the overrides after `command`, and its answer, with times in the site's `zone`."""
    kept, reply = _applied(site, overrides, _until_changed(site, overrides, command, now, zone=zone), now)
    changed = [item for item in kept if item not in overrides]
    if not isinstance(reply, CommandAccepted) or len(changed) != 1:
        return kept, reply
    return kept, replace(reply, text=f"{reply.text}, {_ends(changed[0], command, zone)}")


def _ends(item: Override, command: SiteCommand, zone: tzinfo) -> str:
    if item.until is None:
        return "until cleared"
    if item.plan is not None and command.until is None:
        return "until then"
    at = item.until.astimezone(zone).isoformat(timespec="minutes")
    return f"until {at}" if command.until is not None else f"until {at}, when its schedule changes it"


def _until_changed(
    site: Site, overrides: Overrides, command: SiteCommand, now: datetime, *, zone: tzinfo
) -> SiteCommand:
    """Return the command with the next change of the schedule as its end, where it has none and there is one."""
    if command.until is not None or command.keeps or not isinstance(command, SetMode | SetLimit | SetTarget):
        return command
    key = {SetMode: "mode", SetLimit: "max_a", SetTarget: "target_c"}[type(command)]
    return replace(command, until=change_of(windows_of(site, overrides, command.load), key, now, zone))


def _applied(site: Site, overrides: Overrides, command: SiteCommand, now: datetime) -> tuple[Overrides, CommandReply]:
    if command.until is not None and (command.until.tzinfo is None or command.until <= now):
        why = f"until {command.until.isoformat()} is not in the future"
        return overrides, CommandRejected(why=why, remedy="give a later time, with its offset from UTC")
    if len(overrides) >= LIVES_MOST:
        return overrides, CommandRejected(why="too many overrides", remedy="clear some")
    match command:
        case ClearOverride() | ClearPlan():
            return _cleared(site, overrides, command)
        case SetPlan():
            return _planned(site, overrides, command, now)
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
        case SetSchedule():
            item = Override(load=command.load, schedule=command.windows, until=command.until, by=command.by, at=now)
            return _for_load(site, overrides, item, f"schedule {schedule_text(command.windows)}")
        case _:
            assert_never(command)


def _for_load(site: Site, overrides: Overrides, item: Override, text: str) -> tuple[Overrides, CommandReply]:
    load = site.loads.get(item.load or "")
    if load is None:
        return overrides, _unknown_load(site, item.load)
    fault = _limit_fault(site, load, item) or _wish_fault(load, item) or _schedule_fault(site, load, item)
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


def _schedule_fault(site: Site, load: Load, item: Override) -> CommandRejected | None:
    windows = item.schedule or ()
    if len(windows) > MOST_WINDOWS:
        return CommandRejected(why=f"{len(windows)} windows", remedy=f"{MOST_WINDOWS} are the most of one load")
    for window in windows:
        for _, what, remedy in window_faults(window, load, site):
            return CommandRejected(why=f"{_window_text(window)}: {what}", remedy=remedy)
    return None


def _laid(site: Site, overrides: Overrides, item: Override, text: str) -> tuple[Overrides, CommandReply]:
    """Replace the older one over the same value."""
    kept = tuple(other for other in overrides if _over(other) != _over(item))
    stamped = replace(item, file_value=file_value(site, item))
    return (*kept, stamped), CommandAccepted(text=text)


def _over(item: Override) -> tuple[str | None, ...]:
    """Return what an override lies over: the load, and the values that it sets."""
    sets = [key for key, value in LAID_BY.items() if value(item) is not None]
    sets += ["priority"] if item.priority is not None else []
    sets += ["schedule"] if item.schedule is not None else []
    return (item.load, *sets, *(["plan"] if item.plan is not None else []))


def _planned(site: Site, overrides: Overrides, command: SetPlan, now: datetime) -> tuple[Overrides, CommandReply]:
    """Lay needs over the file's; where all are once, they end with the last deadline."""
    if command.load not in site.loads:
        return overrides, _unknown_load(site, command.load)
    if len(command.needs) > MOST_NEEDS:
        return overrides, CommandRejected(why=f"{len(command.needs)} needs", remedy=f"{MOST_NEEDS} are the most")
    for need in command.needs:
        for _, what, remedy in need_faults(need, site):
            return overrides, CommandRejected(why=f"{need_text(need)}: {what}", remedy=remedy)
    zone = zone_of(site.time_zone)
    ends = [at_or_after(deadline(need.by), now, zone) for need in command.needs if deadline(need.by).once]
    if None in ends:
        return overrides, CommandRejected(why="the deadline is past", remedy="give a later one")
    until = command.until
    if until is None and command.needs and len(ends) == len(command.needs):
        until = max(each for each in ends if each is not None)
    item = Override(load=command.load, plan=command.needs, until=until, by=command.by, at=now)
    return _laid(site, overrides, item, f"{command.load}: plan {plan_text(command.needs)}")


def _cleared(site: Site, overrides: Overrides, command: ClearOverride | ClearPlan) -> tuple[Overrides, CommandReply]:
    if command.load is not None and command.load not in site.loads:
        return overrides, _unknown_load(site, command.load)
    plans_only = isinstance(command, ClearPlan)
    kept = tuple(item for item in overrides if item.load != command.load or (plans_only and item.plan is None))
    about = command.load or "distribution"
    ended = len(overrides) - len(kept)
    return kept, CommandAccepted(text=f"{about}: {ended} by hand cleared, the site file holds")
