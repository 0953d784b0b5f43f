"""Simulated stations on a real socket: links of their own kind, and two connectors behind one link."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from evenload.simulation.station import StationClient
from evenload.simulation.station_core import Station
from evenload.simulation.station_faults import FAULTS
from evenload.simulation.station_several import Charger, Several
from tests.integration.ocpp_gateway.world import PASSWORD, World

LOADS = {"CP001": "wallbox", "OLD16": "old"}


@asynccontextmanager
async def dialling(world: World, charger: Charger) -> AsyncIterator[StationClient]:
    """A station that is connected, or tries to be."""
    client = StationClient(charger, f"ws://127.0.0.1:{world.port}", PASSWORD, lambda event: None, lag_s=0.1)
    charger.configuration["MeterValueSampleInterval"] = "1"
    stopping = asyncio.Event()
    running = asyncio.create_task(client.run(stopping))
    try:
        yield client
    finally:
        stopping.set()
        await asyncio.wait_for(running, 10)


async def until(world: World, load: str, amps: float, holds: Callable[[], bool]) -> None:
    """Give a setpoint each second until it is so."""
    async with asyncio.timeout(40):
        while not holds():
            world.set(load, amps)
            await asyncio.sleep(0.2)


def draws(connector: Station, amps: float) -> bool:
    return connector.drawn_a == amps


@pytest.mark.parametrize("name", ["hex_password", "no_subprotocol", "odd_path", "repeats_stops"])
async def test_an_odd_link_still_brings_the_vehicle_to_its_current(world: World, name: str) -> None:
    identity = "OLD16" if name == "no_subprotocol" else "CP001"
    station = FAULTS[name](identity=identity)
    async with dialling(world, station) as client:
        client.plug(16.0, 1)
        await until(world, LOADS[identity], 9.0, lambda: station.drawn_a == 9.0)
        client.unplug()
        await world.state(LOADS[identity], status="available")
    ended = [message for _, message in world.seen if message.get("type") == "TransactionEnded"]
    assert len(ended) == (2 if name == "repeats_stops" else 1)
    assert all(message["known"] for message in ended[:1])


async def test_two_connectors_have_transactions_profiles_and_states_of_their_own(world: World) -> None:
    duo = Several([Station(identity="DUO1", connector=number) for number in (1, 2)])
    left, right = duo.connectors
    async with dialling(world, duo) as client:
        client.plug(16.0, 3, connector=1)
        await until(world, "left", 11.0, lambda: left.drawn_a == 11.0)
        assert right.drawn_a == 0.0
        client.plug(16.0, 3, connector=2)
        await until(world, "right", 7.0, lambda: right.drawn_a == 7.0)
        assert left.drawn_a == 11.0
        states: list[dict[str, Any]] = [
            await world.state("left", status="charging", setpoint_a=11.0),
            await world.state("right", status="charging", setpoint_a=7.0),
        ]
        assert len({state["transaction"] for state in states}) == 2
        client.unplug(connector=1)
        ended = await world.wait_for(lambda subject, message: message.get("type") == "TransactionEnded")
        assert (ended["load"], ended["evse"]) == ("left", 1)
        await world.state("left", status="available")
        assert right.drawn_a == 7.0
        assert right.transaction is not None


async def test_what_a_station_of_two_held_is_written_again_when_it_dials_anew(world: World) -> None:
    duo = Several([Station(identity="DUO1", connector=number) for number in (1, 2)])
    async with dialling(world, duo) as client:
        for number, load in ((1, "left"), (2, "right")):
            client.plug(16.0, 3, connector=number)
            await until(world, load, 8.0, partial(draws, client.at(number), 8.0))
        for connector in duo.connectors:
            connector.profiles.clear()
        session = world.gateway.sessions["duo1"]
        assert session.carrier is not None
        session.carrier.hang_up(1001, "try again")
        async with asyncio.timeout(10):
            while not all(connector.profiles for connector in duo.connectors):
                world.set("left", 8.0)
                world.set("right", 8.0)
                await asyncio.sleep(0.2)


async def connected_anew(world: World, key: str, before: Any) -> Any:
    """Return the station's connection once it is another than `before`."""
    async with asyncio.timeout(20):
        while (found := world.gateway._connections.get(key)) is None or found is before:
            await asyncio.sleep(0.05)
    return found


async def test_a_station_that_never_answers_a_ping_is_given_three_heartbeats(world: World) -> None:
    connection = None
    async with dialling(world, FAULTS["pings_unanswered"](identity="CP001")):
        for _ in range(2):
            connection = await connected_anew(world, "cp001", connection)
            connection.check_alive(connection.heard_s + 12.0)
            connection.check_alive(connection.heard_s + 21.0)
        connection = await connected_anew(world, "cp001", connection)
        assert world.gateway.sessions["cp001"].station.learned.ping is False
        connection.check_alive(connection.heard_s + 170.0)
        assert world.gateway._connections["cp001"] is connection
        connection.check_alive(connection.heard_s + 181.0)
        await connected_anew(world, "cp001", connection)


async def test_a_pong_is_on_the_card_and_then_silence_is_dead_after_20_s(world: World) -> None:
    async with dialling(world, Station(identity="CP001")):
        connection = await connected_anew(world, "cp001", None)
        connection.check_alive(connection.heard_s + 12.0)
        async with asyncio.timeout(5):
            while world.gateway.sessions["cp001"].station.learned.ping is not True:
                await asyncio.sleep(0.02)
        connection.check_alive(connection.heard_s + 21.0)
        await connected_anew(world, "cp001", connection)
