"""Tasmota over HTTP and MQTT: Power, PulseTime, PowerOnState and Status 8, with one relay or several; and a meter."""

import asyncio
import json
import re
from contextlib import suppress
from typing import Any

import aiomqtt
from aiohttp import web

from evenload.devices.ending import ended
from evenload.simulation.devices.server import HttpEmulator, changer
from evenload.simulation.devices.world import MeterProvider, PlugWorld

RETRY_S = 0.2


class TasmotaRelay:
    """What a device does with commands. With several relays values are lists and names are numbered."""

    def __init__(self, world: PlugWorld, channels: int, channel: int) -> None:
        self.world, self._channels, self._channel = world, channels, channel
        self.pulse_time, self.pulse_writes = 0, 0
        self.power_on_state = 3
        self._timer: asyncio.TimerHandle | None = None

    def command(self, text: str) -> dict[str, Any]:
        """Return the answer to a command, as `Power1 ON`."""
        match = re.fullmatch(r"(?i)(status|power|pulsetime|poweronstate)(\d?)(?: (\w+))?", text.strip())
        if match is None:
            return {"Command": "Unknown"}
        name, _, value = match.groups()
        match name.lower():
            case "status":
                return self._status()
            case "power":
                return self._power(value)
            case "pulsetime":
                return self._pulse(value)
            case _:
                self.power_on_state = self.power_on_state if value is None else int(value)
                return {"PowerOnState": self.power_on_state}

    def _power(self, value: str | None) -> dict[str, Any]:
        if value is not None:
            self.cancel()
            self.world.command(value.upper() == "ON")
            if self.world.on and self.pulse_time:
                self._timer = asyncio.get_running_loop().call_later(self.pulse_s, self.world.press, False)
        name = "POWER" if self._channels == 1 else f"POWER{self._channel}"
        return {name: "ON" if self.world.on else "OFF"}

    @property
    def pulse_s(self) -> float:
        """Seconds of PulseTime: tenths up to 111, then whole seconds from 100 up."""
        return self.pulse_time / 10 if self.pulse_time <= 111 else self.pulse_time - 100

    def _pulse(self, value: str | None) -> dict[str, Any]:
        if value is not None:
            self.pulse_time = int(value)
            self.pulse_writes += 1
        return {f"PulseTime{self._channel}": {"Set": self.pulse_time, "Remaining": 0}}

    def _status(self) -> dict[str, Any]:
        world = self.world
        return {
            "StatusSNS": {
                "Time": "2023-02-05T20:31:48",
                "ENERGY": {
                    "TotalStartTime": "2023-02-05T11:04:13",
                    "Total": round(world.energy_wh / 1000, 3),
                    "Yesterday": 0.854,
                    "Today": 0.173,
                    "Power": self._of_channels(round(world.power_w, 1)),
                    "ApparentPower": self._of_channels(round(world.power_w, 1)),
                    "ReactivePower": self._of_channels(0.0),
                    "Factor": self._of_channels(1.0),
                    "Voltage": round(world.voltage_v),
                    "Current": self._of_channels(round(world.power_w / world.voltage_v, 3)),
                },
            }
        }

    def _of_channels(self, value: float) -> float | list[float]:
        if self._channels == 1:
            return value
        return [value if channel == self._channel else 0.0 for channel in range(1, self._channels + 1)]

    def cancel(self) -> None:
        """End a running timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class TasmotaPlug(HttpEmulator):
    """The controlled relay is `channel` of `channels`."""

    def __init__(self, world: PlugWorld, channels: int = 1, channel: int = 1) -> None:
        super().__init__(world.set)
        self.world, self.relay = world, TasmotaRelay(world, channels, channel)
        self.route("GET", "/cm", lambda request: self.relay.command(request.query["cmnd"]))

    async def stop(self) -> None:
        """Stop listening; the timer ends too."""
        self.relay.cancel()
        await super().stop()


class TasmotaMeter(HttpEmulator):
    """An energy meter; on three phases its values are lists."""

    def __init__(self, provider: MeterProvider, phases: int = 3) -> None:
        super().__init__(changer(provider))
        self._provider, self._phases = provider, phases
        self.route("GET", "/cm", self._status)

    def _status(self, request: web.Request) -> dict[str, Any]:
        values = self._provider()
        current = [round(abs(values.current_a(line)), 3) for line in range(3)]
        return {
            "StatusSNS": {
                "Time": "2023-02-05T20:31:48",
                "ENERGY": {
                    "TotalStartTime": "2023-02-05T11:04:13",
                    "Total": round(values.import_wh / 1000, 3),
                    "Power": self._of_phases([round(power, 1) for power in values.power_w]),
                    "Factor": self._of_phases([0.98, 0.98, 0.98]),
                    "Voltage": values.voltage_v[0],
                    "Current": self._of_phases(current),
                },
            }
        }

    def _of_phases(self, found: list[float]) -> float | list[float]:
        return found[0] if self._phases == 1 else found[: self._phases]


class TasmotaMqtt:
    """The same relay on a broker: `cmnd/TOPIC/…` in, `stat/TOPIC/RESULT` and `…/STATUS8` out, `tele/TOPIC/LWT`."""

    def __init__(self, topic: str, world: PlugWorld) -> None:
        self.topic, self.world, self.relay = topic, world, TasmotaRelay(world, 1, 1)
        self.ready, self.deaf = asyncio.Event(), False
        """Set while it listens; deaf: it hears no command."""
        self._task: asyncio.Task[None] | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 1883) -> None:
        """Connect to the broker and go on until stopped."""
        self._task = asyncio.create_task(self._run(host, port), name=f"emulated {self.topic}")

    async def stop(self) -> None:
        """Vanish without a word: the broker tells the last will."""
        self.relay.cancel()
        if self._task is not None:
            await ended(self._task)
            self._task = None
            self.ready.clear()

    async def _run(self, host: str, port: int) -> None:
        will = aiomqtt.Will(f"tele/{self.topic}/LWT", "Offline", qos=1, retain=True)
        while True:
            with suppress(aiomqtt.MqttError):
                async with aiomqtt.Client(host, port, will=will, keepalive=5) as client:
                    await self._live(client)
            self.ready.clear()
            await asyncio.sleep(RETRY_S)

    async def _live(self, client: aiomqtt.Client) -> None:
        await client.subscribe(f"cmnd/{self.topic}/+", qos=1)
        await client.publish(f"tele/{self.topic}/LWT", "Online", qos=1, retain=True)
        self.ready.set()
        try:
            async for message in client.messages:
                if not self.deaf and isinstance(message.payload, bytes):
                    name = message.topic.value.rpartition("/")[2]
                    answer = self.relay.command(f"{name} {message.payload.decode()}")
                    ending = "STATUS8" if name.lower() == "status" else "RESULT"
                    await client.publish(f"stat/{self.topic}/{ending}", json.dumps(answer))
        finally:
            with suppress(aiomqtt.MqttError):
                await client.publish(f"tele/{self.topic}/LWT", "Offline", qos=1, retain=True)
