"""Connects that may not be let in, by the thousand (faults.md figure 13).

A gateway process with passwords, generated and chosen, and stations that are connected. Intruders try every known id
without, with wrong, foreign, empty and malformed credentials, unknown ids, and a stolen password while its station is
connected. None may get a WebSocket, no station may lose its own, and a station that comes meanwhile from the same
address, with the right password, gets in.
"""

import asyncio
import base64
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.fuzz.client import Client
from tests.fuzz.socket import Heard, gateway_process, witness

STATIONS: Final = ("W0", "W1", "W2", "W3")
PASSWORDS: Final = {
    **{name: f"{place:x}" * 40 for place, name in enumerate(STATIONS[:3], 1)},
    "W3": "a password that somebody chose",
    "LATE": "d" * 40,
    "CHOSEN": "another one that somebody chose",
}
AT_ONCE: Final = 200
LATE_S: Final = 10.0


@dataclass
class Tried:
    """What came of it."""

    tried: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    beats: int = 0
    slowest_beat_s: float = 0.0
    entries_s: list[float] = field(default_factory=list)
    took_s: float = 0.0

    @property
    def good(self) -> bool:
        """Was nobody let in, and nobody put out."""
        return not self.faults and self.beats > 0 and bool(self.entries_s)

    def __str__(self) -> str:
        answers = ", ".join(f"{status or 'closed'}: {number}" for status, number in self.statuses.most_common())
        return (
            f"{self.tried} unauthorised connects in {self.took_s:.0f} s ({answers}): {self.statuses[101]} accepted, "
            f"{len(self.faults)} faults\n{len(STATIONS)} stations stayed, {self.beats} heartbeats answered, slowest "
            f"{self.slowest_beat_s:.2f} s; {len(self.entries_s)} entries with the right password meanwhile, slowest "
            f"{max(self.entries_s, default=0.0):.1f} s\n" + "\n".join(self.faults[:20])
        )


def basic(user: str, password: str) -> str:
    """Return the line of Basic authentication."""
    return "Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def attempt(chance: random.Random) -> tuple[str, tuple[str, ...]]:
    """Return an id and lines of a handshake that may not get in."""
    name, other = chance.sample(STATIONS, 2)
    guess = f"{chance.getrandbits(160):040x}"
    right = basic(name, PASSWORDS[name])
    lines: tuple[tuple[str, ...], ...] = (
        (),
        (basic(name, guess),),
        (basic(name, ""),),
        (basic(name, PASSWORDS[other]),),
        (basic(other, PASSWORDS[other]),),
        (basic("", PASSWORDS[name]),),
        ("Authorization: Basic !!!",),
        ("Authorization: Bearer " + guess,),
        (right, right),
        (basic(name, PASSWORDS[name] + "\x00"),),
        (basic(name, PASSWORDS[name][:-1]),),
        (right,),
    )
    if chance.random() < 0.3:
        return f"X{chance.randrange(10**6)}", chance.choice(lines)
    return name, chance.choice(lines)


async def _intrude(port: int, chance: random.Random, tried: Tried) -> None:
    name, lines = attempt(chance)
    client = Client(port)
    try:
        async with asyncio.timeout(30):
            status = await client.open(name, "ocpp1.6", *lines)
    except (OSError, TimeoutError) as fault:
        tried.faults.append(f"{name} {lines}: {fault!r}")
        return
    client.abort()
    tried.tried += 1
    tried.statuses[status] += 1
    if status not in (400, 401, 404, 409, 429):
        tried.faults.append(f"{name} {lines}: answered {status}")


async def _enter(name: str, port: int, tried: Tried) -> None:
    """Connect again and again with the right password, from the intruders' address; note how long each took."""
    while True:
        began_s = time.monotonic()
        client = Client(port)
        while await client.open(name, "ocpp1.6", basic(name, PASSWORDS[name])) != 101:
            client.abort()
            if time.monotonic() - began_s > LATE_S:
                tried.faults.append(f"{name} did not get in within {LATE_S:g} s")
                return
            await asyncio.sleep(0.2)
        tried.entries_s.append(time.monotonic() - began_s)
        client.abort()
        await asyncio.sleep(0.5)


def site_text() -> str:
    """Return a site with a load for each station."""
    loads = "\n".join(f"  l{name.lower()}: {{type: evse, station: {name}}}" for name in PASSWORDS)
    meters = "meters: {p1: {role: grid, driver: homewizard, host: 127.0.0.1}}"
    return f"site: fuzz\ngrid: {{breaker_a: 900}}\n{meters}\nloads:\n{loads}\n"


async def intrude(
    folder: Path, number: int, *, seed: int = 1, tell: Callable[[str], None] = lambda line: None
) -> Tried:
    """Try so many connects; return what came of it."""
    tried, heard, began_s = Tried(), Heard(), time.monotonic()
    async with gateway_process(folder, site_text(), PASSWORDS) as (_, port):
        stations = [asyncio.create_task(witness(name, port, heard, basic(name, PASSWORDS[name]))) for name in STATIONS]
        while heard.beats < len(STATIONS):
            await asyncio.sleep(0.01)
        coming = [asyncio.create_task(_enter(name, port, tried)) for name in ("LATE", "CHOSEN")]
        chance, places = random.Random(seed), asyncio.Semaphore(AT_ONCE)

        async def one() -> None:
            async with places:
                await _intrude(port, chance, tried)
            if tried.tried % 1_000 == 0:
                tell(f"{tried.tried} tried, {len(tried.faults)} faults")

        await asyncio.gather(*(one() for _ in range(number)))
        for task in (*stations, *coming):
            if task.done() and not task.cancelled() and task.exception() is not None:
                tried.faults.append(f"the attack itself failed: {task.exception()!r}")
            task.cancel()
        await asyncio.gather(*stations, *coming, return_exceptions=True)
    tried.faults += heard.faults
    tried.beats, tried.slowest_beat_s = heard.beats, heard.slowest_beat_s
    tried.took_s = time.monotonic() - began_s
    return tried
