"""`evenload detect`: look for devices where it is told to, and print lines for the site file."""

import asyncio
import ipaddress
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import click
import yaml
from msgspec import Struct

from evenload.devices.access import Access, open_access
from evenload.devices.identify import EVERY, PORTS, Identity

MAX_ADDRESSES = 1_024
AT_ONCE = 64
OPEN_WAIT_S = 1.0
MDNS_GROUP, MDNS_PORT, MDNS_WAIT_S = "224.0.0.251", 5353, 3.0
MDNS_SERVICES = ("_hwenergy._tcp", "_shelly._tcp", "_enphase-envoy._tcp", "_home-assistant._tcp", "_http._tcp")
DEFAULT_PORTS = {"sunspec": 502, "homeassistant": 8123, "tplink": 9999}


class Place(Struct, frozen=True):
    """An address; `port` None = all known ports."""

    host: str
    port: int | None = None


class Found(Struct, frozen=True):
    """A device and where it is."""

    place: Place
    identity: Identity


@click.command()
@click.argument("where", nargs=-1, metavar="[NETWORK|HOST[:PORT]]…")
@click.option("--mdns", is_flag=True, help="also ask the local network who is there (multicast DNS)")
def detect(where: tuple[str, ...], mdns: bool) -> None:
    """Look for devices at the hosts and in the networks named, as 192.168.1.0/24; nowhere else.

    Known ports are tried and questions asked that change nothing. What is found is printed as lines for a site file.

    \b
    Examples:
      evenload detect 192.168.1.0/24
      evenload detect 192.168.1.30 192.168.1.40:1502
      evenload detect --mdns
    """
    if not where and not mdns:
        raise click.UsageError("say where to look: a network as 192.168.1.0/24, hosts, or --mdns")
    found = asyncio.run(_look(places(where), mdns=mdns))
    if not found:
        raise click.ClickException("nothing known answers there; is it the right network, and are local APIs on?")
    click.echo(site_lines(found))


def places(where: Iterable[str]) -> list[Place]:
    """Return the addresses that are meant, at most `MAX_ADDRESSES`."""
    found: list[Place] = []
    for text in where:
        host, colon, port = text.rpartition(":")
        if colon and port.isdigit():
            found.append(Place(host, int(port)))
        elif "/" in text:
            found += _network(text)
        else:
            found.append(Place(text))
    if len(found) > MAX_ADDRESSES:
        raise click.UsageError(f"{len(found)} addresses are too many; name networks of together ≤ {MAX_ADDRESSES}")
    return found


def _network(text: str) -> list[Place]:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as fault:
        raise click.UsageError(f"{text} is no network: {fault}") from fault
    if network.num_addresses > MAX_ADDRESSES:
        raise click.UsageError(f"{text} has {network.num_addresses} addresses; name a network of ≤ {MAX_ADDRESSES}")
    return [Place(str(address)) for address in network.hosts()]


async def _look(named: list[Place], *, mdns: bool) -> list[Found]:
    access, turns = open_access(), asyncio.Semaphore(AT_ONCE)
    try:
        if mdns:
            named = [*named, *(Place(host) for host in await responders())]
        jobs = [_place(access, turns, place) for place in dict.fromkeys(named)]
        return [found for several in await asyncio.gather(*jobs) for found in several]
    finally:
        await access.close()


async def _place(access: Access, turns: asyncio.Semaphore, place: Place) -> list[Found]:
    found: list[Found] = []
    ports = PORTS if place.port is None else {place.port: None}
    for port, who in ports.items():
        async with turns:
            if not await _is_open(place.host, port):
                continue
            for group in EVERY if who is None else ((who,),):
                told = await asyncio.gather(*(identify(access, place.host, port) for identify in group))
                identities = next((one for one in told if one), ())
                found += [Found(Place(place.host, port), identity) for identity in identities]
                if identities:
                    break
    return found


async def _is_open(host: str, port: int) -> bool:
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(OPEN_WAIT_S):
            _, writer = await asyncio.open_connection(host, port)
        writer.close()
        return True
    return False


def site_lines(found: list[Found]) -> str:
    """Return the lines for a site file, each with what the device says it is."""
    meters, loads, others = ["meters:"], ["loads:"], []
    for number, one in enumerate(found, 1):
        identity = one.identity
        usual = DEFAULT_PORTS.get(identity.driver, 80)
        host = one.place.host if one.place.port == usual else f"{one.place.host}:{one.place.port}"
        keys = {"driver": identity.driver, "host": host, **identity.keys}
        if identity.plug:
            plug = {"type": "plug", **keys, "power_w": 2000, "phases": ["L1"]}
            loads.append(f"  plug{number}: {_flow(plug)}  # {identity.title}; set power_w and phases")
        elif identity.role:
            meters.append(f"  {identity.role}{number}: {_flow({'role': identity.role, **keys})}  # {identity.title}")
        else:
            others.append(f"# {identity.title} at {host}")
    sections = [section for section in (meters, loads) if len(section) > 1]
    return "\n".join([line for section in sections for line in section] + others)


def _flow(mapping: dict[str, Any]) -> str:
    return yaml.safe_dump(mapping, sort_keys=False, default_flow_style=True, width=10_000).strip()


def mdns_question() -> bytes:
    """Return one question for all services that devices of ours announce (RFC 6762), answers wanted directly."""
    names = b"".join(
        b"".join(bytes([len(label)]) + label.encode() for label in f"{service}.local".split(".")) + b"\0"
        + struct.pack(">HH", 12, 0x8001)
        for service in MDNS_SERVICES
    )  # fmt: skip
    return struct.pack(">HHHHHH", 0, 0, len(MDNS_SERVICES), 0, 0, 0) + names


class _Responders(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.hosts: dict[str, None] = {}

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        if len(self.hosts) < MAX_ADDRESSES:
            self.hosts[str(addr[0])] = None


async def responders(group: str = MDNS_GROUP, port: int = MDNS_PORT, wait_s: float = MDNS_WAIT_S) -> list[str]:
    """Return the addresses that answer the question within `wait_s`."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(_Responders, family=socket.AF_INET)
    try:
        with suppress(OSError):
            transport.sendto(mdns_question(), (group, port))
            await asyncio.sleep(wait_s)
    finally:
        transport.close()
    return list(protocol.hosts)
