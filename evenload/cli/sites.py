"""Sites as the running system has them: which there are, and which one a command means."""

import difflib
from datetime import datetime, tzinfo

from evenload.cli.failures import Failure
from evenload.contracts import subjects
from evenload.contracts.records import SiteRecord
from evenload.contracts.wire import decode_as
from evenload.runtime.bus import Bus
from evenload.site.load import load_text
from evenload.site.windows import zone_of


async def site_records(bus: Bus) -> dict[str, SiteRecord]:
    """Return every site in force, by name."""
    bucket = await bus.bucket(subjects.SITES)
    found = {}
    for key in await bucket.keys():
        entry = await bucket.get(key)
        if entry is not None:
            found[key] = decode_as(SiteRecord, entry.value, f"bucket sites {key}")
    return found


async def the_site(bus: Bus, named: str | None, target: str) -> str:
    """Return the site that is meant: `named`, or the one named `target` or that has a load of this name."""
    records = await site_records(bus)
    if named is not None:
        return _known(named, sorted(records), "site")
    loads = {name: loads_of(record) for name, record in records.items()}
    holding = [name for name, held in loads.items() if target in held or target == name]
    if len(holding) == 1:
        return holding[0]
    if holding:
        raise Failure(f"{target} is in several sites: {', '.join(sorted(holding))}", "say which one: --site NAME")
    every = sorted({*records, *(load for held in loads.values() for load in held)})
    _known(target, every, "load or site")
    raise AssertionError("a name that is known is held by a site")


async def known_site(bus: Bus, name: str) -> str:
    """Return the name of a site in force; ends the command when there is none."""
    return _known(name, sorted(await site_records(bus)), "site")


async def site_now(bus: Bus, site: str) -> datetime:
    """Return the time now on the wall clock of a site in force: what times of day in commands mean there."""
    zone = zones(await site_records(bus)).get(site)
    return datetime.now(zone) if zone is not None else datetime.now().astimezone()


def zones(records: dict[str, SiteRecord]) -> dict[str, tzinfo]:
    """Return the time zone of each site, by name; a file that this version cannot read is left out."""
    sites = {name: load_text(record.text, record.source).site for name, record in records.items()}
    return {name: zone_of(site.time_zone) for name, site in sites.items() if site is not None}


def loads_of(record: SiteRecord) -> tuple[str, ...]:
    """Return the names of a site's loads."""
    site = load_text(record.text, record.source).site
    return () if site is None else tuple(site.loads)


def _known(name: str, names: list[str], kind: str) -> str:
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names) or 'none; evenload site apply FILE'}"
    raise Failure(f"no {kind} is named {name}", hint)
