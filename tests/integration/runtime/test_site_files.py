"""Applying site files and watching them, on both buses."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evenload.contracts import subjects
from evenload.contracts.records import SiteRecord, StationRecord
from evenload.contracts.wire import decode_as, encode
from evenload.runtime.apply import apply_site
from evenload.runtime.bus import Bus
from evenload.runtime.clock import SystemClock
from evenload.runtime.service import Context
from evenload.runtime.settings import Settings
from evenload.runtime.site_config import watch_sites
from evenload.site.credentials import check_credential
from evenload.site.findings import ConfigError
from evenload.site.schema import Site
from tests.integration.runtime.conftest import NewBus, until

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SITE = """
site: {site}
grid: {{breaker_a: 25}}
meters:
  p1: {{role: grid, driver: homewizard, host: 127.0.0.1}}
loads:
  wallbox: {{type: evse, station: {station}, max_a: {max_a}}}
"""


def text(site: str = "home", station: str = "CP001", max_a: int = 16, more: str = "") -> str:
    return SITE.format(site=site, station=station, max_a=max_a) + more


async def station(bus: Bus, name: str) -> StationRecord | None:
    entry = await (await bus.bucket(subjects.STATIONS)).get(subjects.station_key(name))
    return None if entry is None else decode_as(StationRecord, entry.value)


async def test_revisions_rise_with_changes_only(new_bus: NewBus) -> None:
    bus = await new_bus("a")
    first = await apply_site(bus, text(), "home.yaml", NOW)
    same = await apply_site(bus, text(), "home.yaml", NOW)
    second = await apply_site(bus, text(max_a=10), "home.yaml", NOW)
    assert [record.config_rev for record in (first, same, second)] == [1, 1, 2]
    entry = await (await bus.bucket(subjects.SITES)).get("home")
    assert entry is not None
    assert decode_as(SiteRecord, entry.value) == second


async def test_a_bad_file_is_refused_and_changes_nothing(new_bus: NewBus) -> None:
    bus = await new_bus("a")
    good = await apply_site(bus, text(), "home.yaml", NOW)
    with pytest.raises(ConfigError, match=r"home.yaml:\d+: "):
        await apply_site(bus, text(max_a=9999), "home.yaml", NOW)
    entry = await (await bus.bucket(subjects.SITES)).get("home")
    assert entry is not None
    assert decode_as(SiteRecord, entry.value) == good


async def test_a_station_of_another_site_is_refused_with_a_remedy(new_bus: NewBus) -> None:
    bus = await new_bus("a")
    await apply_site(bus, text("home", "CP001"), "home.yaml", NOW)
    with pytest.raises(ConfigError) as refused:
        await apply_site(bus, text("office", "cp001"), "office.yaml", NOW)
    assert "loads.wallbox.station" in str(refused.value)
    assert "already belongs to the site home" in str(refused.value)
    assert await (await bus.bucket(subjects.SITES)).get("office") is None


async def test_a_station_no_longer_named_is_free_for_others(new_bus: NewBus) -> None:
    bus = await new_bus("a")
    await apply_site(bus, text("home", "CP001"), "home.yaml", NOW)
    await apply_site(bus, text("home", "CP002"), "home.yaml", NOW)
    await apply_site(bus, text("office", "CP001"), "office.yaml", NOW)
    found = await station(bus, "CP001")
    assert found is not None
    assert found.site == "office"


async def test_passwords_come_from_files_beside_the_site_file(new_bus: NewBus, tmp_path: Path) -> None:
    bus = await new_bus("a")
    (tmp_path / "cp.key").write_text("correct horse\n")
    with_file = text(more='stations:\n  CP001: {password_file: cp.key, version: "1.6"}\n')
    source = str(tmp_path / "home.yaml")
    await apply_site(bus, with_file, source, NOW)
    first = await station(bus, "CP001")
    await apply_site(bus, with_file + "\n", source, NOW)
    assert first is not None
    assert first.version == "1.6"
    assert check_credential(first.credential, b"correct horse")
    assert await station(bus, "CP001") == first
    (tmp_path / "cp.key").write_text("battery staple")
    await apply_site(bus, with_file, source, NOW)
    second = await station(bus, "CP001")
    assert second is not None
    assert check_credential(second.credential, b"battery staple")


async def test_a_password_set_otherwise_and_what_was_learned_stay(new_bus: NewBus) -> None:
    bus = await new_bus("a")
    await apply_site(bus, text(), "home.yaml", NOW)
    learned = StationRecord(station="CP001", site="home", credential="blake2b$00$00", learned={"rate_unit": "W"})
    await (await bus.bucket(subjects.STATIONS)).put(subjects.station_key("CP001"), encode(learned))
    await apply_site(bus, text(max_a=10), "home.yaml", NOW)
    assert await station(bus, "CP001") == learned


@pytest.mark.parametrize("content", [None, b"", b"two\nlines", b"x" * 300, b"\xff\xfe"])
async def test_a_password_file_that_does_not_serve_is_named(
    new_bus: NewBus, tmp_path: Path, content: bytes | None
) -> None:
    bus = await new_bus("a")
    if content is not None:
        (tmp_path / "cp.key").write_bytes(content)
    with pytest.raises(ConfigError, match=r"stations.CP001.password_file: cp.key: "):
        await apply_site(
            bus, text(more="stations:\n  CP001: {password_file: cp.key}\n"), str(tmp_path / "home.yaml"), NOW
        )
    assert await station(bus, "CP001") is None


async def test_many_may_apply_at_once_and_each_change_has_its_own_revision(new_bus: NewBus) -> None:
    buses = [await new_bus(f"b{number}") for number in range(4)]
    applying = [apply_site(bus, text(max_a=10 + number), "home.yaml", NOW) for number, bus in enumerate(buses)]
    records = await asyncio.gather(*applying)
    assert sorted(record.config_rev for record in records) == [1, 2, 3, 4]


class Watching:
    """A service that watches the site files."""

    def __init__(self, bus: Bus) -> None:
        self.ctx = Context("probe", bus, SystemClock(), Settings())
        self.seen: list[tuple[str, float | None, int]] = []

    def on_site(self, site: str, parsed: Site | None, rev: int) -> None:
        load = parsed.loads["wallbox"] if parsed is not None else None
        self.seen.append((site, getattr(load, "max_a", None), rev))


@pytest.fixture
async def watching(new_bus: NewBus) -> AsyncIterator[Watching]:
    bus = await new_bus("watcher")
    await apply_site(bus, text(max_a=16), "home.yaml", NOW)
    found = Watching(bus)
    found.ctx.spawn("sites", lambda: watch_sites(found.ctx, found.on_site))
    yield found
    await found.ctx.drain()


async def test_a_service_gets_present_sites_changes_and_removals(watching: Watching) -> None:
    await until(lambda: watching.seen == [("home", 16.0, 1)])
    assert watching.ctx.health.missing == ()
    await apply_site(watching.ctx.bus, text(max_a=10), "home.yaml", NOW)
    await apply_site(watching.ctx.bus, text("office", "CP002"), "office.yaml", NOW)
    await until(lambda: watching.seen[1:] == [("home", 10.0, 2), ("office", 16.0, 1)])
    await (await watching.ctx.bus.bucket(subjects.SITES)).delete("home")
    await until(lambda: watching.seen[3:] == [("home", None, 2)])


@pytest.mark.parametrize("stored", [b"not json", b'{"site":"home"}', b"bad yaml", b"other name"])
async def test_the_last_good_version_stays_when_the_stored_one_cannot_be_used(
    watching: Watching, stored: bytes
) -> None:
    await until(lambda: len(watching.seen) == 1)
    values = {
        b"bad yaml": SiteRecord(site="home", text="site: [", applied_at=NOW, config_rev=9),
        b"other name": SiteRecord(site="home", text=text("garage", "CP009"), applied_at=NOW, config_rev=9),
    }
    sites = await watching.ctx.bus.bucket(subjects.SITES)
    alerts: list[str] = []
    await watching.ctx.bus.subscribe(subjects.alerts("_system"), lambda subject, data: alerts.append(subject))
    await sites.put("home", encode(values[stored]) if stored in values else stored)
    await until(lambda: len(alerts) == 1)
    assert watching.seen == [("home", 16.0, 1)]
    await apply_site(watching.ctx.bus, text(max_a=8), "home.yaml", NOW)
    await until(lambda: [max_a for _, max_a, _ in watching.seen] == [16.0, 8.0])
