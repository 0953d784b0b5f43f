"""One station in this process: its state, and a plain loop that performs what the core returned.

The session lasts as long as the station is configured; connections come and go. Calls to the station go out from the
newest state (`pump`): whatever happened, the core is asked what is due, at most one call is under way. Nothing here
waits for the station.
"""

import asyncio
import zlib
from collections.abc import Coroutine, Iterable
from typing import Any, Final, Protocol

from msgspec.structs import replace

from evenload.contracts import subjects
from evenload.contracts.commands import StationCall, StationCallReply
from evenload.contracts.events import Alert, Applied, Clamped, Refused, Setpoint, Unreachable
from evenload.contracts.records import StationRecord
from evenload.contracts.wire import ContractError, decode_as, encode
from evenload.runtime.bus import BusDown, BusError, Subscription
from services.ocpp_gateway import learning, leases
from services.ocpp_gateway.asking import Unfit
from services.ocpp_gateway.calls16 import Answer
from services.ocpp_gateway.config import PUBLISH_PERIOD_S, StationPlan
from services.ocpp_gateway.dialect import Dialect
from services.ocpp_gateway.drivers.keeper import Keeper
from services.ocpp_gateway.drivers.operators import OperatorDesk
from services.ocpp_gateway.drivers.world import World
from services.ocpp_gateway.outcomes import result_of
from services.ocpp_gateway.states import load_state
from services.ocpp_gateway.station import (
    Changed,
    Flight,
    Hangup,
    Keep,
    Link,
    Measure,
    Moment,
    Outlet,
    Output,
    Remember,
    Reported,
    Tell,
    Warn,
    new_station,
    outlet_at,
    with_outlet,
    with_plan,
    with_profiles_due,
)

DUPLICATE_FORGET_S: Final = 600.0
UNPONGED_MAX: Final = 2


class Carrier(Protocol):
    """The connection as the session sees it."""

    token: str
    dialect: Dialect
    leaving: bool
    """No call goes out any more; it closes as soon as nothing is under way."""

    def send_call(self, flight: Flight) -> None:
        """Put a call on the socket."""

    def check_alive(self, now_s: float) -> None:
        """Ask a quiet station, end a dead one."""

    def hang_up(self, code: int, why: str) -> None:
        """End the connection soon."""

    def leave_when_quiet(self) -> None:
        """Close it when it is leaving and nothing is under way."""


class Session:
    """One station."""

    def __init__(self, key: str, plan: StationPlan, record: StationRecord | None, world: World) -> None:
        self.key, self.world = key, world
        station = new_station(plan)
        self.station = learning.restored(station, record.learned) if record is not None else station
        self.carrier: Carrier | None = None
        self._desk = OperatorDesk()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.keeper = Keeper(self, world, record)
        self._calls: Subscription | None = None
        self._duplicate_s: float | None = None
        self._unponged = 0
        first_s = PUBLISH_PERIOD_S * (zlib.crc32(key.encode()) % 1000) / 1000
        self._published_s = world.clock.monotonic() + first_s - PUBLISH_PERIOD_S
        """Stations are told at different moments of the period: a thousand at once would hold up everything else."""
        self._arm(first_s)

    # --- facts come in ---

    def replan(self, plan: StationPlan) -> None:
        """Take a new site file."""
        if plan != self.station.plan:
            record = self.world.records.by_key.get(subjects.token(self.key))
            station = with_plan(self.station, plan)
            self.station = learning.reopened(station, record.learned) if record is not None else station
            self.pump()

    def take_setpoint(self, setpoint: Setpoint) -> None:
        """Take a setpoint for one of the station's loads; without a connection it is answered as unreachable."""
        outlet = next((found for found in self.station.outlets if found.plan.load == setpoint.load), None)
        if outlet is None:
            return
        taken = leases.take(outlet, setpoint, self.world.clock.monotonic())
        if taken is None:
            self.world.metrics.dropped.labels("epoch").inc()
            return
        if self.station.link is None and self.keeper.is_elsewhere():
            self.station = with_outlet(self.station, taken)  # known at once when it comes here
            return
        if self.station.link is None:
            outcome = Unreachable(setpoint=setpoint, why=f"station {self.station.plan.station} is not connected")
            taken, outputs = result_of(taken, setpoint, outcome)
            self.station = with_outlet(self.station, taken)
            self.perform(outputs)
            return
        self.station = with_outlet(self.station, taken)
        self.pump()

    def attach(self, carrier: Carrier) -> None:
        """Begin a connection: what was written before may be gone, it is written again."""
        outlets = tuple(replace(outlet, told=None) for outlet in with_profiles_due(self.station).outlets)
        link = Link(token=carrier.token, connected_s=self.world.clock.monotonic(), version=carrier.dialect.version)
        self.station = replace(self.station, link=link, outlets=outlets)
        self.carrier = carrier
        self.spawn(self._serve_calls(carrier))
        if not self.keeper.is_held():
            self.keeper.claim_soon()
        self.pump()

    def take_over(self, facts: learning.Facts) -> None:
        """Take what another gateway wrote of the station while it held it."""
        self.station = learning.taken_over(self.station, facts)
        self.publish_all()
        self.pump()

    def detach(self, carrier: Carrier) -> None:
        """End a connection; another one that has taken its place stays (faults.md D9)."""
        if self.carrier is not carrier:
            return
        self.carrier = None
        calls, self._calls = self._calls, None
        if calls is not None:
            self.spawn(calls.stop())
        self.station = replace(self.station, link=None)
        self._desk.tell(StationCallReply(ok=False, error="the station disconnected"))
        self.publish_all()

    def answered(self, flight: Flight, answer: Answer) -> None:
        """Take the answer to a call of ours, or that none came in time."""
        carrier = self.carrier
        if carrier is None:
            return
        if flight.kind == "operator":
            self._desk.answered(flight, answer)
        outcome = answer.kind if answer.kind != "error" else "refused"
        self.world.metrics.sent.labels(flight.action if flight.kind != "operator" else "operator", outcome).inc()
        now_s = self.world.clock.monotonic()
        self.station, outputs = carrier.dialect.on_answer(self.station, flight, answer, now_s)
        self.perform(outputs)
        self.pump()

    async def _serve_calls(self, carrier: Carrier) -> None:
        """Answer operators' calls while this connection lives."""
        calls = await self.world.bus.serve(subjects.station_call(self.station.plan.station), self._respond)
        if self.carrier is carrier:
            self._calls = calls
        else:
            await calls.stop()

    async def _respond(self, subject: str, data: bytes) -> bytes:
        try:
            call = decode_as(StationCall, data, subject)
        except ContractError as fault:
            return encode(StationCallReply(ok=False, error=str(fault)))
        return encode(await self.operator_call(call))

    async def operator_call(self, call: StationCall) -> StationCallReply:
        """Send one call for an operator and return the answer; one at a time."""
        link, carrier = self.station.link, self.carrier
        if link is None or carrier is None or self._desk.busy:
            why = "another call is waiting; try again" if self._desk.busy else "the station is not connected"
            return StationCallReply(ok=False, error=why)
        asked = carrier.dialect.ask(self.station, call.action, call.payload)
        if isinstance(asked, Unfit):
            return StationCallReply(ok=False, error=asked.why)
        self.station = replace(self.station, link=replace(link, asked=(asked.action, asked.payload)))
        asyncio.get_running_loop().call_soon(self.pump)
        return await self._desk.wait(call)

    # --- what is due goes out ---

    def moment(self, fresh_id: int = 0) -> Moment:
        """Return now, as the core wants it."""
        clock = self.world.clock
        return Moment(now_s=clock.monotonic(), utc=clock.utc(), fresh_id=fresh_id, tag_key=self.world.tag_key)

    def pump(self, moment: Moment | None = None) -> None:
        """Send the call that is due, if any, and wake up again when the next one may be; `moment` None = now."""
        carrier = self.carrier
        if carrier is None or carrier.leaving:
            return
        moment = moment or self.moment()
        self.station, flight = carrier.dialect.next_call(self.station, moment)
        if flight is not None:
            carrier.send_call(flight)
        self._arm(min(carrier.dialect.wake_in_s(self.station, moment.now_s), PUBLISH_PERIOD_S))

    def _arm(self, in_s: float) -> None:
        """Wake up in `in_s` seconds at the latest; waking up too early does no harm."""
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            if self._timer.when() <= loop.time() + in_s:
                return
            self._timer.cancel()
        self._timer = loop.call_later(in_s, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._arm(PUBLISH_PERIOD_S)
        now_s = self.world.clock.monotonic()
        if now_s - self._published_s >= PUBLISH_PERIOD_S - 0.1:
            self.publish_all()
            if self.carrier is not None:
                self.carrier.check_alive(now_s)
        self.pump()

    def perform(self, outputs: Iterable[Output], moment: Moment | None = None) -> None:
        """Do what the core returned; `moment` None = now."""
        for output in outputs:
            match output:
                case Changed():
                    outlet = outlet_at(self.station, output.connector)
                    if outlet is not None:
                        self.publish(outlet, moment or self.moment())
                case Tell():
                    self._tell(output.event)
                case Warn():
                    self._warn(output)
                case Keep():
                    self.spawn(self._store(output))
                case Remember():
                    self.keeper.remember_soon()
                case Measure():
                    self.world.metrics.to_station.labels(output.direction).observe(output.took_s)
                case Reported():
                    self._desk.reported(output.report)
                case Hangup():
                    self._hang_up(output.why)

    def publish(self, outlet: Outlet, moment: Moment) -> None:
        """Publish one load's state; while the bus is down nothing is kept, the period repeats it."""
        state = load_state(self.station, outlet, moment.now_s, moment.utc)
        try:
            self.world.bus.publish(subjects.load_state(state.site, state.load), state)
        except BusDown:
            self.world.metrics.dropped.labels("bus_down").inc()

    def publish_all(self) -> None:
        """Publish all loads' states, and show them in the metrics; silent while another gateway holds the station."""
        moment = self.moment()
        self._published_s = moment.now_s
        self._end_duplicate()
        if self.carrier is None and self.keeper.is_elsewhere():
            return
        for outlet in self.station.outlets:
            self.publish(outlet, moment)
            self.world.metrics.state(load_state(self.station, outlet, moment.now_s, moment.utc))

    def _tell(self, event: Any) -> None:
        if isinstance(event, Alert):
            subject = subjects.alert(event.site, event.kind, event.about)
        else:
            assert isinstance(event, Applied | Clamped | Refused | Unreachable)
            subject = subjects.result(event.setpoint.site, event.setpoint.load)
        try:
            self.world.bus.publish(subject, event)
        except BusDown:
            self.world.metrics.dropped.labels("bus_down").inc()

    def warn_duplicate(self, what: str) -> None:
        """Tell that somebody else connects under this station's id; cleared when nobody has for ten minutes."""
        self._duplicate_s = self.world.clock.monotonic()
        self._warn(_duplicate(self.station.plan.station, what, active=True))

    def _end_duplicate(self) -> None:
        if self._duplicate_s is not None and self._published_s - self._duplicate_s >= DUPLICATE_FORGET_S:
            self._duplicate_s = None
            self._warn(_duplicate(self.station.plan.station, "no second connection for ten minutes", active=False))

    def _warn(self, warning: Warn) -> None:
        plan = self.station.plan
        alert = Alert(
            site=plan.site,
            kind=warning.kind,
            about=warning.about,
            active=warning.active,
            at=self.world.clock.utc(),
            severity=warning.severity,
            text=warning.text,
            remedy=warning.remedy,
            config_rev=plan.config_rev,
        )
        self._tell(alert)

    def _hang_up(self, why: str) -> None:
        self.world.complain(
            f"hangup {self.key}", f"station {self.key!a}: {why}; its socket is closed, it will dial again"
        )
        if self.carrier is not None:
            self.carrier.hang_up(1001, why)

    # --- what outlives us ---

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self.carrier is not None and self.carrier.leaving:
            self.carrier.leave_when_quiet()

    @property
    def busy(self) -> bool:
        """Is something being written that outlives us, or a subscription begun or ended."""
        return bool(self._tasks)

    async def settled(self) -> None:
        """Return when nothing is being written any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def store(self, keep: Keep) -> None:
        """Store a transaction event. Raises `BusError` when the stream did not acknowledge it in 5 s."""
        subject = subjects.transaction(self.station.plan.site, self.station.plan.station)
        await self.world.store.put(subject, keep)

    async def _store(self, keep: Keep) -> None:
        try:
            await self.store(keep)
        except BusError as fault:
            self.world.complain(f"store {self.key}", f"station {self.key!a}: an event is lost: {fault}")

    def pinged(self, *, answered: bool) -> None:
        """Learn whether the station answers pings: twice dead without ever a pong, and it is asked no more (row 57)."""
        if answered:
            self._unponged = 0
        elif self.station.learned.ping is None:
            self._unponged += 1
        known = True if answered else False if self._unponged >= UNPONGED_MAX else self.station.learned.ping
        if known != self.station.learned.ping:
            self.station = replace(self.station, learned=replace(self.station.learned, ping=known))
            self.keeper.remember_soon()

    def close(self) -> None:
        """End the session and its connection."""
        if self._timer is not None:
            self._timer.cancel()
        if self.carrier is not None:
            self.carrier.hang_up(1001, "going away")
        for task in self._tasks:
            task.cancel()


def _duplicate(station: str, what: str, *, active: bool) -> Warn:
    return Warn(
        kind="station_duplicate",
        about=station,
        active=active,
        severity="warning",
        text=f"{station}: {what}",
        remedy="give each station its own id and password; set a new password if you do not know who it is",
    )
