"""All stations of this process: which there are, who may connect, and which load a setpoint is for.

Stations come from the site files (loads that name one) and from their records. A second connection of an id takes the
first one's place only when the first does not answer a ping within 2 s (faults.md D8).
"""

import asyncio
import contextlib
from collections import Counter
from typing import Final

from evenload.contracts import subjects
from evenload.contracts.events import Setpoint
from evenload.contracts.records import StationRecord
from evenload.contracts.wire import Codec, ContractError
from evenload.runtime.order import Order, Verdict, judge
from evenload.site.credentials import NOBODY
from evenload.site.failsafe import failsafe_currents
from evenload.site.schema import Site
from services.ocpp_gateway import handshake
from services.ocpp_gateway.config import StationPlan, bare_plan, station_plans
from services.ocpp_gateway.dialect import DIALECTS, Admitted, Dialect, choose
from services.ocpp_gateway.drivers.connection import Connection
from services.ocpp_gateway.drivers.passwords import Passwords
from services.ocpp_gateway.drivers.session import Session
from services.ocpp_gateway.drivers.sockets import Asked, Socket
from services.ocpp_gateway.drivers.world import World
from services.ocpp_gateway.handshake import Failures, Refusal

OLD_PING_S: Final = 2.0
SLOW_S: Final = 2.0
SLOW_AT_ONCE: Final = 64
YOUNG_S: Final = 10.0
RELEASE_S: Final = 1.5
POLICY: Final = 1008
TRY_LATER: Final = 1013

_setpoints = Codec(Setpoint, "Setpoint")


class Gateway:
    """The stations, their sessions, and the handshake."""

    def __init__(self, world: World, *, is_open: bool, by_certificate: bool = False) -> None:
        self._world, self._is_open, self._by_certificate = world, is_open, by_certificate
        self._passwords = Passwords()
        self._site_plans: dict[str, dict[str, StationPlan]] = {}
        self.sessions: dict[str, Session] = {}
        self._connections: dict[str, Connection] = {}
        self._credentials: dict[str, str] = {}
        self._failures = Failures()
        self._checking: Counter[str] = Counter()
        self._slowed = 0
        self._orders: dict[str, Order] = {}
        self._loads: dict[tuple[str, str], Session] = {}
        self._refuses = False

    # --- configuration ---

    def on_site(self, name: str, site: Site | None, config_rev: int) -> None:
        """Take a new site file, or that a site is gone."""
        failsafe_a = failsafe_currents(site) if site is not None else {}
        self._site_plans[name] = station_plans(site, failsafe_a, config_rev) if site is not None else {}
        self._align()

    def _align(self) -> None:
        """Bring sessions into line with the site files: one for each station that a load names."""
        plans = {key: plan for of_site in self._site_plans.values() for key, plan in of_site.items()}
        for key, plan in plans.items():
            if key in self.sessions:
                self.sessions[key].replan(plan)
            else:
                self.sessions[key] = Session(key, plan, self._record(key), self._world)
        for key in [key for key in self.sessions if key not in plans]:
            self._drop_plan(key)
        self._loads = {
            (session.station.plan.site, outlet.load): session
            for session in self.sessions.values()
            for outlet in session.station.plan.outlets
        }

    def _drop_plan(self, key: str) -> None:
        """End the session of a station that no load names; one with a record may go on, without any load."""
        record = self._record(key)
        if record is None:
            self.sessions.pop(key).close()
        else:
            self.sessions[key].replan(bare_plan(record.station, record.site))

    def _record(self, key: str) -> StationRecord | None:
        return self._world.records.by_key.get(subjects.token(key))

    def on_record(self, key: str, record: StationRecord | None, before: StationRecord | None) -> None:
        """Take a change of a station's record: its password may be another, another gateway may have claimed it."""
        self._check_credential(key, record)
        ours = self._world.bus.boot
        if before is None or record is None or before.holder != ours or record.holder in ("", ours):
            return
        for station, connection in list(self._connections.items()):
            if subjects.token(station) == key:
                connection.session.spawn(self._contest(station, connection))

    async def _contest(self, key: str, connection: Connection) -> None:
        """Another gateway claimed a station that we serve: the newcomer yields, so does a dead socket."""
        if connection.session.keeper.took_over and connection.age_s() < YOUNG_S:
            connection.hang_up(TRY_LATER, "another gateway holds this station")
        elif await connection.answers(OLD_PING_S):
            self._alert_duplicate(key, "another gateway")
            connection.session.keeper.claim_soon()
        else:
            connection.hang_up(POLICY, "replaced by a connection to another gateway")

    def _check_credential(self, key: str, record: StationRecord | None) -> None:
        """A changed or removed password ends a station's connection (faults.md H1)."""
        credential = record.credential if record is not None else ""
        before = self._credentials.get(key)
        self._credentials[key] = credential
        if before is None or before == credential:
            return
        for station, session in self.sessions.items():
            if subjects.token(station) == key and session.carrier is not None:
                session.carrier.hang_up(POLICY, "credentials changed")

    # --- handshake ---

    async def admit(self, asked: Asked) -> Refusal | Admitted:
        """Return how to serve a request, or the HTTP answer; nothing is kept of a refused one."""
        judged = await self._judge(asked)
        if isinstance(judged, Refusal):
            self._world.metrics.refused.labels(str(judged.status)).inc()
            who = f"{asked.address} {asked.path[:200]!a}"
            self._world.complain(f"handshake {asked.address} {judged.log}", f"{who}: {judged.log}")
        return judged

    async def _judge(self, asked: Asked) -> Refusal | Admitted:
        station = handshake.station_of(asked.path)
        if station is None:
            text = "The last part of the path must be a station id.\n"
            return Refusal(handshake.NOT_FOUND, text, "no usable station id in the path")
        if self._refuses:
            log = "this gateway is being replaced"
            return Refusal(handshake.UNAVAILABLE, "This gateway is being replaced; dial again.\n", log)
        key = station.lower()
        plan, record = self._plan(key), self._record(key)
        if self._is_crowded(record, asked):
            log = "wrong passwords came from this address, and one that is costly to check is being checked"
            return Refusal(handshake.TOO_MANY, "Too many failures.\n", log)
        if not await self._authorised(station, record, asked):
            return await self._failed(station, record is not None and bool(record.credential), asked.address)
        pinned = plan.version if plan is not None else None
        chosen = choose(asked.offered, pinned)
        if chosen is None:
            return handshake.no_subprotocol(station, asked.offered, tuple(DIALECTS), pinned)
        return await self._check_duplicate(key, asked.address) or chosen

    async def _authorised(self, station: str, record: StationRecord | None, asked: Asked) -> bool:
        """Tell whether the request may speak for the station: by its certificate, by its password, or as an open one.

        A station with a password never gets in without it, except by a certificate with its id. The check of a
        password takes as long for whoever asks.
        """
        if self._by_certificate:
            is_known = record is not None or self._plan(station.lower()) is not None
            return is_known and asked.peer_name is not None and asked.peer_name.lower() == station.lower()
        user, password = handshake.basic(asked.header) or ("", b"")
        credential = record.credential if record is not None else ""
        self._checking[asked.address] += 1
        try:
            fits = await self._passwords.fits(credential or NOBODY, password)
        finally:
            self._checking -= Counter((asked.address,))
        if not credential:
            return self._is_open and self._plan(station.lower()) is not None
        return fits and user.lower() == station.lower()

    def _is_crowded(self, record: StationRecord | None, asked: Asked) -> bool:
        """Tell whether a costly check would wait behind another one of an address that failed often.

        So a guesser holds up one check at a time, and a station elsewhere gets in beside it.
        """
        _, password = handshake.basic(asked.header) or ("", b"")
        credential = (record.credential if record is not None else "") or NOBODY
        if self._by_certificate or not self._checking[asked.address]:
            return False
        failures = handshake.recent(self._failures, asked.address, self._world.clock.monotonic())
        return failures > handshake.MAX_FAILURES and self._passwords.is_costly(credential, password)

    def _plan(self, key: str) -> StationPlan | None:
        session = self.sessions.get(key)
        return session.station.plan if session is not None else None

    async def _failed(self, station: str, known: bool, address: str) -> Refusal:
        """Return the refusal of a wrong password or unknown id; slowly after ten failures a minute."""
        now_s = self._world.clock.monotonic()
        self._failures = handshake.failed(self._failures, address, now_s)
        if handshake.recent(self._failures, address, now_s) > handshake.MAX_FAILURES:
            if self._slowed >= SLOW_AT_ONCE:
                log = f"{SLOW_AT_ONCE} failing handshakes are waiting already"
                return Refusal(handshake.TOO_MANY, "Too many failures.\n", log)
            self._slowed += 1
            try:
                await asyncio.sleep(SLOW_S)
            finally:
                self._slowed -= 1
        return handshake.unauthorised(station, known)

    async def _check_duplicate(self, key: str, address: str) -> Refusal | None:
        old = self._connections.get(key)
        if old is None or not await old.answers(OLD_PING_S):
            return None
        self._alert_duplicate(key, address)
        log = f"station {key!a} is connected already and answers; two stations with one id?"
        return Refusal(handshake.CONFLICT, "This station is connected already.\n", log)

    def _alert_duplicate(self, key: str, address: str) -> None:
        self.sessions[key].warn_duplicate(f"a second connection from {address} was refused: the first one answers")

    # --- connections ---

    def serve(self, asked: Asked, dialect: Dialect, socket: Socket) -> None:
        """Serve an admitted socket until it closes."""
        key = (handshake.station_of(asked.path) or "").lower()
        session = self._session(key)
        if session is None:
            socket.close(POLICY, "no longer configured")
            return
        old = self._connections.get(key)
        if old is not None and self._world.clock.monotonic() - old.heard_s < OLD_PING_S:
            socket.close(TRY_LATER, "another connection of this station was faster")
            return
        connection = Connection(session, socket, dialect, self._ended)
        self._connections[key] = connection
        self._world.metrics.sessions.inc()
        if old is not None:
            old.hang_up(POLICY, "replaced by a new connection")
        connection.begin()

    def _ended(self, connection: Connection) -> None:
        self._world.metrics.sessions.dec()
        key = connection.session.key
        if self._connections.get(key) is connection:
            del self._connections[key]

    def _session(self, key: str) -> Session | None:
        session = self.sessions.get(key)
        record = self._record(key)
        if session is None and record is not None:
            session = self.sessions[key] = Session(key, bare_plan(record.station, record.site), record, self._world)
        return session

    # --- setpoints ---

    def on_setpoint(self, subject: str, data: bytes) -> None:
        """Take a setpoint from the bus: old, late and unreadable ones are counted and dropped."""
        dropped = self._world.metrics.dropped
        try:
            setpoint: Setpoint = _setpoints.decode(data, subject)
        except ContractError as fault:
            dropped.labels("contract").inc()
            self._world.complain(f"setpoint {subject}", str(fault))
            return
        site = setpoint.site
        session = self._loads.get((site, setpoint.load))
        if subject != subjects.setpoint(site, setpoint.load) or session is None:
            return
        arrived_ms = self._world.clock.monotonic() * 1000
        self._orders[site], verdict = judge(self._orders.get(site, Order()), setpoint, arrived_ms)
        if verdict is not Verdict.FRESH:
            dropped.labels(verdict.value).inc()
            return
        session.take_setpoint(setpoint)

    # --- the end ---

    def refuse(self) -> None:
        """Let no station in any more."""
        self._refuses = True
        self._world.metrics.draining.set(1)

    def connections(self) -> list[Connection]:
        """Return all connections that carry a session now."""
        return [connection for connection in self._connections.values() if connection.lives()]

    def fleet(self) -> int:
        """Return how many stations are connected here and, by their records, to other gateways."""
        elsewhere = ("", self._world.bus.boot)
        others = sum(1 for record in self._world.records.by_key.values() if record.holder not in elsewhere)
        return len(self.connections()) + others

    async def settled(self) -> None:
        """Return when no session is writing any more."""
        for session in list(self.sessions.values()):
            await session.settled()

    async def release(self) -> None:
        """Give the claims of our stations back, as many as the time allows: another gateway may speak for them."""
        held = [session for session in self.sessions.values() if session.keeper.is_held()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RELEASE_S):
                await asyncio.gather(*(session.keeper.release() for session in held), return_exceptions=True)

    def close(self) -> None:
        """End all sessions."""
        for session in self.sessions.values():
            session.close()
