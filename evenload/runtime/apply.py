"""Applying a site file: check, prove, claim its stations, and write it to the bucket by compare-and-set."""

import secrets
from datetime import datetime
from pathlib import Path

import msgspec

from evenload.contracts import subjects
from evenload.contracts.records import SiteRecord, StationRecord
from evenload.contracts.wire import ContractError, decode_as, encode
from evenload.runtime.bus import Bucket, Bus, BusError, Conflict, Entry
from evenload.site.credentials import MAX_PASSWORD_BYTES, SALT_BYTES, check_credential, make_credential
from evenload.site.findings import ConfigError, Finding
from evenload.site.load import parse_site
from evenload.site.schema import Evse, Site

TRIES = 5


async def apply_site(bus: Bus, text: str, source: str, now: datetime) -> SiteRecord:
    """Return the record in force: `text`, one revision higher than before, or as it was when the text is the same.

    `source` is the file's name; password files are read beside it. Raises `ConfigError` with all findings (nothing is
    written then), `BusError`.
    """
    site = parse_site(text, source)
    passwords = _passwords(site, source)
    stations = await bus.bucket(subjects.STATIONS)
    sites = await bus.bucket(subjects.SITES)
    claims = {station: await _claim(stations, station, site) for station in stations_of(site)}
    _refuse_foreign(claims, site, source)
    before = await sites.get(site.site)
    for station in stations_of(site):
        await _write_claim(stations, station, site, passwords.get(station))
    record = await _write_site(sites, SiteRecord(site=site.site, text=text, source=source, applied_at=now))
    for station in _former(before) - {subjects.station_key(name) for name in stations_of(site)}:
        await _release(stations, station, site.site)
    return record


def stations_of(site: Site) -> tuple[str, ...]:
    """Return the OCPP identities that the site names, in loads or under `stations`; each once."""
    named = [load.station for load in site.loads.values() if isinstance(load, Evse) and load.station]
    return tuple({subjects.station_key(station): station for station in [*named, *site.stations]}.values())


async def _claim(stations: Bucket, station: str, site: Site) -> str:
    """Return the site that holds the station; this one when it is free."""
    entry = await stations.get(subjects.station_key(station))
    return site.site if entry is None else _station_record(entry, station, site.site).site


def _refuse_foreign(claims: dict[str, str], site: Site, source: str) -> None:
    findings = [
        Finding(
            file=source,
            line=0,
            path=_path_of(site, station),
            fault=f"station {station} already belongs to the site {holder}",
            remedy=f"remove it from {holder} and apply that first, or give this station another identity",
        )
        for station, holder in claims.items()
        if holder != site.site
    ]
    if findings:
        raise ConfigError(findings)


def _path_of(site: Site, station: str) -> str:
    for name, load in site.loads.items():
        if isinstance(load, Evse) and load.station == station:
            return f"loads.{name}.station"
    return f"stations.{station}"


def _passwords(site: Site, source: str) -> dict[str, str]:
    """Return the password of each station that has a file for it; raise `ConfigError` for files that do not serve."""
    found: dict[str, str] = {}
    findings: list[Finding] = []
    for station, settings in site.stations.items():
        if settings.password_file is None:
            continue
        path = Path(source).parent / settings.password_file
        password, fault = _read_password(path)
        if fault:
            remedy = "write the password as one line into it, mode 0400"
            where = f"stations.{station}.password_file"
            findings.append(Finding(file=source, line=0, path=where, fault=f"{path.name}: {fault}", remedy=remedy))
        found[station] = password
    if findings:
        raise ConfigError(findings)
    return found


def _read_password(path: Path) -> tuple[str, str]:
    """Return (password, what is wrong with the file)."""
    try:
        with path.open("rb") as file:
            password = file.read(MAX_PASSWORD_BYTES + 3).decode().strip()
    except OSError as fault:
        return "", fault.strerror or "cannot be read"
    except UnicodeDecodeError:
        return "", "is not text"
    if not password or "\n" in password or len(password.encode()) > MAX_PASSWORD_BYTES:
        return "", f"holds no password of 1 to {MAX_PASSWORD_BYTES} bytes in one line"
    return password, ""


async def _write_claim(stations: Bucket, station: str, site: Site, password: str | None) -> None:
    """Make or adapt the station's record; what was learned and who holds its session stay."""
    key = subjects.station_key(station)
    settings = site.stations.get(station)
    version = settings.version or "" if settings is not None else ""
    for _ in range(TRIES):
        entry = await stations.get(key)
        old = _station_record(entry, station, site.site) if entry else StationRecord(station=station, site=site.site)
        new = msgspec.structs.replace(old, version=version, credential=_credential(old.credential, password))
        if entry is not None and new == old:
            return
        try:
            if entry is None:
                await stations.create(key, encode(new))
            else:
                await stations.update(key, encode(new), entry.revision)
            return
        except Conflict:
            continue
    raise BusError(f"claim station {station}", f"somebody else kept writing it, {TRIES} tries", "apply again")


def _credential(present: str, password: str | None) -> str:
    if password is None or check_credential(present, password.encode()):
        return present
    return make_credential(password, secrets.token_bytes(SALT_BYTES))


def _station_record(entry: Entry, station: str, site: str) -> StationRecord:
    try:
        return decode_as(StationRecord, entry.value, f"bucket stations/{entry.key}")
    except ContractError as fault:
        raise BusError(
            f"claim station {station} for {site}", str(fault), "remove that key, then apply again"
        ) from fault


async def _write_site(sites: Bucket, wanted: SiteRecord) -> SiteRecord:
    for _ in range(TRIES):
        entry = await sites.get(wanted.site)
        present = _site_record(entry)
        if present is not None and present.text == wanted.text:
            return present
        above = present.config_rev if present else entry.revision if entry else 0
        record = msgspec.structs.replace(wanted, config_rev=above + 1)
        try:
            if entry is None:
                await sites.create(wanted.site, encode(record))
            else:
                await sites.update(wanted.site, encode(record), entry.revision)
            return record
        except Conflict:
            continue
    raise BusError(f"apply site {wanted.site}", f"somebody else kept writing it, {TRIES} tries", "apply again")


def _site_record(entry: Entry | None) -> SiteRecord | None:
    if entry is None:
        return None
    try:
        return decode_as(SiteRecord, entry.value, f"bucket sites/{entry.key}")
    except ContractError:
        return None


def _former(before: Entry | None) -> set[str]:
    """Return the keys of the stations that the version before had named."""
    record = _site_record(before)
    if record is None:
        return set()
    try:
        return {subjects.station_key(station) for station in stations_of(parse_site(record.text, record.source))}
    except ConfigError:
        return set()


async def _release(stations: Bucket, key: str, site: str) -> None:
    """Give a station free that this site named before."""
    entry = await stations.get(key)
    if entry is not None and _station_record(entry, key, site).site == site:
        await stations.delete(key)
