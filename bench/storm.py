"""What a restart costs: all stations come back at once (faults.md figures 9 and 10).

1. 5,000 stations with passwords connect at the same moment to a gateway on one core: until all have booted.
2. 1,000 stations charge under setpoints that an allocator renews; the gateway is killed -9 and started again, as its
   supervisor does: until each station was told its setpoint anew.

Server, bus and gateway are the real ones; the gateway has one core for itself, the stations and everything else the
other. Run: python -m bench.storm [--stations 5000] [--sessions 1000]
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from bench.gateway import cores, meter_values, run
from bench.light_station import LightStation, Refused
from bench.ocpp_servers import site_text
from evenload.contracts import subjects
from evenload.contracts.events import Setpoint
from evenload.contracts.records import StationRecord
from evenload.contracts.wire import encode
from evenload.runtime.apply import apply_site
from evenload.runtime.clock import SystemClock
from evenload.runtime.declared import ensure
from evenload.runtime.nats_bus import NatsBus, connect_nats
from evenload.runtime.ports import free_port
from evenload.runtime.server import EmbeddedServer
from evenload.runtime.settings import Settings
from evenload.site.credentials import make_credential, make_password

RENEW_S = 4.0
RESTART_S = 0.5
LIMIT_A = 11.0
MOST_S = 120.0
KEYS = {"ChargingScheduleAllowedChargingRateUnit": "Current", "ChargeProfileMaxStackLevel": "3",
        "ChargingScheduleMaxPeriods": "10", "MeterValueSampleInterval": "10"}  # fmt: skip


class Yard:
    """The bus, the gateway's process, and what the stations were told."""

    def __init__(self, server: EmbeddedServer, bus: NatsBus) -> None:
        self._server, self.bus = server, bus
        self.port = free_port()
        self.process: asyncio.subprocess.Process
        self.told: dict[str, float] = {}
        """Station → when it was told its setpoint in a transaction, monotonic."""
        self._alive = asyncio.Event()

    async def start_gateway(self, *, is_open: bool) -> None:
        """Start the gateway on the second core; return when it listens."""
        environment = {
            **os.environ,
            "EVENLOAD_NATS_URL": self._server.url,
            "EVENLOAD_OCPP_PORT": str(self.port),
            "EVENLOAD_OCPP_OPEN": "1" if is_open else "0",
            "EVENLOAD_HTTP_PORT": "0",
            "EVENLOAD_LOG": "text",
        }
        command = ["taskset", "-c", str(cores()[-1]), sys.executable, "-m", "services.ocpp_gateway"]
        self.process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        assert self.process.stderr is not None
        async with asyncio.timeout(MOST_S):
            while b"stations connect to" not in await self.process.stderr.readline():
                pass
        self._drain = asyncio.create_task(_read_away(self.process.stderr))

    def resident_mib(self, what: str = "VmRSS") -> float:
        """Return the gateway's memory, MiB; `VmHWM` = the most that it ever had."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8").splitlines()
        return float(next(line for line in lines if line.startswith(what)).split()[1]) / 1024

    async def stop(self) -> None:
        """End the gateway."""
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        await self.process.wait()

    def answer(self, station: LightStation, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Answer the gateway as a station does; note the setpoint that it is told."""
        if action == "GetConfiguration":
            return {"configurationKey": [{"key": k, "readonly": False, "value": v} for k, v in KEYS.items()]}
        if action == "SetChargingProfile":
            profile = payload["csChargingProfiles"]
            first = profile["chargingSchedule"]["chargingSchedulePeriod"][0]
            if profile["chargingProfilePurpose"] == "TxProfile" and first["limit"] == LIMIT_A:
                self.told.setdefault(station.name, time.monotonic())
        if action == "TriggerMessage" and payload["requestedMessage"] == "BootNotification":
            station.ask("BootNotification", b'{"chargePointVendor":"V","chargePointModel":"M"}')
        return {"status": "Accepted"}


async def _read_away(stream: asyncio.StreamReader) -> None:
    while await stream.readline():
        pass


@asynccontextmanager
async def yard(stations: int) -> AsyncIterator[Yard]:
    """A server that knows a site with so many stations."""
    os.sched_setaffinity(0, {cores()[0]})
    with tempfile.TemporaryDirectory(prefix="bench-storm-") as folder:
        server = EmbeddedServer(Path(folder) / "nats")
        await server.start()
        bus = await connect_nats(Settings(nats_url=server.url), "bench", "bench", SystemClock(), wait_s=5)
        await ensure(bus)
        await apply_site(bus, site_text(stations), "bench.yaml", datetime.now(UTC))
        found = Yard(server, bus)
        try:
            yield found
        finally:
            os.sched_setaffinity(0, set(range(os.cpu_count() or 1)))
            if hasattr(found, "process") and found.process.returncode is None:
                await found.stop()
            await bus.close()
            await server.stop()


# --- all at once ---


async def storm(number: int) -> str:
    """Let so many stations connect at the same moment; return what came of it."""
    async with yard(number) as found:
        passwords = await give_passwords(found.bus, number)
        await found.start_gateway(is_open=False)
        before_mib, began_s = found.resident_mib(), time.monotonic()
        redials = 0

        async def come(place: int) -> LightStation:
            nonlocal redials
            while True:
                try:
                    station = await LightStation.connect(f"S{place}", found.port, password=passwords[place])
                    await station.boot()
                    return station
                except (Refused, OSError):
                    redials += 1
                    await asyncio.sleep(1.0)

        async with asyncio.timeout(MOST_S):
            stations = await asyncio.gather(*(come(place) for place in range(number)))
        took_s, most_mib = time.monotonic() - began_s, found.resident_mib("VmHWM")
        for station in stations:
            station.abort()
    came = f"{number} stations with passwords at once: all booted after {took_s:.1f} s (aim 30), {redials} redials"
    return f"{came}; memory {before_mib:.0f} MiB before, {most_mib:.0f} MiB at most (aim 500)"


async def give_passwords(bus: NatsBus, number: int) -> list[str]:
    """Write a record with a generated password for each station; return the passwords."""
    bucket, places = await bus.bucket(subjects.STATIONS), asyncio.Semaphore(32)
    passwords = [make_password() for _ in range(number)]

    async def one(place: int) -> None:
        credential = make_credential(passwords[place], os.urandom(16))
        record = StationRecord(station=f"S{place}", site="bench", credential=credential)
        async with places:
            await bucket.put(subjects.station_key(record.station), encode(record))

    await asyncio.gather(*(one(place) for place in range(number)))
    return passwords


# --- killed ---


async def killed(number: int) -> str:
    """Kill the gateway of so many charging stations; return after how long all hold a valid setpoint again."""
    async with yard(number) as found:
        await found.start_gateway(is_open=True)
        renewing = asyncio.create_task(_renew(found.bus, number))
        living = [asyncio.create_task(_live(found, place)) for place in range(number)]
        await _all_told(found, number)
        await asyncio.sleep(2.0)
        found.told.clear()
        began_s = time.monotonic()
        found.process.send_signal(signal.SIGKILL)
        await found.process.wait()
        await asyncio.sleep(RESTART_S)
        await found.start_gateway(is_open=True)
        listens_s = time.monotonic() - began_s
        await _all_told(found, number)
        for task in (*living, renewing):
            task.cancel()
        await asyncio.gather(*living, renewing, return_exceptions=True)
    took_s = sorted(at_s - began_s for at_s in found.told.values())
    return (
        f"gateway with {number} charging stations killed -9: listens after {listens_s:.1f} s, setpoints written again "
        f"after {took_s[len(took_s) // 2]:.1f} s (median), {took_s[-1]:.1f} s (all, aim 15)"
    )


async def _all_told(found: Yard, number: int) -> None:
    async with asyncio.timeout(MOST_S):
        while len(found.told) < number:  # noqa: ASYNC110  # thousands of notes, looked at ten times a second
            await asyncio.sleep(0.1)


async def _renew(bus: NatsBus, number: int) -> None:
    """Publish each load's setpoint every 4 s, as an allocator does."""
    while True:
        for place in range(number):
            setpoint = Setpoint(
                site="bench", load=f"load{place}", setpoint_a=LIMIT_A, issued_at=datetime.now(UTC), epoch=1
            )
            bus.publish(subjects.setpoint("bench", setpoint.load), setpoint)
            if place % 50 == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(RENEW_S)


async def _live(found: Yard, place: int) -> None:
    """Charge; after a lost connection dial again within a second, without a boot, and go on."""
    transaction = 0
    while True:
        with contextlib.suppress(Refused, OSError):
            station = await LightStation.connect(f"S{place}", found.port, answerer=found.answer)
            if not transaction:
                await station.boot()
                start = {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": datetime.now(UTC)}
                transaction = (await station.ask("StartTransaction", msgspec.json.encode(start)))["transactionId"]
            status = {"connectorId": 1, "errorCode": "NoError", "status": "Charging"}
            await station.ask("StatusNotification", msgspec.json.encode(status))
            values = meter_values(LIMIT_A - 2) | {"transactionId": transaction}
            await station.ask("MeterValues", msgspec.json.encode(values))
            await station.lost
        await asyncio.sleep((place % 100) / 100)


def main() -> int:
    """Run both and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stations", type=int, default=5_000)
    parser.add_argument("--sessions", type=int, default=1_000)
    wanted = parser.parse_args()
    if wanted.stations:
        print(run(storm(wanted.stations)), flush=True)
    if wanted.sessions:
        print(run(killed(wanted.sessions)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
