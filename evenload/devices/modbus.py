"""One Modbus TCP connection to each address, shared by all that read there: many devices bear one master only.

One question at a time, with a pause between where the device needs it. A failed question closes the connection; the
next one opens it again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, Literal, Protocol, TypeVar

from msgspec import Struct
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ModbusPDU

from evenload.devices.errors import DeviceError
from evenload.devices.registers import Kind
from evenload.runtime.ending import end_if_cancelled

_LOOK = "check its power, network and address, that Modbus TCP is switched on, and that nothing else holds it"
_EXCEPTIONS = {1: "illegal function", 2: "illegal data address", 3: "illegal data value", 4: "device failure",
               6: "device busy", 10: "no path to the unit", 11: "the unit does not answer"}  # fmt: skip


Bits = Literal["coil", "discrete"]
Ask = Callable[[AsyncModbusTcpClient], Awaitable[ModbusPDU]]


class ModbusAddress(Struct, frozen=True, kw_only=True):
    """Where a device is, and how it wants to be asked; equal addresses share one connection."""

    host: str
    port: int = 502

    def __str__(self) -> str:
        return f"modbus://{self.host}:{self.port}"


class Manners(Struct, frozen=True, kw_only=True):
    """Time limit of an answer; pauses after connecting and after each answer, s."""

    timeout_s: float = 2.0
    connect_pause_s: float = 0.0
    pause_s: float = 0.0


class ModbusLink:
    """A connection that is opened when it is needed."""

    def __init__(self, address: ModbusAddress) -> None:
        self.address = address
        self._client: AsyncModbusTcpClient | None = None
        self._turn = asyncio.Lock()

    async def read(self, unit: int, kind: Kind, registers: range, manners: Manners) -> list[int]:
        """Return the words of `registers` of one unit; raise `DeviceError`."""
        where = f"{self.address} unit {unit} {kind} {registers.start}"

        def ask(client: AsyncModbusTcpClient) -> Awaitable[ModbusPDU]:
            read = client.read_holding_registers if kind == "holding" else client.read_input_registers
            return read(registers.start, count=len(registers), device_id=unit)

        answer = await self._answer(where, ask, manners, "is this the right model and unit id")
        if len(answer.registers) != len(registers):
            raise DeviceError("garbage", where, f"{len(answer.registers)} registers for {len(registers)}", _LOOK)
        return list(answer.registers)

    async def read_bit(self, unit: int, of: Bits, address: int, manners: Manners) -> bool:
        """Return one coil or discrete input of one unit; raise `DeviceError`."""
        where = f"{self.address} unit {unit} {of} {address}"

        def ask(client: AsyncModbusTcpClient) -> Awaitable[ModbusPDU]:
            read = client.read_coils if of == "coil" else client.read_discrete_inputs
            return read(address, count=1, device_id=unit)

        answer = await self._answer(where, ask, manners, "is this the right model, unit id and address")
        if not answer.bits:
            raise DeviceError("garbage", where, "no bit in the answer", _LOOK)
        return bool(answer.bits[0])

    async def write(self, unit: int, address: int, words: list[int], manners: Manners) -> None:
        """Write holding registers of one unit; raise `DeviceError`."""

        def ask(client: AsyncModbusTcpClient) -> Awaitable[ModbusPDU]:
            return client.write_registers(address, words, device_id=unit)

        where = f"{self.address} unit {unit} holding {address}"
        await self._answer(where, ask, manners, "is this a register that may be written")

    async def _answer(self, where: str, ask: Ask, manners: Manners, remedy: str) -> ModbusPDU:
        """Ask one question when it is our turn; raise `DeviceError` when nothing, or a refusal, comes back."""
        async with self._turn:
            try:
                client = await self._connected(manners)
                async with asyncio.timeout(manners.timeout_s):
                    answer = await ask(client)
            except (ModbusException, OSError, TimeoutError) as fault:
                self.close()
                why = str(fault) or f"no answer within {manners.timeout_s:g} s"
                raise DeviceError("silent", where, why, _LOOK) from fault
            except asyncio.CancelledError:
                self.close()  # its answer would be taken for the next question's
                raise
            end_if_cancelled()  # the library waits in asyncio.wait_for
            if manners.pause_s:
                await asyncio.sleep(manners.pause_s)
        if answer.isError():
            why = _EXCEPTIONS.get(answer.exception_code, f"exception {answer.exception_code}")
            raise DeviceError("refused", where, why, remedy)
        return answer

    async def _connected(self, manners: Manners) -> AsyncModbusTcpClient:
        if self._client is not None and self._client.connected:
            return self._client
        self.close()
        client = AsyncModbusTcpClient(
            self.address.host, port=self.address.port, timeout=manners.timeout_s, retries=0, reconnect_delay=0
        )
        self._client = client
        if not await client.connect():
            raise ModbusException(f"no connection within {manners.timeout_s:g} s")
        if manners.connect_pause_s:
            await asyncio.sleep(manners.connect_pause_s)
        return client

    def close(self) -> None:
        """Close; the next question opens it again."""
        if self._client is not None:
            self._client.close()
            self._client = None


class Link(Protocol):
    """What can be closed."""

    def close(self) -> None:
        """Close; the next question opens it again."""


L = TypeVar("L", bound=Link)


class Links(Generic[L]):
    """The addresses in use, each with one link for all that read there."""

    def __init__(self, opened: Callable[[ModbusAddress], L]) -> None:
        self._opened = opened
        self._links: dict[ModbusAddress, L] = {}
        self._users: dict[ModbusAddress, int] = {}

    @asynccontextmanager
    async def connection(self, address: ModbusAddress) -> AsyncIterator[L]:
        """Yield the shared link; the last user's leaving closes it."""
        if address not in self._links:
            self._links[address] = self._opened(address)
        link = self._links[address]
        self._users[address] = self._users.get(address, 0) + 1
        try:
            yield link
        finally:
            self._users[address] -= 1
            if self._users[address] == 0:
                del self._users[address], self._links[address]
                link.close()


class ModbusLinks(Links[ModbusLink]):
    """The Modbus TCP connections in use."""

    def __init__(self) -> None:
        # What goes wrong is told by `DeviceError`, once; the library would add its traffic to the log each time.
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
        super().__init__(ModbusLink)


def modbus_address(host: str, default_port: int) -> ModbusAddress:
    """Return the address in a site file's `host:`, with `:port` where it is another than the default."""
    name, colon, port = host.rpartition(":")
    if colon and port.isdigit() and not (name.startswith("[") and not name.endswith("]")):
        return ModbusAddress(host=name.strip("[]"), port=int(port))
    return ModbusAddress(host=host.strip("[]"), port=default_port)
