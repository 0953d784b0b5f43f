"""A foreign station's whole cycle: boot, status, start, setpoint, profile, meter values, stop."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from ocpp.v16 import call

from evenload.contracts import subjects
from evenload.contracts.commands import StationCall, StationCallReply
from evenload.contracts.wire import decode_as, encode
from evenload.runtime.clock import SystemClock
from evenload.runtime.memory_bus import MemoryBus
from services.ocpp_gateway.capability import Rung
from tests.integration.ocpp_gateway.world import World, foreign, start_gateway


def stamp() -> str:
    return datetime.now(UTC).isoformat()


def samples(*currents_a: float) -> list[dict[str, Any]]:
    values = [
        {"value": str(value), "measurand": "Current.Import", "phase": f"L{line}", "unit": "A"}
        for line, value in enumerate(currents_a, 1)
    ]
    values.append({"value": "1.5", "measurand": "Energy.Active.Import.Register", "unit": "kWh"})
    return [{"timestamp": stamp(), "sampledValue": values}]


def periods(profile: dict[str, Any]) -> list[tuple[int, float]]:
    """Return (start, limit) of each period."""
    told = profile["charging_schedule"]["charging_schedule_period"]
    return [(period["start_period"], float(period["limit"])) for period in told]


async def test_boot_is_answered_and_followed_by_setup(world: World) -> None:
    async with foreign(world) as station:
        answer = await station.boot()
        assert answer.status == "Accepted"
        assert answer.interval == 60
        idle = await station.profile("TxDefaultProfile")
        assert periods(idle) == [(0, 0.0)]
        assert [await station.triggers.get() for _ in range(2)] == ["StatusNotification", "MeterValues"]
        assert station.changes["MeterValueSampleInterval"] == "10"
        assert "Current.Import" in station.changes["MeterValuesSampledData"]


async def test_whole_cycle(world: World) -> None:
    async with foreign(world) as station:
        await station.boot()
        await station.status("Preparing")
        await world.state("wallbox", status="preparing", reachable=True)
        transaction = await station.start_charging(stamp())
        world.set("wallbox", 10.4)
        profile = await station.profile("TxProfile")
        assert profile["transaction_id"] == transaction
        assert profile["stack_level"] == 3
        assert periods(profile) == [(0, 10.4), (180, 0.0)]
        await world.wait_for(lambda subject, message: message.get("type") == "Applied")
        await station.status("Charging")
        await station.call(call.MeterValues(connector_id=1, meter_value=samples(10.1, 10.2, 10.3)))
        state = await world.state("wallbox", status="charging", measured_a={"l1": 10.3, "l2": 10.1, "l3": 10.2})
        assert state["setpoint_a"] == 10.4
        assert 100 < state["failsafe_in_s"] <= 120
        assert state["session_wh"] == 500
        assert state["transaction"] == str(transaction)
        await station.call(call.StopTransaction(meter_stop=2000, timestamp=stamp(), transaction_id=transaction))
        ended = await world.wait_for(lambda subject, message: message.get("type") == "TransactionEnded")
        assert ended["known"]
        await station.status("Available")
        await world.state("wallbox", status="available")


async def test_a_cut_goes_out_at_once_and_a_raise_waits(world: World) -> None:
    async with foreign(world) as station:
        await station.boot()
        await station.start_charging(stamp())
        for amps in (10.0, 8.0, 12.0, 6.0):
            world.set("wallbox", amps)
        limits = []
        while limits[-1:] != [6.0]:
            profile = await station.profile("TxProfile")
            limits.append(periods(profile)[0][1])
        assert 12.0 not in limits


async def test_rejected_profiles_climb_the_ladder_and_the_winner_is_kept(world: World) -> None:
    async with foreign(world) as station:
        station.refuse = lambda profile: (
            profile["charging_schedule"]["charging_rate_unit"] == "A" or profile["stack_level"] > 0
        )
        await station.boot()
        await station.start_charging(stamp())
        world.set("wallbox", 16.0)
        await world.wait_for(lambda subject, message: message.get("type") == "Applied", 20.0)
        await station.call(call.Heartbeat())
    async with asyncio.timeout(5):
        while (record := world.gateway._record("cp001")) is None or "running" not in record.learned:
            await asyncio.sleep(0.01)
    assert record.learned["running"] == "tx/W/0"
    ctx, gateway, _ = await start_gateway(MemoryBus("restarted", world.network, SystemClock()))
    restarted = gateway.sessions["cp001"].station.learned
    assert restarted.running == Rung("tx", "W", 0)
    assert (restarted.units, restarted.max_level) == (("A",), 3)
    await ctx.drain()


async def test_a_watts_station_gets_whole_watts_below_the_amperes(world: World) -> None:
    async with foreign(world, "WATTS") as station:
        await station.boot()
        await station.start_charging(stamp())
        await station.status("Charging")
        voltages = [{"value": "230", "measurand": "Voltage", "phase": "L1-N"}]
        values = samples(5.0, 0.0, 0.0)
        values[0]["sampledValue"] += voltages
        await station.call(call.MeterValues(connector_id=1, meter_value=values))
        world.set("watts", 10.0)
        profile = await station.profile("TxProfile")
        schedule = profile["charging_schedule"]
        assert schedule["charging_rate_unit"] == "W"
        assert periods(profile)[0][1] == 2300


async def test_an_operators_call_reaches_the_station(world: World) -> None:
    async with foreign(world) as station:
        await station.boot()
        request = encode(StationCall(action="TriggerMessage", payload={"requestedMessage": "Heartbeat"}))
        reply = decode_as(StationCallReply, await world.bus.request(subjects.station_call("CP001"), request), "reply")
        assert reply == StationCallReply(ok=True, payload={"status": "Accepted"})


async def test_an_absent_station_is_unreachable(world: World) -> None:
    world.set("second", 8.0)
    result = await world.wait_for(lambda subject, message: message.get("type") == "Unreachable")
    assert result["setpoint"]["load"] == "second"


async def test_a_disconnected_load_counts_down_to_its_failsafe(world: World) -> None:
    async with foreign(world) as station:
        await station.boot()
        await station.start_charging(stamp())
        world.set("wallbox", 10.0)
        await station.profile("TxProfile")
        await world.state("wallbox", setpoint_a=10.0)
    state = await world.state("wallbox", reachable=False, setpoint_a=10.0)
    assert 100 < state["failsafe_in_s"] <= 120
