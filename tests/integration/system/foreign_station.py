"""OCPP 1.6 stations of the `ocpp` package as a process of their own, each with a vehicle that obeys its profile.

`python -m tests.integration.system.foreign_station --url ws://127.0.0.1:9000 --id CP001 --password SECRET`. Everything
that happens is one JSON line with `t`, s on the machine's monotonic clock; that of a profile is taken as its frame
leaves the socket, before the package looks at it. Lines on standard input steer a vehicle: `CP001 unplug`.
"""

import argparse
import asyncio
import base64
import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

import websockets
from ocpp.exceptions import OCPPError
from ocpp.routing import after, on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action

STEP_S = 0.1
RECONNECT_S = 0.5
MIN_A, VOLTAGE_V = 6.0, 230.0
TX, DEFAULT, MAX = "TxProfile", "TxDefaultProfile", "ChargePointMaxProfile"


def tell(event: str, **facts: Any) -> None:
    """Print what happened."""
    print(json.dumps({"t": round(time.monotonic(), 4), "event": event, **facts}, default=float), flush=True)


def stamp() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


class Charger:
    """What outlives a connection: profiles, configuration, the transaction and the vehicle."""

    def __init__(self, identity: str, options: argparse.Namespace) -> None:
        self.identity, self.options = identity, options
        self.profiles: dict[str, dict[str, Any]] = {}
        self.configuration = {
            "ChargingScheduleAllowedChargingRateUnit": "Current",
            "ChargeProfileMaxStackLevel": "3",
            "ChargingScheduleMaxPeriods": "10",
            "MeterValuesSampledData": "Energy.Active.Import.Register",
            "MeterValueSampleInterval": "60",
        }
        self.plugged = True
        self.transaction: int | None = None
        self.began = datetime.now(UTC)
        self.drawn_a, self.wanted_a, self.wanted_at_s = 0.0, 0.0, 0.0
        self.energy_wh = 1000.0
        self.told_limit_a = -1.0

    def allowed_a(self, now: datetime) -> float:
        """Return what the profiles allow now, A per line: the transaction's over the default, at most the maximum."""
        running = self.transaction is not None
        working = self.profiles.get(TX) if running and TX in self.profiles else self.profiles.get(DEFAULT)
        found = [self.options.max_a]
        found += [self._limit_a(each, now) for each in (working, self.profiles.get(MAX)) if each is not None]
        return min(found)

    def _limit_a(self, profile: dict[str, Any], now: datetime) -> float:
        schedule = profile["charging_schedule"]
        start = schedule.get("start_schedule")
        begins = self.began if start is None else datetime.fromisoformat(start.replace("Z", "+00:00"))
        passed_s = (now - begins).total_seconds()
        due = [each for each in schedule["charging_schedule_period"] if each["start_period"] <= passed_s]
        return float(due[-1]["limit"]) if due else self.options.max_a

    def live(self, passed_s: float) -> bool:
        """Let the vehicle follow, `lag_s` late; tell whether its draw changed."""
        allowed_a, now_s = self.allowed_a(datetime.now(UTC)), time.monotonic()
        if allowed_a != self.told_limit_a:
            self.told_limit_a = allowed_a
            tell("limit", station=self.identity, limit_a=allowed_a)
        takes = self.plugged and self.transaction is not None and allowed_a >= MIN_A
        wanted_a = min(allowed_a, self.options.vehicle_a) if takes else 0.0
        if wanted_a != self.wanted_a:
            self.wanted_a, self.wanted_at_s = wanted_a, now_s
        self.energy_wh += self.drawn_a * VOLTAGE_V * self.options.lines * passed_s / 3600
        if self.drawn_a == self.wanted_a or now_s - self.wanted_at_s < self.options.lag_s:
            return False
        self.drawn_a = self.wanted_a
        tell("draws", station=self.identity, current_a=self.drawn_a)
        return True

    def status(self) -> str:
        if not self.plugged:
            return "Available"
        if self.transaction is None:
            return "Preparing"
        return "Charging" if self.drawn_a > 0 else "SuspendedEVSE"

    def samples(self) -> list[dict[str, Any]]:
        """Return meter values as the configuration asks, always with the register."""
        lines = [self.drawn_a if line < self.options.lines else 0.0 for line in range(3)]
        values = [
            {"value": f"{current_a:.1f}", "measurand": "Current.Import", "phase": f"L{line}", "unit": "A"}
            for line, current_a in enumerate(lines, 1)
        ]
        power_w = sum(lines) * VOLTAGE_V
        values.append({"value": f"{power_w:.0f}", "measurand": "Power.Active.Import", "unit": "W"})
        values.append({"value": f"{self.energy_wh:.0f}", "measurand": "Energy.Active.Import.Register", "unit": "Wh"})
        return [{"timestamp": stamp(), "sampledValue": values}]


class Link(ChargePoint):  # type: ignore[misc]  # the package has no types
    """One connection: the package's client class, with a handler for each call that a gateway sends."""

    def __init__(self, charger: Charger, socket: Any) -> None:
        super().__init__(charger.identity, socket, response_timeout=10)
        self.charger = charger
        self.told_status = ""
        self.sampled_s = 0.0
        self.asked: asyncio.Queue[str] = asyncio.Queue(maxsize=20)
        self.came_s = 0.0

    async def route_message(self, raw_msg: str) -> None:
        self.came_s = time.monotonic()
        await super().route_message(raw_msg)

    @on(Action.get_configuration)
    def on_get_configuration(self, key: list[str] | None = None, **_: Any) -> Any:
        held = self.charger.configuration
        known = [{"key": name, "readonly": False, "value": held[name]} for name in key or held if name in held]
        return call_result.GetConfiguration(
            configuration_key=known, unknown_key=[name for name in key or () if name not in held]
        )

    @on(Action.change_configuration)
    def on_change_configuration(self, key: str, value: str) -> Any:
        self.charger.configuration[key] = value
        return call_result.ChangeConfiguration(status="Accepted")

    @on(Action.trigger_message)
    def on_trigger_message(self, requested_message: str, **_: Any) -> Any:
        return call_result.TriggerMessage(status="Accepted")

    @after(Action.trigger_message)
    def after_trigger_message(self, requested_message: str, **_: Any) -> None:
        if not self.asked.full():
            self.asked.put_nowait(requested_message)

    @on(Action.set_charging_profile)
    def on_set_charging_profile(self, connector_id: int, cs_charging_profiles: dict[str, Any]) -> Any:
        purpose, schedule = cs_charging_profiles["charging_profile_purpose"], cs_charging_profiles["charging_schedule"]
        if schedule["charging_rate_unit"] != "A":
            return call_result.SetChargingProfile(status="Rejected")
        self.charger.profiles[purpose] = cs_charging_profiles
        periods = [[each["start_period"], each["limit"]] for each in schedule["charging_schedule_period"]]
        facts = {"purpose": purpose, "limit_a": periods[0][1], "periods": periods, "frame_s": self.came_s}
        tell("profile", station=self.id, transaction=cs_charging_profiles.get("transaction_id"), **facts)
        return call_result.SetChargingProfile(status="Accepted")

    @on(Action.clear_charging_profile)
    def on_clear_charging_profile(self, **_: Any) -> Any:
        return call_result.ClearChargingProfile(status="Accepted")

    @on(Action.reset)
    def on_reset(self, type: str) -> Any:
        return call_result.Reset(status="Rejected")

    async def speak(self, *, boots: bool) -> None:
        """Say what there is to say until the connection ends."""
        if boots:
            await self.call(
                call.BootNotification(charge_point_vendor="Foreign", charge_point_model="One"), suppress=False
            )
            tell("booted", station=self.id)
        while True:
            await self._transact()
            await self._tell_state()
            try:
                async with asyncio.timeout(STEP_S):
                    await self._asked(await self.asked.get())
            except TimeoutError:
                continue

    async def _transact(self) -> None:
        charger = self.charger
        if charger.plugged and charger.transaction is None:
            await self._tell_state()
            began = call.StartTransaction(
                connector_id=1, id_tag="TAG", meter_start=round(charger.energy_wh), timestamp=stamp()
            )
            answer = await self.call(began, suppress=False)
            charger.transaction, charger.began = answer.transaction_id, datetime.now(UTC)
            tell("started", station=self.id, transaction=charger.transaction)
        elif not charger.plugged and charger.transaction is not None:
            ended = call.StopTransaction(
                meter_stop=round(charger.energy_wh), timestamp=stamp(), transaction_id=charger.transaction
            )
            await self.call(ended, suppress=False)
            tell("stopped", station=self.id, transaction=charger.transaction)
            charger.transaction = None
            charger.profiles.pop(TX, None)

    async def _tell_state(self) -> None:
        status, now_s = self.charger.status(), time.monotonic()
        if status != self.told_status:
            self.told_status = status
            await self._send_status(status)
        interval_s = float(self.charger.configuration["MeterValueSampleInterval"])
        if self.charger.transaction is not None and now_s - self.sampled_s >= interval_s:
            await self._send_values()

    async def _asked(self, message: str) -> None:
        if message == "MeterValues":
            await self._send_values()
        elif message == "StatusNotification":
            await self._send_status(self.charger.status())
        elif message == "BootNotification":
            await self.call(call.BootNotification(charge_point_vendor="Foreign", charge_point_model="One"))

    async def _send_status(self, status: str) -> None:
        await self.call(call.StatusNotification(connector_id=1, error_code="NoError", status=status), suppress=False)

    async def _send_values(self) -> None:
        self.sampled_s = time.monotonic()
        values = call.MeterValues(
            connector_id=1, meter_value=self.charger.samples(), transaction_id=self.charger.transaction
        )
        await self.call(values, suppress=False)


async def connected(charger: Charger) -> None:
    """Stay connected; only the first connection boots, as for a station whose network failed."""
    options, boots = charger.options, True
    pair = base64.b64encode(f"{charger.identity}:{options.password}".encode()).decode()
    headers = {"Authorization": f"Basic {pair}"} if options.password else {}
    while True:
        try:
            async with websockets.connect(
                f"{options.url}/{charger.identity}", subprotocols=["ocpp1.6"], additional_headers=headers
            ) as socket:
                tell("connected", station=charger.identity)
                link = Link(charger, socket)
                async with asyncio.TaskGroup() as group:
                    group.create_task(link.start())
                    group.create_task(link.speak(boots=boots))
        except* (OSError, websockets.WebSocketException, TimeoutError, OCPPError) as faults:
            tell("disconnected", station=charger.identity, why=str(faults.exceptions[0])[:200])
        boots = boots and charger.transaction is None
        await asyncio.sleep(RECONNECT_S)


async def lived(chargers: dict[str, Charger]) -> None:
    """Let all vehicles follow what they may draw, connected or not."""
    before_s = time.monotonic()
    while True:
        await asyncio.sleep(STEP_S)
        now_s = time.monotonic()
        for charger in chargers.values():
            charger.live(now_s - before_s)
        before_s = now_s


async def steered(chargers: dict[str, Charger]) -> None:
    """Take `ID plug` and `ID unplug` from standard input; its end ends the process."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        identity, what = line.decode().split()
        chargers[identity].plugged = what == "plug"
    sys.exit(0)


async def main() -> None:
    """Run all stations until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--id", dest="ids", action="append", required=True)
    parser.add_argument("--password", default="", help="none = security profile 0")
    parser.add_argument("--vehicle-a", type=float, default=16.0)
    parser.add_argument("--max-a", type=float, default=32.0)
    parser.add_argument("--lines", type=int, default=3)
    parser.add_argument("--lag-s", type=float, default=1.0, help="from profile to draw")
    options = parser.parse_args()
    chargers = {identity: Charger(identity, options) for identity in options.ids}
    async with asyncio.TaskGroup() as group:
        group.create_task(steered(chargers))
        group.create_task(lived(chargers))
        for charger in chargers.values():
            group.create_task(connected(charger))


if __name__ == "__main__":
    asyncio.run(main())
