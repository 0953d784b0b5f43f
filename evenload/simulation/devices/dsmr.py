"""A P1 port behind a TCP socket: sends a telegram each `period_s` to whoever is connected."""

import asyncio
from contextlib import suppress

from evenload.runtime.ending import ended
from evenload.simulation.devices.crc16 import crc16
from evenload.simulation.devices.faults import GARBAGE, Faults
from evenload.simulation.devices.world import MeterProvider, MeterValues

SECOND_METER = (
    "/ISK5\\2M550T-1012\r\n\r\n1-3:0.2.8(50)\r\n0-0:1.0.0(231114221320W)\r\n"
    "0-0:96.1.1(4530303434303037333832323436303139)\r\n1-0:1.8.1(002345.678*kWh)\r\n1-0:1.8.2(001000.000*kWh)\r\n"
    "1-0:2.8.1(000100.000*kWh)\r\n1-0:2.8.2(000200.500*kWh)\r\n0-0:96.14.0(0002)\r\n1-0:1.7.0(02.872*kW)\r\n"
    "1-0:2.7.0(00.000*kW)\r\n0-0:96.7.21(00004)\r\n1-0:99.97.0()\r\n1-0:32.32.0(00002)\r\n0-0:96.13.0()\r\n"
    "1-0:32.7.0(230.1*V)\r\n1-0:52.7.0(231.4*V)\r\n1-0:72.7.0(229.8*V)\r\n1-0:31.7.0(005*A)\r\n1-0:51.7.0(003*A)\r\n"
    "1-0:71.7.0(010*A)\r\n1-0:21.7.0(01.150*kW)\r\n1-0:41.7.0(00.000*kW)\r\n1-0:61.7.0(02.300*kW)\r\n"
    "1-0:22.7.0(00.000*kW)\r\n1-0:42.7.0(00.578*kW)\r\n1-0:62.7.0(00.000*kW)\r\n0-1:24.1.0(003)\r\n"
    "0-1:24.2.1(231114221004W)(01234.567*m3)\r\n!D56A\r\n"
)
"""Version 5: 1150 W in on L1, 578 W out on L2, 2300 W in on L3; whole amperes."""
ONE_PHASE_METER = (
    "/KFM5KAIFA-METER\r\n\r\n1-3:0.2.8(42)\r\n0-0:1.0.0(231114221320W)\r\n1-0:1.8.1(000100.100*kWh)\r\n"
    "1-0:1.8.2(000200.200*kWh)\r\n1-0:2.8.1(000300.300*kWh)\r\n1-0:2.8.2(000400.400*kWh)\r\n0-0:96.14.0(0001)\r\n"
    "1-0:1.7.0(00.000*kW)\r\n1-0:2.7.0(00.920*kW)\r\n1-0:32.7.0(230.0*V)\r\n1-0:31.7.0(004*A)\r\n"
    "1-0:21.7.0(00.000*kW)\r\n1-0:22.7.0(00.920*kW)\r\n!720E\r\n"
)
"""Version 4 on one phase: 920 W out; whole amperes."""
OLD_METER = (
    "/ISk5\\2MT382-1000\r\n\r\n0-0:96.1.1(4B384547303034303436333935353037)\r\n1-0:1.8.1(12345.678*kWh)\r\n"
    "1-0:1.8.2(00000.000*kWh)\r\n1-0:2.8.1(00000.000*kWh)\r\n1-0:2.8.2(00001.500*kWh)\r\n0-0:96.14.0(0002)\r\n"
    "1-0:1.7.0(0001.19*kW)\r\n1-0:2.7.0(0000.00*kW)\r\n0-0:17.0.0(016*A)\r\n0-0:96.3.10(1)\r\n0-0:96.13.1()\r\n!\r\n"
)
"""Version 3: a total only, no checksum, no stamp."""


class DsmrPort:
    """`faults.garbage` sends noise, `faults.delay_s` keeps silent; `broken`: the checksum does not fit.

    With a `home` each telegram tells that home's values.
    """

    def __init__(self, telegram: str, period_s: float = 1.0, home: MeterProvider | None = None) -> None:
        self._home = home
        self.telegram, self.faults, self.broken = telegram, Faults(), False
        self._period_s = period_s
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()
        self.host, self.port = "", 0

    @property
    def address(self) -> str:
        """`host:port`, as a site file's `host:` takes it."""
        return f"{self.host}:{self.port}"

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; the port is in `port`."""
        self._server = await asyncio.start_server(self._serve, host, port)
        self.host, self.port = host, self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut what is connected."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await ended(*self._talks)

    async def go_offline(self) -> None:
        """Vanish from the network."""
        await self.stop()

    async def come_back(self) -> None:
        """Listen again on the same port."""
        await self.start(self.host, self.port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        assert talk is not None, "a server's callback runs in a task"
        self._talks.add(talk)
        try:
            # Cancelled only by `stop`: it ends here, or the stream's own callback would tell of it.
            with suppress(OSError, asyncio.CancelledError):
                while True:
                    await self._send(writer)
                    await asyncio.sleep(self._period_s)
        finally:
            self._talks.discard(talk)
            writer.close()

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        if self.faults.delay_s:
            return
        if self._home is not None:
            self.telegram = telegram_of(self._home())
        whole = self.telegram.replace("(002345.678", "(002345.679") if self.broken else self.telegram
        # In two pieces, as a slow line brings it.
        half = len(whole) // 2
        for piece in (GARBAGE,) if self.faults.garbage else (whole[:half].encode(), whole[half:].encode()):
            writer.write(piece)
            await writer.drain()


def telegram_of(values: MeterValues) -> str:
    """Return a version 5 telegram without a stamp, with its checksum."""
    lines = ["/ISK5\\2M550T-1012", "", "1-3:0.2.8(50)"]
    lines += [f"1-0:1.8.1({values.import_wh / 1000:010.3f}*kWh)", f"1-0:2.8.1({values.export_wh / 1000:010.3f}*kWh)"]
    lines += _both_ways(1, 2, sum(values.power_w))
    for line in range(3):
        lines.append(f"1-0:{32 + 20 * line}.7.0({values.voltage_v[line]:05.1f}*V)")
        lines.append(f"1-0:{31 + 20 * line}.7.0({round(abs(values.current_a(line))):03d}*A)")
        lines += _both_ways(21 + 20 * line, 22 + 20 * line, values.power_w[line])
    body = "\r\n".join([*lines, "!"])
    return f"{body}{crc16(body.encode()):04X}\r\n"


def _both_ways(code_in: int, code_out: int, power_w: float) -> list[str]:
    into_kw, out_kw = max(0.0, power_w) / 1000, max(0.0, -power_w) / 1000
    return [f"1-0:{code_in}.7.0({into_kw:06.3f}*kW)", f"1-0:{code_out}.7.0({out_kw:06.3f}*kW)"]
