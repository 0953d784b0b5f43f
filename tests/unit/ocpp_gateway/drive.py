"""The gateway's real core and a simulated station, in virtual time: setpoints in, what the vehicle draws out."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from msgspec import Raw
from msgspec.structs import replace

from evenload.contracts.events import LoadState, Setpoint
from evenload.simulation.station_core import Station as Simulated
from services.ocpp_gateway import leases
from services.ocpp_gateway.calls16 import Answer
from services.ocpp_gateway.config import CALL_TIMEOUT_S, OutletPlan, StationPlan
from services.ocpp_gateway.dialect import OCPP16
from services.ocpp_gateway.states import load_state
from services.ocpp_gateway.station import (
    Flight,
    Hangup,
    Link,
    Moment,
    Output,
    Warn,
    new_station,
    with_outlet,
    with_profiles_due,
)
from tests.unit.ocpp_gateway.schemas import valid_answer, valid_call

START_S = 100_000.0
LAG_S = 2
UTC0 = datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp()


class Drive:
    """One station with one connector; a vehicle plugged from the start takes all that it may."""

    def __init__(self, simulated: Simulated, *, lines: int = 3, **overrides: Any) -> None:
        phases: Any = ("L1", "L2", "L3")[:lines]
        outlet = OutletPlan(load="wallbox", connector=1, lines=phases, min_a=6, max_a=16, failsafe_a=0)
        plan = StationPlan(station="CP001", site="home", voltage_v=230, outlets=(outlet,), overrides=overrides)
        self.simulated, self.gateway = simulated, new_station(plan)
        self.now_s = START_S
        self.alerts: dict[str, bool] = {}
        self.calls: list[str] = []
        self.draws: list[float] = []
        self._transactions, self._seq = 0, 0
        self._sampled_s = -1e9
        self._pending: Flight | None = None
        self._hung_up = False
        simulated.plugged = True
        simulated.vehicle_a = 16.0
        simulated.lines = min(simulated.lines, lines)
        self._connect()

    def run(self, seconds: int, amps: float) -> None:
        """Let time pass under a setpoint that is renewed every 4 s."""
        for second in range(seconds):
            if self._hung_up:
                self._connect()
            self.now_s += 1.0
            if second % 4 == 0:
                self._give(amps)
            self._follow()
            self._live()
            self._pump()

    def state(self) -> LoadState:
        """Return what the gateway publishes."""
        return load_state(self.gateway, self.gateway.outlets[0], self.now_s, self._utc())

    def at_most(self, seconds: int) -> float:
        """Return the largest draw of the last seconds, A."""
        return max(self.draws[-seconds:])

    def until(self, wanted: Callable[["Drive"], bool], amps: float, at_most_s: int) -> int:
        """Run until it is so; return after how many seconds, -1 when it was not."""
        for second in range(at_most_s):
            if wanted(self):
                return second
            self.run(1, amps)
        return -1

    def _utc(self) -> datetime:
        return datetime.fromtimestamp(UTC0 + self.now_s - START_S, UTC)

    def _moment(self, fresh_id: int = 0) -> Moment:
        return Moment(now_s=self.now_s, utc=self._utc(), fresh_id=fresh_id, tag_key=b"key")

    def _connect(self) -> None:
        self._pending, self._hung_up = None, False
        self.gateway = replace(with_profiles_due(self.gateway), link=Link(token="t", connected_s=self.now_s))
        self.simulated.status = ""
        if self.simulated.boots:
            self._say("BootNotification", self.simulated.boot())

    def _give(self, amps: float) -> None:
        self._seq += 1
        setpoint = Setpoint(site="home", load="wallbox", setpoint_a=amps, issued_at=self._utc(), seq=self._seq)
        taken = leases.take(self.gateway.outlets[0], setpoint, self.now_s)
        assert taken is not None
        self.gateway = with_outlet(self.gateway, taken)

    def _follow(self) -> None:
        """Let the vehicle follow what is allowed, two seconds late."""
        target_a = self.simulated.target_a(self._utc())
        self.draws.append(target_a)
        self.simulated.move(1.0, self.draws[-LAG_S - 1] if len(self.draws) > LAG_S else 0.0)

    def _live(self) -> None:
        """Let the station begin and end its transaction, tell its status and its meter values."""
        simulated, now = self.simulated, self._utc()
        why = simulated.stops(now)
        if simulated.starts():
            answer = self._say("StartTransaction", simulated.start_transaction(now))
            simulated.started(int(answer["transactionId"]), now)
        elif why is not None:
            stop = simulated.stop_transaction(now, why)
            for _ in range(2 if simulated.repeats_stops else 1):
                self._say("StopTransaction", stop)
        wanted = simulated.wanted_status(now)
        if wanted != simulated.status:
            simulated.status = wanted
            self._say("StatusNotification", simulated.status_notification(now))
        interval_s = simulated.sample_interval_s()
        if simulated.transaction is not None and 0 < interval_s <= self.now_s - self._sampled_s:
            self._sampled_s = self.now_s
            self._say("MeterValues", simulated.meter_values(now))
        self._triggered()

    def _triggered(self) -> None:
        while self.simulated.triggered:
            wanted = self.simulated.triggered.pop(0)
            if wanted == "Reset":
                self.simulated.restart()
                self._connect()
            elif wanted == "BootNotification":
                self._say(wanted, self.simulated.boot())
            elif wanted == "MeterValues":
                self._say(wanted, self.simulated.meter_values(self._utc()))
            elif wanted == "StatusNotification":
                self._say(wanted, self.simulated.status_notification(self._utc()))

    def _say(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        raw, fresh_id = Raw(json.dumps(payload).encode()), 0
        if action == OCPP16.takes_id:
            fresh_id = self._transactions = self._transactions + 1
            self.gateway, _ = OCPP16.note(self.gateway, raw, self._moment(fresh_id))
        handled = OCPP16.on_call(self.gateway, action, raw, self._moment(fresh_id))
        self.gateway = handled.station
        self._perform(handled.outputs)
        valid_answer("1.6", action, handled.payload)
        return handled.payload

    def _pump(self) -> None:
        """Let the gateway make its calls; a silent station's call runs into its time-out."""
        for _ in range(64):
            if self._pending is not None:
                if self.now_s - self._pending.sent_s < CALL_TIMEOUT_S:
                    return
                self._answered(self._pending, Answer("timeout", why="no answer"))
            self.gateway, flight = OCPP16.next_call(self.gateway, self._moment())
            if flight is None:
                return
            self.calls.append(flight.action)
            valid_call("1.6", flight.action, flight.payload)
            if self.simulated.mutes(flight.action, flight.payload):
                self._pending = flight
                return
            found = self.simulated.answer(flight.action, flight.payload, self._utc())
            refused = Answer("error", why="NotImplemented")
            self._answered(flight, refused if found is None else Answer("result", Raw(json.dumps(found).encode())))
        raise AssertionError(f"never done: {self.calls[-6:]}")

    def _answered(self, flight: Flight, answer: Answer) -> None:
        self._pending = None
        self.gateway, outputs = OCPP16.on_answer(self.gateway, flight, answer, self.now_s)
        self._perform(outputs)

    def _perform(self, outputs: Any) -> None:
        found: list[Output] = list(outputs)
        for output in found:
            if isinstance(output, Warn):
                self.alerts[output.kind] = output.active
            self._hung_up = self._hung_up or isinstance(output, Hangup)
