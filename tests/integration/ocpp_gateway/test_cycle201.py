"""A station of the `ocpp` package that speaks 2.0.1: it checks every frame of ours against the official schemas."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from ocpp.routing import on
from ocpp.v201 import ChargePoint, call, call_result
from ocpp.v201.enums import Action

from services.ocpp_gateway.profiles import RAISE_SPACING_S
from tests.integration.ocpp_gateway.fast_loop import FastClock, FastLoop
from tests.integration.ocpp_gateway.world import World, raw, running
from tests.unit.ocpp_gateway.schemas import valid_answer, valid_call

SPEED = 20.0


class Station201(ChargePoint):  # type: ignore[misc]  # the package has no types
    """A 2.0.1 station that accepts profiles and knows no variables."""

    def __init__(self, station: str, socket: Any) -> None:
        super().__init__(station, socket)
        self.profiles: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.asked: asyncio.Queue[str] = asyncio.Queue()
        self.utc: Callable[[], datetime] = lambda: datetime.now(UTC)

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

    @on(Action.get_transaction_status)
    def on_get_transaction_status(self, transaction_id: str | None = None) -> Any:
        self.asked.put_nowait(str(transaction_id))
        return call_result.GetTransactionStatus(messages_in_queue=False, ongoing_indicator=True)

    async def event(self, kind: str, seq: int, **more: Any) -> Any:
        info = {"transaction_id": "tx-7", "charging_state": "Charging"}
        return await self.call(
            call.TransactionEvent(
                event_type=kind,
                timestamp=self.utc().isoformat(),
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
async def station201(world: World, name: str = "CP001", kind: type[Station201] = Station201) -> AsyncIterator[Any]:
    """A connected 2.0.1 station; it would take 1.6 too."""
    async with raw(world, name, subprotocols=["ocpp1.6", "ocpp2.0.1"]) as socket:
        assert socket.subprotocol == "ocpp2.0.1"
        charger = kind(name, socket)
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


class Switching201(Station201):
    """Its vehicle draws what its profile in force allows, on as many lines as that says, from the one it names on."""

    def __init__(self, station: str, socket: Any) -> None:
        super().__init__(station, socket)
        self.seq, self.faults = 0, 0
        self.limit_a, self.lines, self.first = 0.0, 3, 1

    async def follow(self) -> dict[str, Any]:
        """Take the next profile of the transaction, and measure; lines that change under current are a fault."""
        profile = await self.profile("TxProfile")
        period = profile["charging_schedule"][0]["charging_schedule_period"][0]
        lines, limit_a = period.get("number_phases", 3), period["limit"]
        self.faults += lines != self.lines and self.limit_a > 0.0
        self.limit_a, self.lines, self.first = limit_a, lines, period.get("phase_to_use", 1)
        used = {f"L{self.first}"} if lines == 1 else {"L1", "L2", "L3"}
        samples = [
            {
                "value": limit_a if phase in used else 0.0,
                "measurand": "Current.Import",
                "phase": phase,
                "unit_of_measure": {"unit": "A"},
            }
            for phase in ("L1", "L2", "L3")
        ]
        self.seq += 1
        values = [{"timestamp": self.utc().isoformat(), "sampled_value": samples}]
        await self.event("Updated", self.seq, meter_value=values)
        return dict(period)


def test_from_three_lines_to_one_and_back_in_2_0_1() -> None:
    with asyncio.Runner(loop_factory=lambda: FastLoop(SPEED)) as runner:
        runner.run(_three_lines_one_and_back())


async def _three_lines_one_and_back() -> None:
    clock = FastClock(asyncio.get_running_loop())
    async with running(clock=clock) as world, station201(world, "EITHER", Switching201) as station:
        station.utc = clock.utc
        await station.call(call.BootNotification(charging_station={"model": "M", "vendor_name": "V"}, reason="PowerUp"))
        await station.profile("TxDefaultProfile")
        await station.event("Started", 0, id_token={"id_token": "TAG", "type": "Central"})
        for amps, phases, drawn in (
            (10.0, 3, {"l1": 10.0, "l2": 10.0, "l3": 10.0}),
            (0.0, 1, {"l1": 0.0, "l2": 0.0, "l3": 0.0}),
            (14.0, 1, {"l1": 0.0, "l2": 14.0, "l3": 0.0}),
            (0.0, 3, {"l1": 0.0, "l2": 0.0, "l3": 0.0}),
            (8.0, 3, {"l1": 8.0, "l2": 8.0, "l3": 8.0}),
        ):
            await asyncio.sleep(RAISE_SPACING_S)  # of the fast clock: raises keep their distance
            world.seen.clear()
            world.set("either", amps, phases=phases)
            async with asyncio.timeout(5 * SPEED):
                while (station.limit_a, station.lines) != (amps, phases):
                    await station.follow()
                await world.state("either", setpoint_a=amps, measured_a=drawn)
        assert station.faults == 0, "switched under current"


async def test_a_station_that_lost_events_is_asked_for_them_and_a_person_is_told(world: World) -> None:
    async with station201(world) as station:
        await station.call(call.BootNotification(charging_station={"model": "M", "vendor_name": "V"}, reason="PowerUp"))
        await station.profile("TxDefaultProfile")
        await station.event("Started", 0)
        await station.event("Updated", 4)
        assert await asyncio.wait_for(station.asked.get(), 5) == "tx-7"
        alert = await world.wait_for(lambda subject, message: message.get("kind") == "station_events_lost")
        assert alert["active"]
        assert "3 of 'tx-7'" in alert["text"]
        await station.event("Ended", 5)
        ended = await world.wait_for(lambda subject, message: message.get("type") == "TransactionEnded")
        assert "3 events missing" in ended["why"]


class Station21:
    """A bare 2.1 station: what it says and what it is told, frame by frame, all of it held against the schemas."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._number = 0

    async def call(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Say something; answer what comes meanwhile; return the answer."""
        self._number += 1
        await self.socket.send(json.dumps([2, f"s{self._number}", action, payload]))
        found = await self.until(lambda message: message[0] == 3 and message[1] == f"s{self._number}")
        valid_answer("2.1", action, found[2])
        return dict(found[2])

    async def until(self, wanted: Callable[[list[Any]], bool]) -> list[Any]:
        """Answer calls until a frame is wanted; return it."""
        async with asyncio.timeout(10):
            while True:
                message: list[Any] = json.loads(await self.socket.recv())
                if message[0] == 2:
                    valid_call("2.1", message[2], message[3])
                    self.calls.append((message[2], message[3]))
                    await self.socket.send(json.dumps([3, message[1], self._answer(message[2], message[3])]))
                if wanted(message):
                    return message

    def _answer(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        if action == "GetVariables":
            yes = {"attributeStatus": "Accepted", "attributeValue": "true"}
            no = {"attributeStatus": "UnknownVariable"}
            told = payload["getVariableData"]
            supported = [each["variable"]["name"].startswith("Supports") for each in told]
            pairs = zip(told, supported, strict=True)
            return {"getVariableResult": [{**each, **(yes if has else no)} for each, has in pairs]}
        if action == "SetVariableMonitoring":
            told = payload["setMonitoringData"]
            return {"setMonitoringResult": [{**each, "id": 7, "status": "Accepted"} for each in told]}
        return {"status": "Accepted"}


def started() -> dict[str, Any]:
    return {
        "eventType": "Started",
        "timestamp": datetime.now(UTC).isoformat(),
        "triggerReason": "CablePluggedIn",
        "seqNo": 0,
        "transactionInfo": {"transactionId": "tx-8", "chargingState": "Charging"},
        "evse": {"id": 1, "connectorId": 1},
    }


def called(action: str) -> Callable[[list[Any]], bool]:
    return lambda message: message[0] == 2 and message[2] == action


async def test_2_1_is_controlled_by_dynamic_schedules_and_measured_by_a_stream(world: World) -> None:
    async with raw(world, "CP001", subprotocols=["ocpp2.1"]) as socket:
        station = Station21(socket)
        boot = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
        assert (await station.call("BootNotification", boot))["status"] == "Accepted"
        await station.until(called("SetVariableMonitoring"))
        stream = {"id": 3, "variableMonitoringId": 7, "params": {"interval": 2, "values": 1}}
        assert await station.call("OpenPeriodicEventStream", {"constantStreamData": stream}) == {"status": "Accepted"}
        await station.call("TransactionEvent", started())
        world.set("wallbox", 11.0)
        written = await station.until(called("SetChargingProfile"))
        while written[3]["chargingProfile"]["chargingProfilePurpose"] != "TxProfile":
            written = await station.until(called("SetChargingProfile"))
        assert written[3]["chargingProfile"]["chargingProfileKind"] == "Dynamic"
        world.set("wallbox", 7.0)
        updated = await station.until(called("UpdateDynamicSchedule"))
        assert updated[3]["scheduleUpdate"] == {"limit": 7.0}
        data = [{"t": 0, "v": "4830"}]
        notice = {"id": 3, "pending": 0, "basetime": datetime.now(UTC).isoformat(), "data": data}
        await socket.send(json.dumps([6, "n1", "NotifyPeriodicEventStream", notice]))
        pulled = await station.call("PullDynamicScheduleUpdate", {"chargingProfileId": 2})
        assert pulled == {"status": "Accepted", "scheduleUpdate": {"limit": 7.0}}
        state = await world.state("wallbox", power_w=4830.0)
        assert state["measured_a"]["l1"] == 7.0


async def test_a_notice_without_an_answer_and_an_unknown_call_disturb_nothing(world: World) -> None:
    async with raw(world, "CP001", subprotocols=["ocpp2.1"]) as socket:
        await socket.send('[6,"s1","NotifyPeriodicEventStream",{}]')
        await socket.send('[5,"s2","FormatViolation","",{}]')
        await socket.send('[2,"1","SettlePizza",{}]')
        assert (await asyncio.wait_for(socket.recv(), 5)).startswith('[4,"1","NotImplemented"')
