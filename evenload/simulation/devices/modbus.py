"""A device behind Modbus TCP: a real server over registers that were written down by hand (`golden/*.yaml`).

A golden file says which device it is, its unit id, `phases` where it has one only, its `holding` and `input` registers,
`zeros` (those that are there and matter to nobody), `night` (what is other then), per role what must come out, worked
out by hand from the maker's papers, and `live`, where a living home's values stand.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from evenload.simulation.devices.faults import Faults
from evenload.simulation.devices.live import Home, Kind, Moment, spoken, words

GOLDEN = Path(__file__).parent / "golden"
READ_INPUT = 4
WRITES = (6, 16)
MAX_WAIT_S = 30.0
GARBAGE = 0x8000
"""Not there, or a number that cannot be, in every type."""


class GoldenDump(Struct, frozen=True, kw_only=True):
    """One device's registers as written down."""

    device: str
    unit: int
    phases: tuple[str, ...]
    """Site phases it measures; all three unless it says otherwise."""
    registers: Mapping[Kind, Mapping[int, int]]
    night: Mapping[Kind, Mapping[int, int]]
    expect: Mapping[str, Mapping[str, Any]]
    night_expect: Mapping[str, Mapping[str, Any]]
    live: Mapping[Kind, Mapping[int, list[Any]]]


async def listening(server: ModbusTcpServer) -> int:
    """Start a server; return its port."""
    await server.serve_forever(background=True)
    transport = server.transport
    assert isinstance(transport, asyncio.Server), "it listens on TCP"
    return int(transport.sockets[0].getsockname()[1])


def golden(name: str) -> GoldenDump:
    """Return the golden dump `name`."""
    found = yaml.safe_load((GOLDEN / f"{name}.yaml").read_text(encoding="utf-8"))
    night = found.get("night", {})
    return GoldenDump(
        device=found["device"],
        unit=found["unit"],
        phases=tuple(found.get("phases", ("L1", "L2", "L3"))),
        registers=_with_zeros(_registers(found), found.get("zeros", {})),
        night=_registers(night),
        expect=found["expect"],
        night_expect=night.get("expect", {}),
        live=found.get("live", {}),
    )


def golden_names() -> tuple[str, ...]:
    """Return the names of all golden dumps."""
    return tuple(sorted(path.stem for path in GOLDEN.glob("*.yaml")))


def _registers(section: Mapping[str, Any]) -> dict[Kind, dict[int, int]]:
    kinds: tuple[Kind, ...] = ("holding", "input")
    return {kind: _words(section.get(kind, {})) for kind in kinds}


def _with_zeros(registers: dict[Kind, dict[int, int]], zeros: Mapping[Kind, Any]) -> dict[Kind, dict[int, int]]:
    for kind, runs in zeros.items():
        for run in runs:
            first, last = run if isinstance(run, list) else (run, run)
            blank = dict.fromkeys(range(first, last + 1), 0)
            assert not blank.keys() & registers[kind].keys(), f"{first} … {last} is written down already"
            registers[kind] |= blank
    return registers


def _words(runs: Mapping[int, Any]) -> dict[int, int]:
    found: dict[int, int] = {}
    for start, run in runs.items():
        for offset, word in enumerate(run if isinstance(run, list) else [run]):
            assert start + offset not in found, f"register {start + offset} is written down twice"
            found[start + offset] = word
    return found


class ModbusDevice:
    """A server of one unit. `faults`: `delay_s`, `status` (answered as that Modbus exception), `garbage` (0x8000).

    With a `home` it says that home's values instead of those that were written down.
    """

    def __init__(self, dump: GoldenDump, home: Home | None = None) -> None:
        self.dump, self.faults, self._home = dump, Faults(), home
        self.registers: dict[Kind, dict[int, int]] = {kind: dict(words) for kind, words in dump.registers.items()}
        self.requests, self.masters, self.most_masters = 0, 0, 0
        """Questions; connections now, and the most there ever were at once."""
        self._server: ModbusTcpServer | None = None
        self.host, self.port = "", 0

    @property
    def address(self) -> str:
        """`host:port`, as a site file's `host:` takes it."""
        return f"{self.host}:{self.port}"

    def fall_asleep(self) -> None:
        """Say what it says at night."""
        for kind, other in self.dump.night.items():
            self.registers[kind] |= other

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; the port is in `port`."""
        device = SimDevice(
            id=self.dump.unit,
            simdata=([_NO_BITS], [_NO_BITS], self._runs("holding"), self._runs("input")),
            action=self._answer,
        )
        self._server = ModbusTcpServer(device, address=(host, port), trace_connect=self._connected)
        self.host, self.port = host, await listening(self._server)

    async def stop(self) -> None:
        """Stop listening and cut what is connected."""
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus left its hint out
            self._server, self.masters = None, 0

    async def go_offline(self) -> None:
        """Vanish from the network."""
        await self.stop()

    async def come_back(self) -> None:
        """Listen again on the same port."""
        await self.start(self.host, self.port)

    def _runs(self, kind: Kind) -> list[SimData]:
        found = [SimData(address, values=word, datatype=DataType.REGISTERS) for address, word in self._sorted(kind)]
        return found or [SimData(0, values=0, datatype=DataType.REGISTERS)]

    def _sorted(self, kind: Kind) -> list[tuple[int, int]]:
        return sorted(self.registers[kind].items())

    def _connected(self, up: bool) -> None:
        self.masters = max(0, self.masters + (1 if up else -1))
        self.most_masters = max(self.most_masters, self.masters)

    async def _answer(self, function: int, start: int, *rest: Any) -> ExcCodes | None:
        address, count, held, written = rest
        if self.faults.delay_s:
            await asyncio.sleep(min(self.faults.delay_s, MAX_WAIT_S))
        self.requests += 1
        if self.faults.status is not None:
            return ExcCodes(self.faults.status)
        if function in WRITES:
            self.registers["holding"] |= {address + offset: word for offset, word in enumerate(written)}
            return None
        if self._home is not None:
            say(self.registers, self.dump.live, self._home())
        kind: Kind = "input" if function == READ_INPUT else "holding"
        for register in range(address, address + count):
            held[register - start] = GARBAGE if self.faults.garbage else self.registers[kind][register]
        return None


def say(registers: dict[Kind, dict[int, int]], live: Mapping[Kind, Mapping[int, list[Any]]], moment: Moment) -> None:
    """Put what a home is at a moment into the registers, where `live` says."""
    values = spoken(moment)
    for kind, entries in live.items():
        for address, entry in entries.items():
            registers[kind] |= dict(enumerate(words(entry, values), address))


_NO_BITS = SimData(0, values=False, datatype=DataType.BITS)
