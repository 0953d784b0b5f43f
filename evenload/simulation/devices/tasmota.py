"""Tasmota over HTTP and MQTT: Power, PulseTime, PowerOnState and Status 8, with one relay or several; and a meter."""

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiomqtt

from evenload.runtime.ending import end_if_cancelled, ended
from evenload.simulation.devices.faults import GARBAGE
from evenload.simulation.devices.server import HttpEmulator, changer
from evenload.simulation.devices.world import MeterProvider, MeterValues, PlugWorld

RETRY_S, CALL_TIMEOUT_S = 0.2, 60.0


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


class TasmotaTwoRelays(HttpEmulator):
    """A device with two relays that measure nothing, each with its own PulseTime; PowerOnState is the device's."""

    def __init__(self) -> None:
        self.relays = tuple(TasmotaRelay(PlugWorld(0.0), channels=2, channel=channel) for channel in (1, 2))
        super().__init__(self.relays[0].world.set)
        self.route("GET", "/cm", lambda request: self._of_channel(request.query["cmnd"]))

    @property
    def pair(self) -> tuple[bool, bool]:
        """Which relays are on."""
        return self.relays[0].world.on, self.relays[1].world.on

    async def stop(self) -> None:
        """Stop listening; the timers end too."""
        for relay in self.relays:
            relay.cancel()
        await super().stop()

    def _of_channel(self, text: str) -> dict[str, Any]:
        return self.relays[1 if text.partition(" ")[0].endswith("2") else 0].command(text)


class TasmotaMeter(HttpEmulator):
    """An energy meter; on three phases its values are lists."""

    def __init__(self, provider: MeterProvider, phases: int = 3) -> None:
        super().__init__(changer(provider))
        self.route("GET", "/cm", lambda request: energy_status(provider(), phases))


class TasmotaHead(HttpEmulator):
    """A reading head on an SML meter, which names its values as the usual scripts do."""

    def __init__(self, provider: MeterProvider) -> None:
        super().__init__(changer(provider))
        self.route("GET", "/cm", lambda request: head_status(provider()))


def energy_status(values: MeterValues, phases: int) -> dict[str, Any]:
    """Return the answer to `Status 8` of an energy meter."""
    current = [round(abs(values.current_a(line)), 3) for line in range(3)]

    def of_phases(found: list[float]) -> float | list[float]:
        return found[0] if phases == 1 else found[:phases]

    return {
        "StatusSNS": {
            "Time": "2023-02-05T20:31:48",
            "ENERGY": {
                "TotalStartTime": "2023-02-05T11:04:13",
                "Total": round(values.import_wh / 1000, 3),
                "Power": of_phases([round(power, 1) for power in values.power_w]),
                "Factor": of_phases([0.98, 0.98, 0.98]),
                "Voltage": values.voltage_v[0],
                "Current": of_phases(current),
            },
        }
    }


def head_status(values: MeterValues) -> dict[str, Any]:
    """Return the answer to `Status 8` of a reading head."""
    return {
        "StatusSNS": {
            "Time": "2023-02-05T20:31:48",
            "MT681": {
                "total_in": round(values.import_wh / 1000, 4),
                "total_out": round(values.export_wh / 1000, 4),
                "power_curr": round(sum(values.power_w)),
                "power_l1": round(values.power_w[0]),
                "power_l2": round(values.power_w[1]),
                "power_l3": round(values.power_w[2]),
                "volt_p1": values.voltage_v[0],
                "volt_p2": values.voltage_v[1],
                "volt_p3": values.voltage_v[2],
                "meter_id": "0a01454d480000aabbcc",
            },
        }
    }


class TasmotaOnMqtt:
    """A device on a broker: `cmnd/TOPIC/…` in, `stat/TOPIC/RESULT` and `…/STATUS8` out, `tele/TOPIC/LWT`."""

    def __init__(self, topic: str, answer: Callable[[str], dict[str, Any]]) -> None:
        self.topic, self._answer = topic, answer
        self.ready, self.deaf, self.garbage = asyncio.Event(), False, False
        """Set while it listens; deaf: it hears no command."""
        self._task: asyncio.Task[None] | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 1883) -> None:
        """Connect to the broker and go on until stopped."""
        self._task = asyncio.create_task(self._run(host, port), name=f"emulated {self.topic}")

    async def stop(self) -> None:
        """Vanish: the broker is told that it is offline."""
        if self._task is not None:
            await ended(self._task)
            self._task = None
            self.ready.clear()

    async def _run(self, host: str, port: int) -> None:
        will = aiomqtt.Will(f"tele/{self.topic}/LWT", "Offline", qos=1, retain=True)
        while True:
            with suppress(aiomqtt.MqttError):
                async with aiomqtt.Client(host, port, will=will, keepalive=5, timeout=CALL_TIMEOUT_S) as client:
                    await self._live(client)
            self.ready.clear()
            await asyncio.sleep(RETRY_S)

    async def _live(self, client: aiomqtt.Client) -> None:
        await client.subscribe(f"cmnd/{self.topic}/+", qos=1)
        await client.publish(f"tele/{self.topic}/LWT", "Online", qos=1, retain=True)
        end_if_cancelled()
        self.ready.set()
        try:
            async for message in client.messages:
                if not self.deaf and isinstance(message.payload, bytes):
                    name = message.topic.value.rpartition("/")[2]
                    answer = self._answer(f"{name} {message.payload.decode()}")
                    ending = "STATUS8" if name.lower() == "status" else "RESULT"
                    said = GARBAGE if self.garbage else json.dumps(answer).encode()
                    await client.publish(f"stat/{self.topic}/{ending}", said)
                    end_if_cancelled()
        finally:
            with suppress(aiomqtt.MqttError):
                await client.publish(f"tele/{self.topic}/LWT", "Offline", qos=1, retain=True)


class TasmotaMqtt(TasmotaOnMqtt):
    """Relays on a broker; the controlled one is `channel` of `channels`."""

    def __init__(self, topic: str, world: PlugWorld, channels: int = 1, channel: int = 1) -> None:
        self.world, self.relay = world, TasmotaRelay(world, channels, channel)
        super().__init__(topic, self.relay.command)

    async def stop(self) -> None:
        """Vanish; the timer ends too."""
        self.relay.cancel()
        await super().stop()


class TasmotaMqttMeter(TasmotaOnMqtt):
    """An energy meter, or with `head` a reading head, on a broker."""

    def __init__(self, topic: str, provider: MeterProvider, *, phases: int = 3, head: bool = False) -> None:
        super().__init__(topic, lambda command: head_status(provider()) if head else energy_status(provider(), phases))
