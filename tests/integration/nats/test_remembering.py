"""plug_control as a process with its own credentials: ended, and killed, it goes on with what its cores remembered."""

import asyncio
import signal
from pathlib import Path

import msgspec
from msgspec.structs import replace

from evenload.contracts import subjects
from evenload.contracts.records import DeviceRecord
from evenload.contracts.wire import decode_as, encode
from evenload.runtime.ports import free_port
from tests.integration.nats.server import Server, connect_as, plan_in, server
from tests.integration.nats.test_whole import Fleet
from tests.integration.system.system import START_S, device

SITE = """\
site: home
grid: {{breaker_a: 40, household_max_a: 5}}
meters:
  m: {{role: grid, driver: homewizard, host: "127.0.0.1:9"}}
loads:
  pool: {{type: pump, power_w: 460, run_h: 3, phases: [L1], mode: "off", driver: homewizard, host: "{socket}"}}
"""


async def kept(strict: Server, least: int) -> DeviceRecord:
    """Return the pump's record once it was written `least` times."""
    bus = await connect_as(strict, "operator")
    try:
        bucket = await bus.bucket(subjects.DEVICES)
        async with asyncio.timeout(START_S), bucket.watch() as changes:
            async for change in changes:
                if change.key == "home.pool" and change.value is not None and change.revision >= least:
                    return decode_as(DeviceRecord, change.value)
        raise AssertionError("the watch ended")
    finally:
        await bus.close()


def ran_s(record: DeviceRecord) -> float:
    return float(msgspec.json.decode(record.memory)["ran_s"])


async def has_run(strict: Server, record: DeviceRecord, seconds: float) -> None:
    """Write what the process would have written a while later; only plug_control may."""
    memory = {**msgspec.json.decode(record.memory), "ran_s": seconds}
    bus = await connect_as(strict, "plug_control")
    try:
        later = replace(record, memory=msgspec.Raw(msgspec.json.encode(memory)))
        await (await bus.bucket(subjects.DEVICES)).put("home.pool", encode(later))
    finally:
        await bus.close()


async def test_what_is_remembered_outlives_the_process(tmp_path: Path) -> None:
    plan = plan_in(tmp_path, monitor=f"127.0.0.1:{free_port()}")
    async with server(tmp_path, plan) as strict, device("homewizard-socket", 460) as (_, socket):
        fleet = Fleet(strict)
        file = tmp_path / "home.yaml"
        file.write_text(SITE.format(socket=socket), encoding="utf-8")
        await fleet.command("provisioner", "nats", "provision")
        await fleet.command("operator", "site", "apply", str(file))
        running = await fleet.service("plug_control")
        first = await kept(strict, 1)
        await running.end(signal.SIGKILL)
        await has_run(strict, first, 3600.0)
        running = await fleet.service("plug_control")
        try:
            second = await kept(strict, 3)
            assert second.kept_at > first.kept_at
            assert ran_s(first) == 0.0
            assert ran_s(second) >= 3600.0
            _, metrics = await fleet.get("plug_control", "/metrics")
            assert 'evenload_bus_faults_total{kind="permission"}' not in metrics
        finally:
            await running.end()
