"""Shelly relays, which toggle back by themselves after a time given with the command.

Gen1: `/relay/N?turn=on&timer=60`, `/status` with `relays` and `meters`, `/settings/relay/N?default_state=off`.
Gen2 and later: `/rpc/Switch.Set` with `toggle_after`, `Switch.GetStatus`, `Switch.SetConfig`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.http import HttpDevice
from evenload.devices.json_path import find
from evenload.site.plug_drivers import ShellyPlug
from services.plug_control.config import PlugPlan
from services.plug_control.drivers.contract import PlugDriver
from services.plug_control.raw import RawObservation, scaled

MINUTES_PER_HOUR = 60.0


@asynccontextmanager
async def open_plug(plan: PlugPlan, access: Access) -> AsyncIterator[PlugDriver]:
    """Yield the plug."""
    options: ShellyPlug = plan.options
    if options.generation == 1:
        yield ShellyGen1(HttpDevice(access.session, f"http://{options.host}", options.timeout_s), options.channel)
    else:
        yield Shelly(HttpDevice(access.session, f"http://{options.host}/rpc", options.timeout_s), options.channel)


class Shelly:
    """One relay of Gen2 and later."""

    def __init__(self, device: HttpDevice, channel: int) -> None:
        self._device, self._channel = device, str(channel)

    async def prepare(self, power_on: bool) -> None:
        """Set the relay's state after a power cut; written only when it differs, because it wears the flash."""
        wanted = "on" if power_on else "off"
        config = await self._device.get("/Switch.GetConfig", {"id": self._channel})
        if isinstance(config, dict) and config.get("initial_state") == wanted:
            return
        change = msgspec.json.encode({"initial_state": wanted}).decode()
        await self._device.get("/Switch.SetConfig", {"id": self._channel, "config": change})

    async def switch(self, on: bool, revert_s: float | None) -> None:
        """Switch; the device toggles back after `revert_s`. A command without it also ends a running timer."""
        query = {"id": self._channel, "on": "true" if on else "false"}
        if revert_s is not None:
            query["toggle_after"] = f"{revert_s:g}"
        await self._device.get("/Switch.Set", query)

    async def observe(self) -> RawObservation:
        """Return the relay's status."""
        return observation_of(await self._device.get("/Switch.GetStatus", {"id": self._channel}), self._device.base_url)


def observation_of(answer: Any, where: str) -> RawObservation:
    """Return the answer as a raw look; raise `DeviceError` when it is no object."""
    if not isinstance(answer, dict):
        raise DeviceError("garbage", where, "not an object", "is this a Shelly Gen2 or later")
    energy = answer.get("aenergy")
    return RawObservation(
        relay=answer.get("output"),
        power_w=answer.get("apower"),
        voltage_v=answer.get("voltage"),
        energy_wh=energy.get("total") if isinstance(energy, dict) else None,
    )


class ShellyGen1:
    """One relay of Gen1."""

    def __init__(self, device: HttpDevice, channel: int) -> None:
        self._device, self._channel = device, channel

    async def prepare(self, power_on: bool) -> None:
        """Set the relay's state after a power cut; written only when it differs, because it wears the flash."""
        wanted, path = "on" if power_on else "off", f"/settings/relay/{self._channel}"
        config = await self._device.get(path)
        if not isinstance(config, dict) or config.get("default_state") != wanted:
            await self._device.get(path, {"default_state": wanted})

    async def switch(self, on: bool, revert_s: float | None) -> None:
        """Switch; the device goes back after `revert_s`. A command without it also ends a running timer."""
        query = {"turn": "on" if on else "off"}
        if revert_s is not None:
            query["timer"] = f"{revert_s:g}"
        await self._device.get(f"/relay/{self._channel}", query)

    async def observe(self) -> RawObservation:
        """Return the relay's status."""
        return gen1_observation(await self._device.get("/status"), self._channel, self._device.base_url)


def gen1_observation(answer: Any, channel: int, where: str) -> RawObservation:
    """Return the answer as a raw look; raise `DeviceError` when it has no such relay. Totals are watt-minutes."""
    relay = find(answer, ("relays", channel))
    if not isinstance(relay, dict):
        raise DeviceError("garbage", where, f"no relay {channel}", "Gen2 and later need `generation: 2`")
    return RawObservation(
        relay=relay.get("ison"),
        power_w=find(answer, ("meters", channel, "power")),
        energy_wh=scaled(find(answer, ("meters", channel, "total")), 1 / MINUTES_PER_HOUR),
    )
