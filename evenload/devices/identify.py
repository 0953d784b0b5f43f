"""What a device is, from what it says of itself on a port. Asks nothing that changes anything."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct

from evenload.devices.access import Access
from evenload.devices.errors import DeviceError
from evenload.devices.http import HttpDevice
from evenload.devices.json_path import find
from evenload.devices.marks import MARKS
from evenload.devices.modbus import Manners, ModbusAddress, ModbusLink
from evenload.devices.registers import Kind
from evenload.devices.sunspec import BASES, MARK, maker

TIMEOUT_S, TELEGRAM_WAIT_S = 1.5, 11.0
SUNSPEC_UNITS = (1, 126)
"""Unit ids that makers use."""


class Identity(Struct, frozen=True, kw_only=True):
    """A device that was found: its driver, what it is for, and keys beside the driver's address."""

    driver: str
    title: str
    role: str = ""
    """Empty: it is no meter."""
    plug: bool = False
    keys: Mapping[str, Any] = {}


Identify = Callable[[Access, str, int], Awaitable[tuple[Identity, ...]]]


async def http_device(access: Access, host: str, port: int) -> tuple[Identity, ...]:
    """Return what answers over HTTP."""
    device = HttpDevice(access.session, f"http://{host}:{port}", TIMEOUT_S)
    for path, query, told in _HTTP:
        try:
            found = told(await device.get(path, query))
        except DeviceError as trouble:
            if trouble.trouble == "silent":
                return ()  # it does not speak HTTP at all
            continue
        if found:
            return found
    return await _enphase(device)


async def _enphase(device: HttpDevice) -> tuple[Identity, ...]:
    with suppress(DeviceError):
        if "<envoy_info" in await device.text("/info"):
            title = "Enphase (firmware 7 and later: add token_file)"
            return tuple(Identity(driver="enphase", title=title, role=role) for role in ("grid", "solar"))
    return ()


def _homewizard(answer: Any) -> tuple[Identity, ...]:
    product = find(answer, ("product_type",))
    if not isinstance(product, str):
        return ()
    title = f"HomeWizard {product}"
    if product == "HWE-SKT":
        return (Identity(driver="homewizard", title=title, plug=True),)
    return (Identity(driver="homewizard", title=title, role="grid"),)


_SHELLY_COMPONENTS = {"em": "em", "em1": "em1", "pm1": "pm1"}


def _shelly(answer: Any) -> tuple[Identity, ...]:
    kind = find(answer, ("type",))
    if isinstance(kind, str) and kind.startswith("SH"):
        return _shelly_gen1(kind)
    app = find(answer, ("app",))
    if find(answer, ("gen",)) is None or not isinstance(app, str):
        return ()
    title = f"Shelly {app}"
    if "3EM" in app:
        return (Identity(driver="shelly", title=title, role="grid"),)
    if "EM" in app:
        return (Identity(driver="shelly", title=title, role="grid", keys={"component": "em1"}),)
    return (Identity(driver="shelly", title=title, plug=True),)


def _shelly_gen1(kind: str) -> tuple[Identity, ...]:
    keys: dict[str, Any] = {"generation": 1}
    if kind == "SHEM-3":
        return (Identity(driver="shelly", title="Shelly 3EM", role="grid", keys=keys),)
    if kind == "SHEM":
        clamps = ({**keys, "channel": channel, "phases": ["L1"]} for channel in (0, 1))
        return tuple(Identity(driver="shelly", title="Shelly EM, a clamp", role="circuit", keys=one) for one in clamps)
    return (Identity(driver="shelly", title=f"Shelly {kind}", plug=True, keys=keys),)


def _fronius(answer: Any) -> tuple[Identity, ...]:
    if find(answer, ("APIVersion",)) is None:
        return ()
    return tuple(Identity(driver="fronius", title="Fronius Solar API", role=role) for role in ("grid", "solar"))


def _tasmota(answer: Any) -> tuple[Identity, ...]:
    if not isinstance(find(answer, ("StatusSNS",)), dict):
        return ()
    energy = find(answer, ("StatusSNS", "ENERGY"))
    if isinstance(find(energy, ("Power",)), list) and len(energy["Power"]) == 3:
        return (Identity(driver="tasmota", title="Tasmota, three phases", role="grid"),)
    return (Identity(driver="tasmota", title="Tasmota", plug=True),)


_HTTP: tuple[tuple[str, Mapping[str, str] | None, Callable[[Any], tuple[Identity, ...]]], ...] = (
    ("/api", None, _homewizard),
    ("/shelly", None, _shelly),
    ("/solar_api/GetAPIVersion.cgi", None, _fronius),
    ("/cm", {"cmnd": "Status 8"}, _tasmota),
)


async def home_assistant(access: Access, host: str, port: int) -> tuple[Identity, ...]:
    """Return Home Assistant where its WebSocket greets."""
    with suppress(aiohttp.ClientError, TimeoutError, OSError, TypeError, msgspec.DecodeError):
        async with (
            asyncio.timeout(TIMEOUT_S),
            access.session.ws_connect(f"http://{host}:{port}/api/websocket") as socket,
        ):
            if msgspec.json.decode(await socket.receive_str()).get("type") == "auth_required":
                return (Identity(driver="homeassistant", title="Home Assistant (add entities and token_file)"),)
    return ()


async def modbus_device(access: Access, host: str, port: int) -> tuple[Identity, ...]:
    """Return what answers over Modbus: by its SunSpec list, else by where its make says what it is."""
    async with access.modbus.connection(ModbusAddress(host=host, port=port)) as link:
        asked = Units(link)
        for unit in SUNSPEC_UNITS:
            for base in BASES:
                words = await asked.read(unit, "holding", range(base, base + 20))
                if tuple(words[:2]) == MARK:
                    keys = {} if unit == 1 else {"unit": unit}
                    title, roles = f"SunSpec, {maker(words[4:20])}", ("solar", "grid")
                    return tuple(Identity(driver="sunspec", title=title, role=role, keys=keys) for role in roles)
        for mark in MARKS:
            words = await asked.read(mark.unit, mark.kind, mark.registers)
            title = mark.tells(words) if words else ""
            if title:
                return tuple(Identity(driver=mark.driver, title=title, role=role) for role in mark.roles)
    return ()


class Units:
    """The units behind a link; one that did not answer once is not asked again."""

    def __init__(self, link: ModbusLink) -> None:
        self._link, self._deaf = link, set[int]()

    async def read(self, unit: int, kind: Kind, registers: range) -> list[int]:
        """Return the words, none when it does not tell them."""
        if unit in self._deaf:
            return []
        try:
            return await self._link.read(unit, kind, registers, Manners(timeout_s=TIMEOUT_S))
        except DeviceError as trouble:
            if trouble.trouble == "silent":
                self._deaf.add(unit)
            return []


async def dsmr_port(access: Access, host: str, port: int) -> tuple[Identity, ...]:
    """Return a P1 reader by its telegram, for which older meters take 10 s."""
    with suppress(TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        async with asyncio.timeout(TELEGRAM_WAIT_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                await reader.readuntil(b"/")
                if (await reader.readexactly(4))[3:4].isdigit():
                    return (Identity(driver="dsmr", title="DSMR (P1) telegrams", role="grid"),)
            finally:
                writer.close()
    return ()


async def kasa_plug(access: Access, host: str, port: int) -> tuple[Identity, ...]:
    """Return a TP-Link Kasa plug by its port's answer."""
    with suppress(TimeoutError, OSError, asyncio.IncompleteReadError):
        async with asyncio.timeout(TIMEOUT_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(_KASA_QUESTION)
                length = int.from_bytes(await reader.readexactly(4), "big")
                start = await reader.readexactly(min(length, 10))
            finally:
                writer.close()
        if start[:1] == _KASA_QUESTION[4:5]:
            return (Identity(driver="tplink", title="TP-Link Kasa plug", plug=True),)
    return ()


_KASA_QUESTION = bytes.fromhex("0000001dd0f281f88bff9af7d5ef94b6d1b4c09fec95e68fe187e8caf08bf68bf6")
"""`{"system":{"get_sysinfo":{}}}` as it goes over the wire; an answer begins with the same brace."""
PORTS: Mapping[int, Identify] = {
    80: http_device,
    502: modbus_device,
    1502: modbus_device,
    2001: dsmr_port,
    8123: home_assistant,
    9999: kasa_plug,
}
"""Known port → who may live there."""
EVERY: tuple[tuple[Identify, ...], ...] = ((http_device, home_assistant, kasa_plug), (modbus_device,), (dsmr_port,))
"""What is tried on a port that is named by hand: each group at once, one group after the other."""
