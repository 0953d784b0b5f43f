"""One emulated device as a process: `python -m evenload.simulation.devices homewizard --port 0 --watts 500`.

It prints its address as one line of JSON and runs until it is ended. `PUT /_control` changes its world.
"""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Protocol

from evenload.simulation.devices import (
    DsmrPort,
    Enphase,
    Fronius,
    HomewizardKwh,
    HomewizardP1,
    HomewizardSocket,
    JsonMeter,
    KasaPlug,
    MeterWorld,
    ModbusDevice,
    PlugWorld,
    Shelly3em,
    ShellyEm,
    ShellyGen1Plug,
    ShellyOnePhase,
    ShellyPlug,
    ShellyPro3em,
    TasmotaHead,
    TasmotaMeter,
    TasmotaPlug,
)
from evenload.simulation.devices.dsmr import SECOND_METER
from evenload.simulation.devices.modbus import golden, golden_names


def _meter(watts: float) -> MeterWorld:
    world = MeterWorld()
    world.set({"watts": watts})
    return world


def _modbus(name: str, watts: float) -> ModbusDevice:
    """Return the device of a golden dump; it says what was written down, whatever `watts` is."""
    return ModbusDevice(golden(name))


class Emulator(Protocol):
    """A device that can be started and stopped."""

    @property
    def address(self) -> str:
        """Where it listens."""

    async def start(self, host: str, port: int) -> None:
        """Listen."""

    async def stop(self) -> None:
        """Stop listening."""


KINDS: dict[str, Callable[[float], Emulator]] = {
    "homewizard": lambda watts: HomewizardP1(_meter(watts)),
    "homewizard-kwh": lambda watts: HomewizardKwh(_meter(watts)),
    "shelly-3em": lambda watts: Shelly3em(_meter(watts)),
    "shelly-pro3em": lambda watts: ShellyPro3em(_meter(watts)),
    "json": lambda watts: JsonMeter(_meter(watts)),
    "shelly-gen1-em": lambda watts: ShellyEm(_meter(watts)),
    "shelly-gen1-plug": lambda watts: ShellyGen1Plug(PlugWorld(watts)),
    "shelly-plug": lambda watts: ShellyPlug(PlugWorld(watts)),
    "tasmota-plug": lambda watts: TasmotaPlug(PlugWorld(watts)),
    "homewizard-socket": lambda watts: HomewizardSocket(PlugWorld(watts)),
    "shelly-em": lambda watts: ShellyOnePhase(_meter(watts)),
    "fronius": lambda watts: Fronius(_meter(watts)),
    "enphase": lambda watts: Enphase(_meter(watts)),
    "tasmota": lambda watts: TasmotaMeter(_meter(watts)),
    "tasmota-head": lambda watts: TasmotaHead(_meter(watts)),
    "tplink-plug": lambda watts: KasaPlug(PlugWorld(watts)),
    "dsmr": lambda watts: DsmrPort(SECOND_METER),
    **{name: partial(_modbus, name) for name in golden_names()},
}


async def serve(kind: str, host: str, port: int, watts: float) -> None:
    """Run one device until SIGTERM or SIGINT."""
    emulator, ended = KINDS[kind](watts), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await emulator.start(host, port)
    sys.stdout.write(json.dumps({"device": kind, "address": emulator.address}) + "\n")
    sys.stdout.flush()
    await ended.wait()
    await emulator.stop()


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m evenload.simulation.devices", description=__doc__)
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 = a free port")
    parser.add_argument(
        "--watts", type=float, default=500.0, help="meters: total over all phases; plugs: the load's draw"
    )
    given = parser.parse_args()
    asyncio.run(serve(given.kind, given.host, given.port, given.watts))


if __name__ == "__main__":
    main()
