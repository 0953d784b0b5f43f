"""Tasmota relays over HTTP: `/cm?cmnd=…` with Power, PulseTime, PowerOnState and Status 8.

PulseTime counts whole seconds from 100 up (160 = 60 s) and restarts with each `Power ON`; it is a setting in flash, so
it is written only when it differs. Status 8 has no relay state, so a look is two questions. Power, voltage and current
are one number, or a list with one for each relay.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from evenload.devices.access import Access
from evenload.devices.http import HttpDevice
from evenload.devices.tasmota import checked
from evenload.site.plug_drivers import TasmotaPlug
from services.plug_control.config import PlugPlan
from services.plug_control.drivers.contract import PlugDriver
from services.plug_control.raw import RawObservation, scaled

SECONDS_FROM = 100
WH_PER_KWH = 1_000.0
NO_PULSE = 0


@asynccontextmanager
async def open_plug(plan: PlugPlan, access: Access) -> AsyncIterator[PlugDriver]:
    """Yield the plug."""
    options: TasmotaPlug = plan.options
    device = HttpDevice(access.session, f"http://{options.host}", options.timeout_s)

    async def ask(command: str) -> dict[str, Any]:
        return checked(await device.get("/cm", {"cmnd": command}), f"{device.base_url}/cm?cmnd={command}")

    yield Tasmota(ask, options.channel)


Ask = Callable[[str], Awaitable[dict[str, Any]]]
"""Send a command, as `Power1 ON`, and return the answer; raises `DeviceError`."""


class Tasmota:
    """One relay of a Tasmota device; `channel` counts from 1."""

    def __init__(self, ask: Ask, channel: int) -> None:
        self._ask, self._channel = ask, channel
        self._pulse: int | None = None

    async def prepare(self, power_on: bool) -> None:
        """Set the relays' state after a power cut; it is one setting for the whole device."""
        wanted = 1 if power_on else 0
        if (await self._ask("PowerOnState")).get("PowerOnState") != wanted:
            await self._ask(f"PowerOnState {wanted}")

    async def switch(self, on: bool, revert_s: float | None) -> None:
        """Switch; with `revert_s` an ON ends by itself, counted again from each ON."""
        if on:
            await self._set_pulse(NO_PULSE if revert_s is None else SECONDS_FROM + round(revert_s))
        await self._ask(f"Power{self._channel} {'ON' if on else 'OFF'}")

    async def observe(self) -> RawObservation:
        """Return the relay's state and what it measures."""
        power = await self._ask(f"Power{self._channel}")
        return observation_of(power, await self._ask("Status 8"), self._channel)

    async def _set_pulse(self, pulse: int) -> None:
        if self._pulse is None:
            self._pulse = pulse_of(await self._ask(f"PulseTime{self._channel}"), self._channel)
        if self._pulse != pulse:
            await self._ask(f"PulseTime{self._channel} {pulse}")
            self._pulse = pulse


def pulse_of(answer: dict[str, Any], channel: int) -> int | None:
    """Return the PulseTime that is set; None when the answer does not say (it differs by firmware)."""
    found = answer.get(f"PulseTime{channel}")
    if isinstance(found, dict):
        found = found.get("Set")
    if isinstance(found, str):
        found = found.split(" ", 1)[0]
        return int(found) if found.isascii() and found.isdigit() else None
    return found if isinstance(found, int) else None


def observation_of(power: dict[str, Any], status: dict[str, Any], channel: int) -> RawObservation:
    """Return the two answers as a raw look. A device with one relay calls it POWER, others POWER1 …"""
    relay = power.get(f"POWER{channel}", power.get("POWER") if channel == 1 else None)
    sensors = status.get("StatusSNS")
    energy = sensors.get("ENERGY") if isinstance(sensors, dict) else None
    energy = energy if isinstance(energy, dict) else {}
    return RawObservation(
        relay={"ON": True, "OFF": False}.get(relay) if isinstance(relay, str) else None,
        power_w=_of_channel(energy.get("Power"), channel),
        voltage_v=_of_channel(energy.get("Voltage"), channel),
        energy_wh=scaled(_of_channel(energy.get("Total"), channel), WH_PER_KWH),
    )


def _of_channel(value: Any, channel: int) -> Any:
    if isinstance(value, list):
        return value[channel - 1] if channel <= len(value) else None
    return value
