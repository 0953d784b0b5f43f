"""What is asked of one load beside its site file, as its core takes it: by hand, else by its schedule. Pure."""

from datetime import datetime
from typing import Any

from msgspec import structs

from evenload.contracts.records import OverrideRecord
from evenload.site.deadlines import at_or_after, deadline
from evenload.site.scheduled import change_of_any, value_at, windows_of
from evenload.site.schema import Site
from evenload.site.windows import WindowFault, zone_of
from services.plug_control.core import Wish

_KEYS = ("mode", "target_c")


def wish_of(load: str, site: Site, record: OverrideRecord | None, now: datetime) -> Wish:
    """Return the newest mode and target of a load among a site's overrides; what is not set there, by its windows."""
    by_hand = Wish()
    for item in record.items if record is not None else ():
        if item.load == load and item.mode is not None:
            by_hand = Wish(mode=item.mode, at=item.at, target_c=by_hand.target_c)
        if item.load == load and item.target_c is not None:
            by_hand = Wish(mode=by_hand.mode, at=by_hand.at, target_c=item.target_c)
    by_hand = structs.replace(by_hand, **_due(load, site, record, now))
    windows = windows_of(site, record.items if record is not None else (), load)
    if not windows:
        return by_hand
    mode, target = (value_at(windows, key, now, zone_of(site.time_zone)) for key in _KEYS)
    return structs.replace(
        by_hand,
        mode=by_hand.mode if by_hand.mode is not None else mode,
        target_c=by_hand.target_c if by_hand.target_c is not None else target,
    )


def _due(load: str, site: Site, record: OverrideRecord | None, now: datetime) -> dict[str, Any]:
    """Return the next temperature that a plan wants, by hand over the site file's, and by when."""
    items = [
        item for item in (record.items if record is not None else ()) if item.load == load and item.plan is not None
    ]
    live = [item.plan for item in items if item.until is None or item.until >= now]
    needs = (live[-1] if live else site.plans.get(load, ())) or ()
    found = [(at, need.target_c) for need in needs if need.target_c is not None and (at := _at(need.by, site, now))]
    if not found:
        return {}
    due_at, due_c = min(found)
    return {"due_c": due_c, "due_at": due_at}


def _at(by: str, site: Site, now: datetime) -> datetime | None:
    try:
        return at_or_after(deadline(by), now, zone_of(site.time_zone))
    except WindowFault:  # kept by another version
        return None


def next_wish_at(site: Site, record: OverrideRecord | None, now: datetime) -> datetime | None:
    """Return when a window of any load next changes what is asked of it, UTC; None = in no fortnight."""
    items = record.items if record is not None else ()
    zone = zone_of(site.time_zone)
    changes = [change_of_any(windows_of(site, items, load), _KEYS, now, zone) for load in sorted(site.loads)]
    return min((each for each in changes if each is not None), default=None)
