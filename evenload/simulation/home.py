"""The world of `evenload demo`: a house whose meter, inverter, plug and stations speak the real protocols.

Grid meter: HomeWizard P1 over HTTP. Sun and battery: JSON over HTTP. Heater: Shelly plug. Stations: OCPP 1.6J over
WebSocket. `--with` puts other devices in their places. Everything follows from the seed; the sun's day runs `speed`
times as fast, so that clouds pass in seconds.

`python -m evenload.simulation.home --ocpp-url ws://127.0.0.1:9000 --seed 1 --speed 60 --site-out demo.yaml` writes the
site file with the real ports, says so in one JSON line (`"event": "ready"`), and runs until it is stopped.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from evenload.simulation.demo_devices import NAMES, World, chosen
from evenload.simulation.demo_site import GUEST, WALLBOX, DemoPorts, demo_site
from evenload.simulation.devices.homewizard import HomewizardP1
from evenload.simulation.devices.live import Moment
from evenload.simulation.devices.server import HttpEmulator, changer
from evenload.simulation.devices.shelly import ShellyPlug
from evenload.simulation.devices.world import MeterValues, PlugWorld
from evenload.simulation.home_model import CONFIG, Habits, HomeState, first_state, moved
from evenload.simulation.plant import PhaseValues
from evenload.simulation.station import StationClient
from evenload.simulation.station_core import Json, Station
from evenload.simulation.station_faults import FAULTS
from evenload.simulation.weather import Visit, visit_at, visits

STEP_S = 0.25
HEATER_W = 2000.0
HEATER_PHASE = 2
WIRING: dict[str, tuple[int, ...]] = {WALLBOX: (0, 1, 2), GUEST: (1, 2, 0)}
"""Site phase index of each line of the stations, as in the demo's site file."""

Tell = Callable[[Json], None]


class Gateway(HttpEmulator):
    """The inverter's own JSON page: sun and battery."""

    def __init__(self, state: Callable[[], HomeState]) -> None:
        super().__init__(changer(state))
        self._state = state
        self.route("GET", "/inverter", self._page)

    def _page(self, request: web.Request) -> dict[str, Any]:
        state = self._state()
        return {
            "pv": {"power_w": round(state.solar_w)},
            "battery": {"power_w": round(state.battery_w), "soc_pct": round(state.soc_pct, 1)},
        }


class Home:
    """House, devices and stations together, in real time."""

    def __init__(
        self,
        habits: Habits,
        ocpp_url: str,
        passwords: dict[str, str],
        tell: Tell,
        *,
        fault: str | None = None,
        others: tuple[str, ...] = (),
    ) -> None:
        self.habits = habits
        self.state = first_state(habits)
        self.plug = PlugWorld(HEATER_W, lambda on: tell({"event": "heater", "on": on}))
        kinds = {WALLBOX: FAULTS.get(fault or "", Station)}
        self.stations = {
            name: StationClient(kinds.get(name, Station)(identity=name, max_a=16.0), ocpp_url, passwords[name], tell)
            for name in sorted(WIRING)
        }
        self.emulators: dict[str, HttpEmulator] = {
            "p1": HomewizardP1(self._grid),
            "inverter": Gateway(lambda: self.state),
            "plug": ShellyPlug(self.plug),
        }
        secret = f"{random.SystemRandom().getrandbits(64):016x}"
        self.others = chosen(others, World(self._grid, self._moment, self.plug, secret))
        self._cars = {name: visits(name, habits.seed) for name in WIRING}
        self._here: dict[str, Visit | None] = dict.fromkeys(WIRING)
        self._tell = tell
        self._import_wh, self._export_wh, self._solar_wh = 13_779_338.0, 4_162_461.0, 9_876_543.0

    async def start(self) -> dict[str, int]:
        """Let the devices listen; return their ports."""
        for emulator in (*self.emulators.values(), *self.others.emulators):
            await emulator.start()
        return {name: emulator.port for name, emulator in self.emulators.items()}

    async def run(self, stopping: asyncio.Event) -> None:
        """Let the house live until `stopping` is set; then everything stops."""
        async with asyncio.TaskGroup() as group:
            for client in self.stations.values():
                group.create_task(client.run(stopping))
            life = group.create_task(self._live())
            await stopping.wait()
            life.cancel()
        for emulator in (*self.emulators.values(), *self.others.emulators):
            await emulator.stop()

    async def _live(self) -> None:
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        while True:
            self.step(loop.time() - started_s)
            await asyncio.sleep(STEP_S)

    def step(self, real_s: float) -> None:
        """Move the house to `real_s` seconds from its start."""
        for name, cars in self._cars.items():
            self._drive(name, visit_at(cars, real_s))
        passed_h = (real_s - self.state.at_s) / 3600
        self.state = moved(self.state, self.habits, self.draws_a(), real_s)
        net_w = sum(self.state.flows.net_a) * CONFIG.voltage_v
        self._import_wh += max(0.0, net_w) * passed_h
        self._export_wh += max(0.0, -net_w) * passed_h
        self._solar_wh += self.state.solar_w * passed_h

    def draws_a(self) -> PhaseValues:
        """Return what stations and heater draw on each phase, A."""
        total_a = [0.0, 0.0, 0.0]
        for name, client in self.stations.items():
            for phase in WIRING[name][: client.station.lines]:
                total_a[phase] += client.station.drawn_a
        total_a[HEATER_PHASE] += self.plug.power_w / CONFIG.voltage_v
        return tuple(total_a)

    def _drive(self, name: str, car: Visit | None) -> None:
        """Let the car that should be there arrive, or the one that should not leave."""
        if car == self._here[name]:
            return
        self._here[name] = car
        if car is None:
            self.stations[name].unplug()
        else:
            self.stations[name].plug(car.vehicle_a, car.lines)
        self._tell({"event": "car", "station": name, "here": car is not None})

    def _grid(self) -> MeterValues:
        net_w = [current_a * CONFIG.voltage_v for current_a in self.state.flows.net_a]
        return MeterValues(power_w=(net_w[0], net_w[1], net_w[2]), import_wh=self._import_wh, export_wh=self._export_wh)

    def _moment(self) -> Moment:
        state = self.state
        return Moment(
            grid=self._grid(),
            solar_w=state.solar_w,
            solar_wh=self._solar_wh,
            battery_w=state.battery_w,
            soc_pct=round(state.soc_pct, 1),
        )


def write_secret(path: Path, text: str) -> None:
    """Write a file that only we may read, in place of an older one."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as file:
        file.write(text)


def write_site(path: Path, ports: dict[str, int], passwords: dict[str, str], **more: Any) -> None:
    """Write the stations' password files and then, at once and whole, the site file; `more` as in `DemoPorts`."""
    keys = {name: f"{path.stem}-{name.lower()}.key" for name in passwords}
    for name, password in passwords.items():
        write_secret(path.with_name(keys[name]), password)
    text = demo_site(
        DemoPorts(
            p1=ports["p1"],
            inverter=ports["inverter"],
            plug=ports["plug"],
            wallbox_key=keys[WALLBOX],
            guest_key=keys[GUEST],
            **more,
        )
    )
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)


async def run_world(options: argparse.Namespace, tell: Tell, stopping: asyncio.Event) -> None:
    """Run the demo's world: start the devices, write the site file, say ready, live until `stopping`."""
    dice = random.SystemRandom()
    passwords = {name: f"{dice.getrandbits(128):032x}" for name in WIRING}
    habits = Habits(seed=options.seed, speed=options.speed)
    home = Home(habits, options.ocpp_url, passwords, tell, fault=options.fault, others=tuple(options.others))
    ports = await home.start()
    entry = json.dumps(FAULTS[options.fault].entry if options.fault else {})
    site_out, others = Path(options.site_out), home.others
    for name, secret in others.secrets.items():
        write_secret(site_out.with_name(name), secret)
    more = {"wallbox_entry": entry, "instead": others.lines(), "broker": others.broker_port}
    write_site(site_out, ports, passwords, **more)
    tell({"event": "ready", "site": str(options.site_out), "ports": ports})
    await home.run(stopping)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m evenload.simulation.home", description=__doc__)
    parser.add_argument("--ocpp-url", required=True, help="gateway, without a station's id")
    parser.add_argument("--seed", type=int, default=1, help="weather and habits")
    parser.add_argument("--speed", type=float, default=60.0, help="how much faster the sun's day runs")
    parser.add_argument(
        "--with", dest="others", action="append", default=[], choices=NAMES, help="a device in place of the usual one"
    )
    parser.add_argument("--site-out", required=True, help="where to write the site file")
    parser.add_argument("--fault", choices=sorted(FAULTS), help="the wallbox behaves as such stations in the field do")
    return parser.parse_args()


def _print(event: Json) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


async def _main(options: argparse.Namespace) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await run_world(options, _print, stopping)


if __name__ == "__main__":
    asyncio.run(_main(_arguments()))
