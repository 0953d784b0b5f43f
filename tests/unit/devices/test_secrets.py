"""Where password files are looked for: where the process is told, a folder of the site's first, or beside its file."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from evenload.contracts import subjects
from evenload.contracts.records import SiteRecord
from evenload.contracts.wire import encode
from evenload.devices.errors import DeviceError
from evenload.devices.secrets import read_secret, secrets_folder
from evenload.runtime.clock import SystemClock
from evenload.runtime.memory_bus import MemoryBus, MemoryNetwork

AT = datetime(2026, 6, 1, tzinfo=UTC)


async def bus_with(source: str) -> MemoryBus:
    bus = MemoryBus("test", MemoryNetwork(), SystemClock())
    record = SiteRecord(site="home", text="site: home", source=source, applied_at=AT, config_rev=1)
    await (await bus.bucket(subjects.SITES)).put("home", encode(record))
    return bus


async def test_without_a_word_they_are_beside_the_site_file() -> None:
    bus = await bus_with("/etc/evenload/home.yaml")
    assert await secrets_folder(bus, "home") == Path("/etc/evenload")
    assert await secrets_folder(bus, "another") == Path()


async def test_a_process_may_be_told_a_folder_for_all_sites_or_with_one_for_each(tmp_path: Path) -> None:
    bus = await bus_with("/home/somebody/home.yaml")
    (tmp_path / "mqtt.key").write_text("open sesame\n", encoding="utf-8")
    folder = await secrets_folder(bus, "home", str(tmp_path))
    assert read_secret(folder, "mqtt.key") == "open sesame"
    (tmp_path / "home").mkdir()
    folder = await secrets_folder(bus, "home", str(tmp_path))
    assert folder == tmp_path / "home"
    with pytest.raises(DeviceError, match=r"home/mqtt\.key"):
        read_secret(folder, "mqtt.key")
