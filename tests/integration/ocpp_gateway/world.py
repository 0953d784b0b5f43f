"""A gateway on a real socket over the memory bus, and foreign stations that speak to it."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import websockets
from msgspec import json
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action

from evenload.contracts import subjects
from evenload.contracts.events import Setpoint
from evenload.contracts.records import StationRecord
from evenload.contracts.wire import encode
from evenload.runtime.apply import apply_site
from evenload.runtime.bus import Bus
from evenload.runtime.clock import Clock, SystemClock
from evenload.runtime.declared import ensure
from evenload.runtime.memory_bus import MemoryBus, MemoryNetwork
from evenload.runtime.service import Context
from evenload.runtime.settings import Settings
from evenload.site.credentials import make_credential
from services.ocpp_gateway.drivers.gateway import Gateway
from services.ocpp_gateway.pacing import Pace
from services.ocpp_gateway.service import start

PASSWORD = "0123456789abcdef0123456789abcdef01234567"
SITE = """
site: home
phases: [L1, L2, L3]
grid: {breaker_a: 25}
meters: {p1: {role: grid, driver: homewizard, host: 127.0.0.1}}
stations:
  OLD16: {version: "1.6"}
  WATTS: {overrides: {rate_unit: W}}
  DUO1: {max_a: 20, connectors: concurrent}
loads:
  wallbox: {type: evse, station: CP001, phases: [L2, L3, L1]}
  second: {type: evse, station: CP002, phases: [L1]}
  old: {type: evse, station: OLD16, phases: [L1]}
  watts: {type: evse, station: WATTS}
  left: {type: evse, station: DUO1, evse: 1}
  right: {type: evse, station: DUO1, evse: 2}
  free: {type: evse, station: FREE, phases: [L2]}
  either: {type: evse, station: EITHER, phase_switching: {line: L2}}
"""


@dataclass
class World:
    """What a test works with."""

    network: MemoryNetwork
    bus: Bus
    gateway: Gateway
    ctx: Context
    port: int
    seen: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def on_message(self, subject: str, data: bytes) -> None:
        self.seen.append((subject, json.decode(data)))
        self.news.set()

    async def wait_for(self, wanted: Callable[[str, dict[str, Any]], bool], timeout_s: float = 5.0) -> dict[str, Any]:
        """Return the first message that is wanted, also of those that came before."""
        async with asyncio.timeout(timeout_s):
            while True:
                for subject, message in self.seen:
                    if wanted(subject, message):
                        return message
                self.news.clear()
                await self.news.wait()

    async def state(self, load: str, **wanted: Any) -> dict[str, Any]:
        """Return the first state of `load` with these values."""
        return await self.wait_for(
            lambda subject, message: (
                subject == subjects.load_state("home", load)
                and all(message.get(key) == value for key, value in wanted.items())
            )
        )

    def set(self, load: str, amps: float, **more: Any) -> None:
        """Publish a setpoint."""
        setpoint = Setpoint(site="home", load=load, setpoint_a=amps, issued_at=datetime.now(UTC), epoch=1, **more)
        self.bus.publish(subjects.setpoint("home", load), setpoint)

    def url(self, station: str) -> str:
        return f"ws://127.0.0.1:{self.port}/{station}"


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


async def give_password(bus: Bus, station: str, password: str = PASSWORD) -> None:
    """What `evenload station add` does."""
    bucket = await bus.bucket(subjects.STATIONS)
    record = StationRecord(station=station, site="home", credential=make_credential(password, b"0123456789abcdef"))
    await bucket.put(subjects.station_key(station), encode(record))


async def start_gateway(
    bus: Bus, *, is_open: bool = False, pace: Pace | None = None, clock: Clock | None = None
) -> tuple[Context, Gateway, int]:
    """Start a gateway on a free port; ready when it has read the site."""
    settings = Settings(ocpp_port=0, ocpp_open=is_open)
    ctx = Context("ocpp_gateway", bus, clock or SystemClock(), settings)
    gateway, port = await start(ctx, pace or Pace())
    async with asyncio.timeout(5):
        while not gateway.sessions:
            await asyncio.sleep(0)
    return ctx, gateway, port


async def prepare(bus: Bus) -> None:
    """Apply the site and set the passwords."""
    await ensure(bus)
    await apply_site(bus, SITE, "test.yaml", datetime.now(UTC))
    for station in ("CP001", "CP002", "OLD16", "WATTS", "DUO1", "EITHER"):
        await give_password(bus, station)


@asynccontextmanager
async def running(
    *, is_open: bool = False, pace: Pace | None = None, clock: Clock | None = None
) -> AsyncIterator[World]:
    """A gateway over the memory bus."""
    network, clock = MemoryNetwork(), clock or SystemClock()
    bus = MemoryBus("test", network, clock)
    await prepare(bus)
    gateway_bus = MemoryBus("gateway", network, clock)
    ctx, gateway, port = await start_gateway(gateway_bus, is_open=is_open, pace=pace, clock=clock)
    world = World(network, bus, gateway, ctx, port)
    await bus.subscribe("evenload.>", world.on_message)
    try:
        yield world
    finally:
        await ctx.drain()


@asynccontextmanager
async def raw(world: World, station: str = "CP001", **more: Any) -> AsyncIterator[Any]:
    """A bare WebSocket as an authenticated station."""
    headers = more.pop("headers", basic(station, PASSWORD))
    options = {"subprotocols": ["ocpp1.6"], "additional_headers": headers, "compression": None} | more
    async with websockets.connect(world.url(station), **options) as socket:
        yield socket


class ForeignStation(ChargePoint):  # type: ignore[misc]  # the package has no types
    """A station of the `ocpp` package; every call of ours passes its schema validation or is not answered so."""

    configuration = {
        "ChargingScheduleAllowedChargingRateUnit": "Current",
        "ChargeProfileMaxStackLevel": "3",
        "ChargingScheduleMaxPeriods": "10",
        "MeterValuesSampledData": "Energy.Active.Import.Register",
        "MeterValueSampleInterval": "60",
    }

    def __init__(self, station: str, socket: Any) -> None:
        super().__init__(station, socket)
        self.profiles: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.changes: dict[str, str] = {}
        self.triggers: asyncio.Queue[str] = asyncio.Queue()
        self.refuse: Callable[[dict[str, Any]], bool] = lambda profile: False

    @on(Action.get_configuration)
    def on_get_configuration(self, key: list[str] | None = None, **_: Any) -> Any:
        known = [
            {"key": name, "readonly": False, "value": self.configuration[name]}
            for name in key or []
            if name in self.configuration
        ]
        return call_result.GetConfiguration(configuration_key=known)

    @on(Action.change_configuration)
    def on_change_configuration(self, key: str, value: str) -> Any:
        self.changes[key] = value
        return call_result.ChangeConfiguration(status="Accepted")

    @on(Action.trigger_message)
    def on_trigger_message(self, requested_message: str, **_: Any) -> Any:
        self.triggers.put_nowait(requested_message)
        return call_result.TriggerMessage(status="Accepted")

    @on(Action.set_charging_profile)
    def on_set_charging_profile(self, connector_id: int, cs_charging_profiles: dict[str, Any]) -> Any:
        refused = self.refuse(cs_charging_profiles)
        self.profiles.put_nowait({"connector_id": connector_id, **cs_charging_profiles})
        return call_result.SetChargingProfile(status="Rejected" if refused else "Accepted")

    async def boot(self) -> Any:
        return await self.call(call.BootNotification(charge_point_vendor="Foreign", charge_point_model="One"))

    async def status(self, status: str, connector: int = 1) -> Any:
        return await self.call(call.StatusNotification(connector_id=connector, error_code="NoError", status=status))

    async def start_charging(self, stamp: str) -> int:
        answer = await self.call(call.StartTransaction(connector_id=1, id_tag="TAG", meter_start=1000, timestamp=stamp))
        return int(answer.transaction_id)

    async def profile(self, purpose: str, timeout_s: float = 5.0) -> dict[str, Any]:
        """Return the next profile with this purpose."""
        async with asyncio.timeout(timeout_s):
            while True:
                found = await self.profiles.get()
                if found["charging_profile_purpose"] == purpose:
                    return found


@asynccontextmanager
async def foreign(world: World, station: str = "CP001") -> AsyncIterator[ForeignStation]:
    """A connected foreign station."""
    async with raw(world, station) as socket:
        charger = ForeignStation(station, socket)
        reading = asyncio.create_task(charger.start())
        try:
            yield charger
        finally:
            reading.cancel()
            await asyncio.wait([reading])
