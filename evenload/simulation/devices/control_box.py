"""Control boxes and ripple control receivers as feeds of outside limits see them: contacts, and a limit over HTTP."""

from typing import Any

from aiohttp import web
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from evenload.simulation.devices.modbus import listening
from evenload.simulation.devices.server import HttpEmulator

READ_COILS, READ_DISCRETE, READ_HOLDING = 1, 2, 3
BITS = 16


class ShellyInputs(HttpEmulator):
    """Inputs of a Shelly: `/rpc/Input.GetStatus` of Gen2 and later, `/status` of Gen1."""

    def __init__(self, count: int = 2) -> None:
        super().__init__(lambda changes: None)
        self.closed: list[bool | None] = [False] * count
        """None = switched off in its settings."""
        self.route("GET", "/rpc/Input.GetStatus", self._input)
        self.route("GET", "/status", self._status)

    def _input(self, request: web.Request) -> dict[str, Any]:
        number = int(request.query["id"])
        return {"id": number, "state": self.closed[number]}

    def _status(self, request: web.Request) -> dict[str, Any]:
        inputs = [{"input": int(bool(closed)), "event": "", "event_cnt": 0} for closed in self.closed]
        return {"wifi_sta": {"connected": True}, "inputs": inputs}


class LimitServer(HttpEmulator):
    """`GET /limit`: whatever `document` says."""

    def __init__(self, document: Any) -> None:
        super().__init__(lambda changes: None)
        self.document = document
        self.route("GET", "/limit", lambda request: self.document)


class ModbusBox:
    """A box with coils, discrete inputs and holding registers over Modbus TCP."""

    def __init__(self, unit: int = 1) -> None:
        self.unit = unit
        self.coils, self.inputs = [False] * BITS, [False] * BITS
        self.holding = [0] * BITS
        self._server: ModbusTcpServer | None = None
        self.host, self.port = "", 0

    @property
    def address(self) -> str:
        """`host:port`, as a site file's `host:` takes it."""
        return f"{self.host}:{self.port}"

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; the port is in `port`."""
        bits = SimData(0, count=1, values=False, datatype=DataType.BITS)
        words = SimData(0, count=BITS, values=0, datatype=DataType.REGISTERS)
        device = SimDevice(id=self.unit, simdata=([bits], [bits], [words], [words]), action=self._answer)
        self._server = ModbusTcpServer(device, address=(host, port))
        self.host, self.port = host, await listening(self._server)

    async def stop(self) -> None:
        """Stop listening and cut what is connected."""
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus left its hint out
            self._server = None

    async def _answer(self, function: int, start: int, *rest: Any) -> ExcCodes | None:
        address, count, held, _ = rest
        if function == READ_HOLDING:
            held[address - start : address - start + count] = self.holding[address : address + count]
        else:
            bits = self.coils if function == READ_COILS else self.inputs
            held[0] = sum(1 << place for place, on in enumerate(bits) if on)
        return None
