"""What containers may do: as whom they run, what they may write, which ports are open, whom NATS takes them for."""

import json
from typing import Any

from tests.compose.engine import PORTS, Engine, Json

SERVICES = ("allocator", "meter_ingest", "ocpp_gateway", "plug_control", "planner")
NO_RIGHTS = "0000000000000000"
LOOPBACK = "127.0.0.1"
OPEN = {9000: {"0.0.0.0", "::", ""}, 9090: {LOOPBACK}, 3000: {LOOPBACK}, 1883: {LOOPBACK}}
"""Chargers come from the network; all else is looked at from this machine."""
STATUS = r"grep -E '^(Uid|Gid|CapEff|CapPrm|CapBnd|NoNewPrivs|Seccomp):' /proc/1/status; touch /written 2>&1; id -G"
FOREIGN = """
import asyncio, pathlib, nats
async def main():
    user, _, password = pathlib.Path('/run/secrets/credentials').read_text().strip().partition(':')
    said = []
    async def on_error(fault): said.append(str(fault))
    client = await nats.connect('nats://nats:4222', user=user, password=password, error_cb=on_error,
                                inbox_prefix=f'_INBOX_{user}'.encode())
    await client.publish('evenload.site.home.load.wallbox.setpoint', b'{}')
    await client.publish('evenload.site.home.reading.p1x', b'{}')
    await client.flush(); await client.flush()
    await client.close()
    print('\\n'.join(said))
asyncio.run(main())
"""
CONNECTIONS = """
import urllib.request
print(urllib.request.urlopen('http://nats:8222/connz?auth=1&limit=100', timeout=5).read().decode())
"""


async def without_rights(engine: Engine) -> str:
    """Every container: not root, nor in its group but Grafana, root not writable, no capability, no new rights."""
    found = await engine.containers()
    running = {name: each for name, each in found.items() if each["State"]["Status"] == "running"}
    for service, container in running.items():
        said = await engine.must(f"docker exec {container['Id']} sh -c {json.dumps(STATUS)}")
        facts = dict(
            line.split(":", 1) for line in said.splitlines() if line[:3] in ("Uid", "Gid", "Cap", "NoN", "Sec")
        )
        assert set(facts["Uid"].split()) == {str(engine.user)}, f"{service} runs as {facts['Uid']}"
        groups = {"0"} if service == "grafana" else {str(engine.user)}
        assert set(facts["Gid"].split()) == groups == set(said.splitlines()[-1].split()), f"{service}: {said}"
        assert {facts[name].strip() for name in ("CapEff", "CapPrm", "CapBnd")} == {NO_RIGHTS}, f"{service}: {said}"
        assert facts["NoNewPrivs"].strip() == "1", f"{service} may gain rights"
        assert facts["Seccomp"].strip() == "2", f"{service} runs without the engine's filter of system calls"
        assert "Read-only file system" in said, f"{service} may write to its root: {said}"
        assert container["HostConfig"]["ReadonlyRootfs"], service
        assert not container["HostConfig"]["Privileged"], service
    return f"{len(running)} containers run as {engine.user}, not root, root read-only, no capability, no new privileges"


async def open_ports(engine: Engine) -> str:
    """Only what the guide names is open on this machine, and only the chargers' port beyond it."""
    opened: dict[int, set[str]] = {}
    for service, container in (await engine.containers()).items():
        bindings: dict[str, list[Json] | None] = container["NetworkSettings"]["Ports"] or {}
        for binding in (each for held in bindings.values() for each in held or ()):
            port = int(binding["HostPort"])
            assert PORTS.get(port) == service, f"{service} opens port {port}"
            opened.setdefault(port, set()).add(binding["HostIp"])
    assert all(addresses <= OPEN[port] for port, addresses in opened.items()), opened
    assert {9000, 9090, 3000} <= set(opened), opened
    return "open: " + ", ".join(f"{port} on {' '.join(sorted(opened[port]))}" for port in sorted(opened))


async def own_credentials(engine: Engine, services: tuple[str, ...] = SERVICES) -> str:
    """Each service has one secret, its own; NATS knows each connection as that user."""
    for service in services:
        said = await engine.inside(
            service, "import os; print(*os.listdir('/run/secrets'), open('/run/secrets/credentials').read())"
        )
        held, _, credentials = said.strip().rpartition(" ")
        assert held == "credentials", f"{service} holds {held}"
        assert credentials.partition(":")[0] == service, f"{service} has the credentials of another"
    known: dict[str, Any] = json.loads(await engine.inside("planner", CONNECTIONS))
    users = {each["name"]: each["authorized_user"] for each in known["connections"]}
    for service in services:
        assert users.get(service, "").endswith(service), f"NATS takes {service} for {users.get(service)}; {users}"
    return f"NATS: {len(users)} connections, each with its service's own user"


async def foreign_denied(engine: Engine) -> str:
    """A meter's reader may say readings and may not set a load."""
    said = await engine.inside("meter_ingest", FOREIGN)
    denied = [line for line in said.splitlines() if "violation" in line.lower()]
    assert len(denied) == 1, said
    assert "wallbox.setpoint" in denied[0].lower(), said
    return f"meter_ingest, asked to set a load: {denied[0]}"
