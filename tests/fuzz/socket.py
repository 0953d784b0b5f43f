"""Inputs over real sockets to a gateway process of its own (faults.md figure 12).

Many stations send valid, mutated and broken messages, each waiting for the answer that the frame calls for; some break
the WebSocket protocol or the handshake. Two witnesses send heartbeats all the while: they must be answered and stay
connected. The process must live, log no exception, and not grow.
"""

import asyncio
import contextlib
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from evenload.contracts import subjects
from evenload.contracts.records import StationRecord
from evenload.contracts.wire import encode
from evenload.runtime.apply import apply_site
from evenload.runtime.clock import SystemClock
from evenload.runtime.declared import ensure
from evenload.runtime.nats_bus import connect_nats
from evenload.runtime.ports import free_port
from evenload.runtime.server import EmbeddedServer
from evenload.runtime.settings import Settings
from evenload.site.credentials import make_credential
from services.ocpp_gateway.frames import Call, PeerProtocolError, parse
from tests.fuzz.client import CONTINUES, PING, Client, Closed, frame, hostile_frames, hostile_handshake
from tests.fuzz.inputs import Inputs
from tests.integration.system.processes import Running, until

VERSIONS: Final = ("1.6", "2.0.1", "2.1")
ANSWER_S: Final = 15.0
SLOW_S: Final = 5.0
GROWTH_KIB: Final = 16_384
BOOTS: Final = {
    "1.6": b'[2,"boot","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]',
    "2.x": b'[2,"boot","BootNotification",{"reason":"PowerUp","chargingStation":{"vendorName":"V","model":"M"}}]',
}


@dataclass
class Heard:
    """What came out."""

    sent: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    beats: int = 0
    slowest_beat_s: float = 0.0
    grown_kib: int = 0
    took_s: float = 0.0

    @property
    def good(self) -> bool:
        """Is there no fault, and does memory stay."""
        return not self.faults and self.beats > 0 and self.grown_kib < GROWTH_KIB

    def __str__(self) -> str:
        outcomes = ", ".join(f"{name} {number}" for name, number in self.outcomes.most_common())
        return (
            f"{self.sent} inputs over sockets in {self.took_s:.0f} s: {len(self.faults)} faults; gateway grew by "
            f"{self.grown_kib} KiB after the first quarter; witnesses: {self.beats} heartbeats answered, slowest "
            f"{self.slowest_beat_s:.2f} s\n{outcomes}\n" + "\n".join(self.faults[:20])
        )


class Attacker:
    """One station that sends what the fuzzer makes."""

    def __init__(self, place: int, port: int, chance: random.Random, heard: Heard) -> None:
        self._name, self._chance, self._heard = f"F{place}", chance, heard
        self.version = VERSIONS[place % 3]
        self._inputs = Inputs(self.version, chance)
        self._client, self._port = Client(port), port
        self._open = False
        self._asked: tuple[str, str] | None = None

    async def live(self, number: int) -> None:
        """Send so many inputs."""
        for _ in range(number):
            self._heard.sent += 1
            try:
                async with asyncio.timeout(ANSWER_S):
                    await self._one()
            except TimeoutError:
                self._fault("no answer", self._last)
                self._cut()
        self._cut()

    def _fault(self, what: str, data: bytes) -> None:
        if len(self._heard.faults) < 100:
            self._heard.faults.append(f"{self._name} {self.version}: {what}: {data[:400]!r}")

    def _cut(self) -> None:
        if self._open:
            self._client.abort()
        self._open, self._asked = False, None

    async def _one(self) -> None:
        if not self._open:
            await self._connect()
        kind = self._chance.random()
        if kind < 0.005:
            await self._break_handshake()
        elif kind < 0.02:
            await self._break_protocol()
        else:
            await self._say()

    async def _connect(self) -> None:
        """Connect and boot; the old socket may still be being cleared away."""
        self._last = b"(connecting)"
        for _ in range(50):
            if await self._client.open(self._name, f"ocpp{self.version}") == 101:
                break
            await asyncio.sleep(0.1)
        self._open = True
        self._client.send(frame(BOOTS.get(self.version, BOOTS["2.x"])))
        try:
            while (answer := await self._client.receive())[1] != "boot":
                self._note(answer)
        except Closed:
            self._open = False

    def _note(self, told: list[Any]) -> None:
        if told[0] == 2:
            self._asked = (str(told[1]), str(told[2]))

    async def _break_handshake(self) -> None:
        self._last, client = hostile_handshake(self._chance), Client(self._port)
        status = await client.open_raw(self._last)
        client.abort()
        self._heard.outcomes[f"handshake {status or 'closed'}"] += 1
        if status == 101 or status >= 500:
            self._fault(f"handshake answered {status}", self._last)

    async def _break_protocol(self) -> None:
        self._last = hostile_frames(self._chance)
        self._client.send(self._last)
        try:
            while True:
                self._note(await self._client.receive())
        except Closed as end:
            self._heard.outcomes[f"closed {end.code}"] += 1
            if end.code not in (1000, 1002, 1005, 1007, 1009, None):
                self._fault(f"closed with {end.code}", self._last)
        self._cut()

    async def _say(self) -> None:
        """Send one message and wait for the answer that it calls for."""
        asked, self._asked = self._asked, None
        self._last = data = self._inputs.next(asked)
        await self._send_somehow(data)
        try:
            parsed = parse(data)
        except PeerProtocolError as fault:
            wanted = fault.message_id
        else:
            if not isinstance(parsed, Call):
                self._heard.outcomes["no answer wanted"] += 1
                return
            wanted = parsed.message_id
        await self._await_answer(wanted, data)

    async def _send_somehow(self, data: bytes) -> None:
        """Send a message as one frame, as one that arrives in two pieces, or as several frames with a ping between."""
        kind, cut = self._chance.random(), self._chance.randint(0, len(data))
        if kind < 0.8:
            self._client.send(frame(data))
        elif kind < 0.9:
            whole = frame(data)
            self._client.send(whole[: cut + 1])
            await asyncio.sleep(0)
            self._client.send(whole[cut + 1 :])
        else:
            self._client.send(frame(data[:cut], fin=False) + frame(b"", PING))
            self._client.send(frame(data[cut:], CONTINUES))

    async def _await_answer(self, wanted: str, data: bytes) -> None:
        try:
            while True:
                told = await self._client.receive()
                if told[0] == 2:
                    self._note(told)
                    continue
                self._heard.outcomes[told[2] if told[0] == 4 else "answered"] += 1
                if told[1] != wanted:
                    self._fault(f"answered {told[1]!r}, wanted {wanted!r}", data)
                return
        except Closed as end:
            self._open = False
            # an answer to a call of ours can end the session by design: four calls in a row without a usable one
            self._heard.outcomes[f"hung up {end.code}"] += 1
            if end.code != 1001:
                self._fault(f"closed with {end.code}", data)


async def witness(name: str, port: int, heard: Heard, *more: str) -> None:
    """Send heartbeats for ever, at most ten a second; each must be answered on the same connection.

    `more` are further lines of its handshake.
    """
    client, number = Client(port), 0
    version = "1.6" if name == "W0" else "2.0.1"
    await client.open(name, f"ocpp{version}", *more)
    client.send(frame(BOOTS.get(version, BOOTS["2.x"])))
    while True:
        number += 1
        began_s = time.monotonic()
        client.send(frame(f'[2,"w{number}","Heartbeat",{{}}]'.encode()))
        try:
            async with asyncio.timeout(SLOW_S):
                while (told := await client.receive())[1] != f"w{number}":
                    if told[0] == 2:
                        client.send(frame(f'[3,"{told[1]}",{{"status":"Accepted"}}]'.encode()))
        except (Closed, TimeoutError) as fault:
            heard.faults.append(f"witness {name}: {fault!r}")
            return
        heard.beats += 1
        heard.slowest_beat_s = max(heard.slowest_beat_s, time.monotonic() - began_s)
        await asyncio.sleep(0.1)


def site_text(stations: int) -> str:
    """Return a site with a load for each attacker and the witnesses."""
    names = [*(f"F{place}" for place in range(stations)), "W0", "W1"]
    loads = "\n".join(f"  l{name.lower()}: {{type: evse, station: {name}}}" for name in names)
    meters = "meters: {p1: {role: grid, driver: homewizard, host: 127.0.0.1}}"
    return f"site: fuzz\ngrid: {{breaker_a: 9000}}\n{meters}\nloads:\n{loads}\n"


@asynccontextmanager
async def gateway_process(
    folder: Path, text: str, passwords: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Running, int]]:
    """Run a server and a gateway that has read the site `text`; yield the process and its port.

    With `passwords` by station it lets in who has one, without them everybody.
    """
    server = EmbeddedServer(folder / "nats")
    await server.start()
    bus = await connect_nats(Settings(nats_url=server.url), "fuzz", "fuzz", SystemClock(), wait_s=5)
    await ensure(bus)
    await apply_site(bus, text, "fuzz.yaml", datetime.now(UTC))
    bucket, port = await bus.bucket(subjects.STATIONS), free_port()
    for station, password in (passwords or {}).items():
        record = StationRecord(station=station, site="fuzz", credential=make_credential(password, b"0123456789abcdef"))
        await bucket.put(subjects.station_key(station), encode(record))
    settings = {"EVENLOAD_OCPP_OPEN": "0" if passwords else "1"}
    running = await Running.start(
        sys.executable, "-m", "services.ocpp_gateway", EVENLOAD_NATS_URL=server.url, EVENLOAD_OCPP_PORT=str(port),
        EVENLOAD_HTTP_PORT="0", **settings,
    )  # fmt: skip
    try:
        await until(lambda: "stations connect to" in running.text, 15, "the gateway listens")
        yield running, port
    finally:
        await running.end()
        await bus.close()
        await server.stop()


def resident_kib(pid: int) -> int:
    """Return the memory of a process, KiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() // 1024


async def fuzz_socket(
    folder: Path, number: int, *, seed: int = 1, stations: int = 200, tell: Callable[[str], None] = lambda line: None
) -> Heard:
    """Send so many inputs from so many stations at once; return what came of it."""
    heard, began_s = Heard(), time.monotonic()
    async with gateway_process(folder, site_text(stations)) as (running, port):
        watching = [asyncio.create_task(witness(name, port, heard)) for name in ("W0", "W1")]
        attackers = [Attacker(place, port, random.Random(seed * 10_000 + place), heard) for place in range(stations)]
        attacking = [asyncio.create_task(each.live(number // stations)) for each in attackers]
        settled_kib = 0
        while not all(task.done() for task in attacking):
            await asyncio.wait(attacking, timeout=2.0)
            if not settled_kib and heard.sent >= number // 4:
                settled_kib = resident_kib(running.pid)
            tell(f"{heard.sent} sent, {len(heard.faults)} faults, {resident_kib(running.pid)} KiB")
        for task in (*attacking, *watching):
            if task.done() and not task.cancelled() and task.exception() is not None:
                heard.faults.append(f"the attack itself failed: {task.exception()!r}")
            task.cancel()
        heard.grown_kib = resident_kib(running.pid) - settled_kib
        heard.faults += [line for line in running.lines if "Traceback" in line or "exception" in line.lower()][:10]
        if running.process.returncode is not None:
            heard.faults.append(f"the gateway ended with {running.process.returncode}")
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*watching, return_exceptions=True)
    heard.took_s = time.monotonic() - began_s
    return heard
