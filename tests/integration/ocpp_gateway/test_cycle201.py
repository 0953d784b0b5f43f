"""A station of the `ocpp` package that speaks 2.0.1: it checks every frame of ours against the official schemas."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from ocpp.routing import on
from ocpp.v201 import ChargePoint, call, call_result
from ocpp.v201.enums import Action

from tests.integration.ocpp_gateway.world import World, raw


class Station201(ChargePoint):  # type: ignore[misc]  # the package has no types
    """A 2.0.1 station that accepts profiles and knows no variables."""

    def __init__(self, station: str, socket: Any) -> None:
        super().__init__(station, socket)
        self.profiles: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    @on(Action.get_variables)
    def on_get_variables(self, get_variable_data: list[dict[str, Any]], **_: Any) -> Any:
        results = [{"attribute_status": "UnknownVariable", **wanted} for wanted in get_variable_data]
        return call_result.GetVariables(get_variable_result=results)

    @on(Action.set_variables)
    def on_set_variables(self, set_variable_data: list[dict[str, Any]], **_: Any) -> Any:
        results = [
            {"attribute_status": "Accepted", "component": each["component"], "variable": each["variable"]}
            for each in set_variable_data
        ]
        return call_result.SetVariables(set_variable_result=results)

    @on(Action.trigger_message)
    def on_trigger_message(self, **_: Any) -> Any:
        return call_result.TriggerMessage(status="Accepted")

    @on(Action.set_charging_profile)
    def on_set_charging_profile(self, evse_id: int, charging_profile: dict[str, Any], **_: Any) -> Any:
        self.profiles.put_nowait({"evse_id": evse_id, **charging_profile})
        return call_result.SetChargingProfile(status="Accepted")

    async def event(self, kind: str, seq: int, **more: Any) -> Any:
        info = {"transaction_id": "tx-7", "charging_state": "Charging"}
        return await self.call(
            call.TransactionEvent(
                event_type=kind,
                timestamp=datetime.now(UTC).isoformat(),
                trigger_reason="ChargingStateChanged",
                seq_no=seq,
                transaction_info=info,
                evse={"id": 1, "connector_id": 1},
                **more,
            )
        )

    async def profile(self, purpose: str) -> dict[str, Any]:
        async with asyncio.timeout(5):
            while True:
                found = await self.profiles.get()
                if found["charging_profile_purpose"] == purpose:
                    return found


@asynccontextmanager
async def station201(world: World) -> AsyncIterator[Station201]:
    """A connected 2.0.1 station; it would take 1.6 too."""
    async with raw(world, "CP001", subprotocols=["ocpp1.6", "ocpp2.0.1"]) as socket:
        assert socket.subprotocol == "ocpp2.0.1"
        charger = Station201("CP001", socket)
        reading = asyncio.create_task(charger.start())
        try:
            yield charger
        finally:
            reading.cancel()
            await asyncio.wait([reading])


async def test_the_whole_way_in_2_0_1(world: World) -> None:
    async with station201(world) as station:
        answer = await station.call(
            call.BootNotification(charging_station={"model": "M", "vendor_name": "V"}, reason="PowerUp")
        )
        assert answer.status == "Accepted"
        await station.profile("TxDefaultProfile")
        await station.event("Started", 0, id_token={"id_token": "TAG", "type": "Central"})
        world.set("wallbox", 11.0)
        profile = await station.profile("TxProfile")
        assert (profile["transaction_id"], profile["evse_id"]) == ("tx-7", 1)
        await world.wait_for(lambda subject, message: message.get("type") == "Applied")
        samples = [{"value": 10.8, "measurand": "Current.Import", "phase": "L1", "unit_of_measure": {"unit": "A"}}]
        values = [{"timestamp": datetime.now(UTC).isoformat(), "sampled_value": samples}]
        await station.event("Updated", 1, meter_value=values)
        state = await world.state("wallbox", transaction="tx-7", setpoint_a=11.0, status="charging")
        assert state["setpoint_a"] == 11.0
        await world.wait_for(lambda subject, message: (message.get("measured_a") or {}).get("l2") == 10.8)
        await station.event("Ended", 2)
        await world.wait_for(lambda subject, message: message.get("type") == "TransactionEnded")


async def test_a_notice_without_an_answer_and_an_unknown_call_disturb_nothing(world: World) -> None:
    async with raw(world, "CP001", subprotocols=["ocpp2.1"]) as socket:
        await socket.send('[6,"s1","NotifyPeriodicEventStream",{}]')
        await socket.send('[5,"s2","FormatViolation","",{}]')
        await socket.send('[2,"1","SettlePizza",{}]')
        assert (await asyncio.wait_for(socket.recv(), 5)).startswith('[4,"1","NotImplemented"')
